"""Prompts: immutable versions, and pointers that say which one is active.

in     prompt.commands
out    prompt.events: what changed, and what was refused
state  prompt.state: versions and pointers, read by others as a table
rule   a version never changes; a pointer moves by one event
"""
