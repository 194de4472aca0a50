"""Worker of model_invoke nodes: a prompt, rendered with the node's input, answered by a language model.

in     node.model_invoke.requests
out    node.outcomes
state  the call journal in Postgres
rule   a call that has been answered is never made again; one that may have been made follows the node's `on_ambiguous`

    core/         plan and interpret, pure
    wire/         providers' formats, pure
    exchange.py   one request and its answer, bounded
    redaction.py  no credential leaves with what a provider says
    adapters.py   providers over HTTP
    job.py        both halves around the port
"""
