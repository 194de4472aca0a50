"""Event models, one module a domain, generated from `schemas/`."""

from headrace.events import control, document, model, node, resource, run, usage

__all__ = ["control", "document", "model", "node", "resource", "run", "usage"]
