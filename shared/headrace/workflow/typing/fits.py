"""Whether a value of one type can be one of another. What may fit, fits: only what never does is told."""

from collections.abc import Iterator

from headrace.fault import Fault, did_you_mean
from headrace.workflow.typing.types import ANY, PLAIN, Type, overlap


def misfits(given: Type, wanted: Type) -> Iterator[Fault]:
    """Why it can't; paths are those inside the value, `[]` for the elements of a list."""
    if given is ANY or wanted is ANY or not given.kinds or not wanted.kinds:
        return
    if not overlap(given.kinds, wanted.kinds):
        yield Fault("type_mismatch", (), f"this is {given}, but {wanted} is wanted", _hint(given, wanted))
    elif given.kinds == {"map"} and "map" in wanted.kinds:
        yield from _fields(given, wanted)
    elif given.kinds == {"list"} and "list" in wanted.kinds:
        yield from (fault.below("[]") for fault in misfits(given.items, wanted.items))


def _fields(given: Type, wanted: Type) -> Iterator[Fault]:
    for name in sorted(wanted.required):
        if not given.allows(name):
            yield Fault("missing_field", (), f"the field {name} is missing, which must be there", _bound(name, given))
    for name, held in given.fields.items():
        if wanted.allows(name):
            yield from (fault.below(name) for fault in misfits(held, wanted.at(name)))
        elif name in given.required:
            hint = did_you_mean(name, wanted.fields) or "it takes no fields at all"
            yield Fault("unknown_field", (name,), f"a field {name} is not wanted here", hint)


def _bound(name: str, given: Type) -> str:
    return f"give it {name}" + (f" beside {', '.join(sorted(given.fields))}"[:200] if given.fields else "")


def _hint(given: Type, wanted: Type) -> str:
    if wanted.kinds == {"string"} and given.kinds <= {"bool", "int", "uint", "double", "number"}:
        return "write string(...) around it"
    if not given.kinds & PLAIN:
        return "write string(...) around it"
    if wanted.kinds == {"bool"}:
        return "compare it with something, such as != ''"
    if wanted.kinds == {"list"}:
        return "write [...] around it, if it is to be the only element"
    return ""
