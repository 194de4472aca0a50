"""Bodies of prompts in the object store.

store.py     one object a body: put, get, destroy
loading.py   pinned prompts with their bodies, for workers
"""

from headrace.bodies.loading import Bodies, BodyUnusable
from headrace.bodies.store import BodyStore, key_of

__all__ = ["Bodies", "BodyStore", "BodyUnusable", "key_of"]
