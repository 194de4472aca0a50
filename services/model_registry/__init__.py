"""Models, their aliases, and budgets: immutable versions, and pointers that say which one is active.

in     model.commands; budget.commands
out    model.events, budget.events: what changed, and what was refused
state  model.state, budget.state: versions and pointers, read by others as tables
rule   a version never changes; a pointer moves by one event
"""
