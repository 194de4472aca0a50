"""Projections of the log for queries: every run, every attempt of a node, every change of a resource.

in     run.events, prompt.events, model.events, workflow.events, budget.events
out    tables in Postgres: runs, run_nodes, resource_changes, and the view run_costs
state  projection_positions in the same database, moved with the rows
rule   rows follow from the log alone; `python -m projector rebuild` drops them, and they come back as they were
"""
