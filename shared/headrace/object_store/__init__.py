"""The object store behind boto3: content-addressed, encrypted with KMS, the digest checked on every read.

Import what you need from its modules: `store.py` brings boto3, 10 MB, which not everybody needs.

content.py   what an object holds
settings.py  where the store is
faults.py    what the store's errors mean
store.py     put, get, destroy
"""
