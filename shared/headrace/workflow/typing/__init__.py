"""Types of a workflow's expressions, found before it runs. Pure.

JSON Schemas say what inputs and outputs hold, the syntax trees of expressions what becomes of them. What no schema says
may be anything, and anything is never a fault.

types.py      what is known of a value
schemas.py    from a JSON Schema to a type
operators.py  what CEL's operators take and make
inference.py  from an expression to its type and its faults
fields.py     fields that there can't be, or that hardly anybody meant
fits.py       whether a type can be another
outputs.py    what expressions see
checker.py    all expressions of a workflow
trees.py      from texts to syntax trees
wording.py    parts of expressions for people
"""

from headrace.workflow.typing.checker import TypedWorkflow, type_faults

__all__ = ["TypedWorkflow", "type_faults"]
