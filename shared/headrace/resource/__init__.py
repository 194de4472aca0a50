"""Prompts, models, aliases and workflows: immutable versions, and pointers that say which one is active.

aggregate.py  the pure rules, the same for all four
machine.py    the rules as a machine: one instance a service
catalog.py    resources as the router sees them, from the state topics
specs.py      the shapes of prompts, models, aliases and document sets
files.py      YAML files to resources, or all their faults with file and line
"""
