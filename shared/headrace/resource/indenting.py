"""What is indented too far, or not far enough: where a key belongs that is known one level deeper or higher."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import BaseModel

from headrace.fault import Fault, Path
from headrace.nodes import NODE_TYPES
from headrace.resource.specs import KINDS
from headrace.shape import below, is_model
from headrace.workflow import WorkflowSpec
from headrace.workflow.spec import NodeSpec

NODES = ("spec", "nodes")


def explained(envelope: type[BaseModel], document: Any, judge: Callable[[Any], list[Fault]]) -> list[Fault]:
    """All faults of a document; what stands in a wrong place is judged as if it stood in the right one."""
    found = judge(document)
    if not isinstance(document, dict):
        return found
    moves = [*_of_nodes(document)] or [*_of_keys(envelope, document, found)]
    if not moves:
        return found
    rest = explained(envelope, _moved(document, moves), judge)
    return [*(move.fault for move in moves), *(_as_written(fault, moves) for fault in rest)]


class Move(NamedTuple):
    """Something that stands at one path and belongs at another, if that can be told."""

    fault: Fault
    path: Path
    home: Path | None


def _of_nodes(document: Mapping[str, Any]) -> Iterator[Move]:
    """What stands among a workflow's nodes and is a field of a node, or of the spec."""
    spec = document.get("spec")
    nodes = spec.get("nodes") if document.get("kind") == "Workflow" and isinstance(spec, dict) else None
    before = ""
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        kind = node.get("type") if isinstance(node, dict) else None
        if name not in {*_keys(NodeSpec), *_keys(WorkflowSpec)} or (isinstance(kind, str) and kind in NODE_TYPES):
            before = name
            continue
        of_spec = not _has(document, ("spec",), name) and (
            (name == "output" and kind is None) or name not in _keys(NodeSpec)
        )
        home = ("spec",) if of_spec else (*NODES, before) if before else None
        under = f"indent {name} under the node before it, {before}" if before else f"indent {name} under a node"
        hint = _way(NODES, ("spec",)) if of_spec else under
        path = (*NODES, name)
        fault = Fault("missing_key", path, f"{name} is read as a node, and has no type of one", hint)
        yield Move(fault, path, home and (*home, name))


def _of_keys(envelope: type[BaseModel], document: Mapping[str, Any], faults: Iterable[Fault]) -> Iterator[Move]:
    """Unknown keys that are known elsewhere."""
    for fault in faults:
        home = _home_of_key(envelope, document, fault.path) if fault.code == "unknown_key" else None
        if home is not None:
            told = replace(fault, hint=_way(fault.path[:-1], home))
            yield Move(told, fault.path, (*home, fault.path[-1]))


def _moved(document: Mapping[str, Any], moves: Iterable[Move]) -> dict[str, Any]:
    """A copy in which all stands where it belongs, or is gone where that is not clear."""
    copied = deepcopy(dict(document))
    for move in sorted(moves, key=lambda move: -len(move.path)):
        above = _at(copied, move.path[:-1])
        part = above.pop(move.path[-1], None) if isinstance(above, dict) else None
        if move.home:
            _put(copied, move.home, part)
    return copied


def _put(document: dict[str, Any], path: Path, part: Any) -> None:
    here = document
    for step in path[:-1]:
        inside = _at(here, (step,))
        if inside is None and isinstance(here, dict):
            inside = here[str(step)] = {}
        here = inside
    if isinstance(here, dict):
        here.setdefault(str(path[-1]), part)


def _as_written(fault: Fault, moves: Iterable[Move]) -> Fault:
    """A fault in what was moved, with the path that its author knows."""
    for move in moves:
        if move.home and fault.path[: len(move.home)] == move.home:
            return replace(fault, path=(*move.path, *fault.path[len(move.home) :]))
    return fault


def _home_of_key(envelope: type[BaseModel], document: Mapping[str, Any], path: Path) -> Path | None:
    """Under what an unknown key belongs, one level deeper or anywhere above, if that has no such key yet."""
    *above, key = path
    here = _shape(envelope, document, tuple(above))
    inner = [(*above, name) for name in (_keys(here) if here else ())]
    outer = [tuple(above[:length]) for length in range(len(above) - 1, -1, -1)]
    for place in (*inner, *outer):
        shape = _shape(envelope, document, place)
        if shape and key in _keys(shape) and not _has(document, place, key):
            return place
    return None


def _way(there: Path, home: Path) -> str:
    """How a key gets from under one path to under another."""
    if not home:
        return "it belongs at the top, beside kind and spec"
    return f"{'in' if len(home) > len(there) else 'out'}dent it: it belongs under {home[-1]}"


def _shape(envelope: type[BaseModel], document: Mapping[str, Any], path: Path) -> type[BaseModel] | None:
    """The shape of what stands at a path, if it has keys of its own."""
    here: Any = envelope
    for length, step in enumerate(path, 1):
        here = _inside(document, path[:length]) or below(here, step)
    return here if is_model(here) else None


def _inside(document: Mapping[str, Any], path: Path) -> type[BaseModel] | None:
    """The shape of what depends on what stands beside it: a spec on its kind, a configuration on its node's type."""
    if path == ("spec",) and isinstance(document.get("kind"), str) and document["kind"] in KINDS:
        return KINDS[document["kind"]].spec
    if document.get("kind") != "Workflow" or path[:2] != NODES or path[3:] != ("config",):
        return None
    kind = _at(document, (*path[:3], "type"))
    return NODE_TYPES[kind].config if isinstance(kind, str) and kind in NODE_TYPES else None


def _keys(shape: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in shape.model_fields.items()]


def _has(document: Mapping[str, Any], path: Path, key: Any) -> bool:
    found = _at(document, path)
    return isinstance(found, dict) and key in found


def _at(value: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for step in path:
        parts: dict[Any, Any] = dict(enumerate(value)) if isinstance(value, list) else value
        value = parts.get(step) if isinstance(parts, dict) else None
    return value
