"""Worker of template nodes: values computed by CEL, texts made by Jinja2.

in     node.template.requests, node.stops
out    node.outcomes
state  none
rule   pure: the same request has the same outcome, so nothing is journaled
"""
