"""Prompts: immutable versions, pointers that say which one is active, and bodies in the object store.

in     prompt.commands, and prompt.findings: bodies that workers could not use
out    prompt.events: what changed, what was refused, and what was found
state  prompt.state: versions and pointers, read by others as a table
rule   a version never changes; a pointer moves by one event; no word of a stored body leaves the store from here
"""
