"""The engine: every run is a state machine, and its log is the truth.

in     run.requests, run.children, node.outcomes; workflow.commands
out    run.events, run.results, run.children, node.<type>.requests, node.stops; workflow.events
state  run.state: runs in flight and ids of ended runs; workflow.state: versions and pointers of workflows
rule   a run depends on nothing but its log: everything that it uses is pinned when it starts
"""
