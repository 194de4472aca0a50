"""Bodies of prompts in the object store: content-addressed, encrypted with KMS, their digest checked on every read.

settings.py  where the store is
faults.py    what the store's errors mean
store.py     one object a body: put, get, destroy
loading.py   pinned prompts with their bodies, for workers
"""

from headrace.bodies.loading import Bodies, BodyUnusable
from headrace.bodies.settings import BUCKET, KMS_ALIAS, LOCAL_SECRET, StoreSettings
from headrace.bodies.store import BodyStore, key_of

__all__ = ["BUCKET", "KMS_ALIAS", "LOCAL_SECRET", "Bodies", "BodyStore", "BodyUnusable", "StoreSettings", "key_of"]
