"""Models and aliases: immutable versions, and pointers that say which one is active.

in     model.commands
out    model.events: what changed, and what was refused
state  model.state: versions and pointers, read by others as a table
rule   a version never changes; a pointer moves by one event
"""
