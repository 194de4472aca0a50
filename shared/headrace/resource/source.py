"""YAML text to plain values that know their places, or to every fault in it.

The YAML is the subset that is also JSON: text, numbers, true, false, null, lists and mappings with text keys. So `on`,
`no`, `1:30` and dates stay text, as YAML 1.2 has it, and what a file says is what the canonical JSON will say.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from headrace.fault import Fault, Path
from headrace.resource.content import DEEPEST

MOST_VALUES = 100_000
"""Values in one document, aliases expanded: a small file can't become a large one."""

Place = tuple[int, int]
"""Line and column, from 1."""

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_SCALARS = (
    ("null", re.compile(r"null|Null|NULL|~|"), ["n", "N", "~", ""]),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", re.compile(r"-?(0|[1-9][0-9]{0,17})"), list("-0123456789")),
    ("float", re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"), list("-0123456789")),
)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and where each part of it stands, by path; a mapping's key stands for its value.

    unread: paths whose values could not be read as they are written; each has a fault already.
    """

    value: Any
    places: Mapping[Path, Place]
    unread: frozenset[Path] = frozenset()

    def place(self, path: Path) -> Place:
        """Where a path stands; for one that is not there, such as a missing key, the nearest part around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


Found = tuple[Fault, Place]

UNFIT = re.compile("[\0\ud800-\udfff]")
"""Characters that escapes can write but no store keeps: U+0000, and halves of surrogate pairs."""
_PAIRS = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class _Loader(yaml.SafeLoader):
    """YAML whose untagged scalars are JSON's."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _SCALARS:
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _whole, _first)


def parse(data: bytes) -> tuple[list[Document], list[Found]]:
    """The documents in a file's bytes, empty ones left out, and every fault; nothing is read behind a syntax fault."""
    documents: list[Document] = []
    faults: list[Found] = []
    try:
        for node in yaml.compose_all(_text(data), _Loader):
            if not _empty(node):
                reader, before = _Reader(faults), len(faults)
                value = reader.read(node, ())
                documents.append(Document(value, reader.places, frozenset(fault.path for fault, _ in faults[before:])))
    except _Unparsable as error:
        faults.append(error.found)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.append((_syntax_fault(error, _line(data, mark)), (mark.line + 1, mark.column + 1) if mark else (1, 1)))
    except RecursionError:
        faults.append((_too_deep(()), (1, 1)))
    return documents, faults


class _Unparsable(Exception):
    """Nothing more can be read; `found` says why."""

    def __init__(self, fault: Fault, place: Place) -> None:
        super().__init__(str(fault))
        self.found = (fault, place)


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault("not_utf8", (), f"byte 0x{data[error.start]:02X} is not UTF-8", "save the file as UTF-8")
        raise _Unparsable(fault, _place_in(data[: error.start].decode(), error.start)) from error
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        fault = Fault("yaml_invalid", (), f"the character U+{ord(found[0]):04X} is not allowed in YAML", "remove it")
        raise _Unparsable(fault, _place_in(text, found.start()))
    return text


def _place_in(text: str, position: int) -> Place:
    before = text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _line(data: bytes, mark: yaml.Mark | None) -> str:
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", data.decode("utf-8-sig"))
    return lines[mark.line] if mark and mark.line < len(lines) else ""


def _syntax_fault(error: yaml.MarkedYAMLError, line: str) -> Fault:
    problem = error.problem or "not YAML"
    if "'\\t'" in problem:
        return Fault("yaml_tab", (), "a tab can't indent YAML", "use spaces")
    if found := _BARE_TEMPLATE.match(line):
        return Fault("yaml_invalid", (), f"not YAML: a value that begins with {found[1]} must be in quotes")
    if "<block end>" in problem and line.rstrip().endswith(","):
        return Fault("yaml_invalid", (), "not YAML: a comma at the end of a line", "remove it: each line is an entry")
    message, hint = next((words for part, words in _SYNTAX.items() if part in problem), (problem, ""))
    return Fault("yaml_invalid", (), f"not YAML: {message}", hint)


_BARE_TEMPLATE = re.compile(r"(?:[^'\"#{]*[:-] |\s*)(\{\{|\{%)")
_SYNTAX: Mapping[str, tuple[str, str]] = {
    "mapping values are not allowed": (
        "a colon where no key can stand",
        "indent this line like those beside it, or quote text that holds a colon",
    ),
    "<block end>": ("this line is indented unlike those beside it", "indent it as they are"),
    "end of stream while scanning a quoted": ("a quote is not closed", "close it"),
    "unexpected end of stream": ("a quote is not closed", "close it"),
    "expected ',' or": ("a comma is missing, or a bracket is not closed", "quote text that begins with [ or {"),
    "undefined alias": ("no & marks what * refers to here", "quote text that begins with *"),
    "cannot start any token": ("no text can begin with this character", "quote the text"),
    "could not find expected ':'": ("a key without a colon", "write key: value, and indent what belongs to it"),
}
"""Message and hint, by a part of what the parser says."""


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null") and not node.value


class _Reader:
    """Turns nodes into values, and notes places and faults on the way."""

    def __init__(self, faults: list[Found]) -> None:
        self.places: dict[Path, Place] = {}
        self.faults = faults

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.places.setdefault(path, _mark(node))
        if len(self.places) > MOST_VALUES:
            message = f"more than {MOST_VALUES} values in one document"
            raise _Unparsable(Fault("yaml_too_large", (), message), _mark(node))
        if len(path) > DEEPEST:
            return self._fault(_too_deep(path), self.places[path])
        if node.tag not in _TAGS:
            fault = Fault("yaml_tag", path, f"the tag {node.tag} is not supported", "remove it")
            return self._fault(fault, self.places[path])
        if isinstance(node, yaml.MappingNode):
            return {key: self.read(value, (*path, key)) for key, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _pairs(self, mapping: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, Place] = {}
        for node, value in mapping.value:
            key = _joined(node.value) if isinstance(node, yaml.ScalarNode) else ""
            if fault := _key_fault(node, key, path, seen.get(key)):
                self._fault(fault, _mark(node))
                continue
            seen[key] = self.places[*path, key] = _mark(node)
            yield key, value

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text, kind = _joined(node.value), node.tag.rpartition(":")[2]
        try:
            value = _READ[kind](text)
        except (ValueError, KeyError):
            return self._fault(Fault("yaml_tag", path, f"{text!r:.80} is no {kind}"), self.places[path])
        if isinstance(value, str) and (found := UNFIT.search(value)):
            return self._fault(_unfit(path, found[0]), self.places[path])
        if isinstance(value, float) and not math.isfinite(value):
            fault = Fault("number_too_large", path, f"{text:.80} is too large a number")
            return self._fault(fault, self.places[path])
        return value

    def _fault(self, fault: Fault, place: Place) -> None:
        self.faults.append((fault, place))


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_READ: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: _WORDS[text.lower()],
    "null": lambda text: _WORDS[text.lower()],
}


def _joined(text: str) -> str:
    """A text with its pairs of surrogates as characters: JSON escapes such characters in two halves (RFC 8259, 7)."""
    return _PAIRS.sub(lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _key_fault(node: yaml.Node, key: str, path: Path, before: Place | None) -> Fault | None:
    if not isinstance(node, yaml.ScalarNode):
        return Fault("key_invalid", path, "a key must be text", "put a text that has {{ }} in it in quotes")
    if found := UNFIT.search(key):
        return _unfit(path, found[0])
    if before:
        return Fault("duplicate_key", (*path, key), f"a second {key:.80}, the first is in line {before[0]}")
    if key == "<<":
        return Fault("merge_key", path, "merge keys (<<) are not supported", "write the keys out")
    return None


def _unfit(path: Path, character: str) -> Fault:
    message = f"the character U+{ord(character):04X} can't be part of a text"
    return Fault("character_invalid", path, message, "remove it")


def _too_deep(path: Path) -> Fault:
    return Fault("yaml_too_deep", path[:1], f"nested more than {DEEPEST} deep")


def _mark(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
