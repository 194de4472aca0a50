"""The outside of vector search: an embedding server over HTTP, and Qdrant."""
