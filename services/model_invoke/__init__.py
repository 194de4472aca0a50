"""Worker of model_invoke nodes: a prompt, rendered with the node's input, answered by a language model.

in     node.model_invoke.requests, node.stops; model.health, model.state and budget.state as tables
out    node.outcomes; model.calls, model.health, run.tokens, prompt.findings
state  the call journal and the ledger of budgets in Postgres
rule   a call that has been answered is never made again; one that may have been made follows the node's `on_ambiguous`

    job.py      plan, perform, interpret: the way in
    core/       from a node to its question, and from answers to its outcome; pure
    attempt/    the candidates of one attempt, one after the other
    guards/     what may keep a call from being made: circuit breakers, rates
    money/      who pays for it: budgets
    provider/   who answers it, over HTTP
    ports.py    what an attempt needs of the last two, of bodies and of announcements
"""
