"""Event models, one module a domain, generated from `schemas/`."""

from headrace.events import control, document, node, resource, run

__all__ = ["control", "document", "node", "resource", "run"]
