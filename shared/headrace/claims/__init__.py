"""Payloads that are too large to travel: they wait in the object store, and a claim to them travels.

    {"$claim": {"sha256": "…", "bytes": 1048576}}

claim.py   claims in JSON values; pure
claims.py  values to claims, and claims to values
"""

from headrace.claims.claim import Claim, claims_in
from headrace.claims.claims import Claims

__all__ = ["Claim", "Claims", "claims_in"]
