"""Worker of model_invoke nodes: a prompt, rendered with the node's input, answered by a language model.

in     node.model_invoke.requests; model.health, model.state and budget.state as tables
out    node.outcomes; model.calls, model.health, run.tokens, prompt.findings
state  the call journal and the ledger of budgets in Postgres
rule   a call that has been answered is never made again; one that may have been made follows the node's `on_ambiguous`

    core/         plan and interpret, pure
    job.py        both halves around the port
    chain.py      the candidates of one attempt, in their order
    calling.py    one call, through what may keep it from being made:
    breakers.py     a model that keeps failing is left alone
    rates.py        a model's limits, and Retry-After
    ledger.py       budgets, reserved before and settled after; paying.py waits while they are away
    adapters.py   providers over HTTP
    exchange.py   one request and its answer, bounded
    wire/         providers' formats, pure
    redaction.py  no credential leaves with what a provider says
    trail.py      what the candidates have done: measured, told, answered for
    pieces.py     a streamed answer on its way to run.tokens
"""
