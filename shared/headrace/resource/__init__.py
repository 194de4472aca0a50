"""Prompts, models, aliases, workflows and budgets: immutable versions, and pointers that say which one is active.

The rules, the same for all of them; pure:

    aggregate.py      what a command leads to, and what exists afterwards
    state.py          what exists under one name
    versions.py       versions are made, never changed, and retired
    pointers.py       pointers move, or split their traffic
    splits.py         where a pointer stands, and which share a key gets
    approvals.py      protected pointers need a second actor
    pausing.py        a workflow's runs are held, or go on
    erasure.py        stored bodies are destroyed
    content.py        what a version may hold, and its digest
    machine.py        the rules as a machine: one instance a service

What a version holds:

    naming.py         names, pointers, versions and references, as people write them
    specs.py          the kinds, and what the spec of each must look like
    model.py, prompt.py, budget.py  their shapes; those of workflows are in headrace.workflow
    body.py           messages of prompts, and when they must be stored
    prompt_faults.py  what must hold in a prompt, beside its shape
    published.py      the shapes as a JSON Schema, for editors

Files, and what is read back:

    source.py         YAML text to values that know their places
    files.py          files to resources, or to every fault in them
    exact.py          what is written is taken to the letter
    mending.py        what a misspelt key was meant to be
    documents.py      a document set's files as commands
    catalog.py        references resolved to versions, from the entries of the state topics
"""
