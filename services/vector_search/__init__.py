"""Passages of documents by meaning: a worker of vector_search nodes, and the ingest that gives it something to find.

in     node.vector_search.requests, node.stops, document.commands
out    node.outcomes, document.events
state  vectors in Qdrant; made again from document.events when they are lost
rule   only its own faults refuse a document: what is away is waited for, and what was accepted is never lost

    core/        where a text is cut, what is accepted, what is asked: pure
    search.py    the job of a node
    ingest.py    the job of a document
    indexing.py  documents to vectors, with patience
    rebuild.py   collections from the log
"""
