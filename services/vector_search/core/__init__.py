"""Decisions of vector search, pure: no clock, no client.

passages.py  a text, cut into passages that stand alone
documents.py what may be ingested, and what becomes of it
query.py     what a node asks
"""
