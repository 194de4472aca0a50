"""YAML files to resources, or to every fault in them with file, line and column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from headrace.fault import Fault, did_you_mean, from_pydantic
from headrace.resource.body import body_of, must_be_stored, with_stored
from headrace.resource.content import LARGEST_SPEC, canonical
from headrace.resource.naming import NAME
from headrace.resource.prompt import LARGEST_BODY, Spec
from headrace.resource.source import Document, Found, parse
from headrace.resource.specs import KINDS, check

SUFFIXES = (".yaml", ".yml")
LARGEST_FILE = 4_194_304
"""Bytes."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """A fault and its place; line and column count from 1."""

    fault: Fault
    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """`file:line:column: what`, as editors and CI systems understand it."""
        return f"{self.file}:{self.line}:{self.column}: {self.fault}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as its file has it."""

    kind: str
    name: str
    spec: dict[str, Any]
    file: Path
    document: Document

    @property
    def domain(self) -> str:
        """Resources of one domain share their names: a model and an alias can't have the same."""
        return "model" if self.kind == "ModelAlias" else self.kind.lower()

    def place(self, fault: Fault) -> FileFault:
        """A fault in this resource, with its place; its path starts at the top of the document."""
        return FileFault(fault, self.file, *self.document.place(fault.path))


@dataclass(slots=True)
class Loaded:
    """What files hold, and everything that is wrong with them."""

    resources: list[Resource] = field(default_factory=list)
    faults: list[FileFault] = field(default_factory=list)


class Metadata(Spec):
    """What a resource is called."""

    name: str = Field(pattern=rf"^{NAME.pattern}$", description="1-63 of a-z, 0-9 and -, not at its ends")


class Envelope(Spec):
    """What every resource looks like from outside."""

    api_version: Literal["headrace/v1"] = Field(alias="apiVersion")
    kind: str
    metadata: Metadata
    spec: dict[str, Any]


def load(paths: Iterable[Path]) -> Loaded:
    """The resources in these files, and in the YAML files below these directories."""
    loaded = Loaded()
    files: dict[Path, None] = {}
    for path in paths:
        try:
            found = [path] if path.is_file() else _below(path)
        except OSError as error:
            loaded.faults.append(FileFault(_unreadable(error), path))
            continue
        files.update(dict.fromkeys(found))
        if not found:
            loaded.faults.append(FileFault(_nothing(path), path))
    for file in files:
        _read(file, loaded)
    loaded.faults += _twins(loaded.resources)
    loaded.faults.sort(key=lambda fault: (str(fault.file), fault.line, fault.column))
    return loaded


def _below(directory: Path) -> list[Path]:
    found = (path for path in directory.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(directory).parts))


def _nothing(path: Path) -> Fault:
    if path.exists():
        return Fault("no_files", (), f"no file below this directory ends in {' or '.join(SUFFIXES)}")
    return Fault("file_not_found", (), "no such file or directory")


def _unreadable(error: OSError) -> Fault:
    return Fault("file_unreadable", (), f"can't be read: {error.strerror}")


def _read(file: Path, loaded: Loaded) -> None:
    try:
        data = file.read_bytes()
    except OSError as error:
        loaded.faults.append(FileFault(_unreadable(error), file))
        return
    if len(data) > LARGEST_FILE:
        fault = Fault("file_too_large", (), f"{len(data)} bytes, at most {LARGEST_FILE} are allowed")
        loaded.faults.append(FileFault(fault, file))
        return
    documents, found = parse(data)
    if not documents and not found:
        loaded.faults.append(FileFault(Fault("file_empty", (), "no resource in this file"), file))
    for document in documents:
        faults = _new(found, document)
        found += [(fault, document.place(fault.path)) for fault in faults]
        if not faults and (resource := _resource(document, file)):
            loaded.resources.append(resource)
    loaded.faults += [FileFault(fault, file, *place) for fault, place in found]


def _new(found: Sequence[Found], document: Document) -> list[Fault]:
    """A document's faults, less those in a place that the parser has complained about already."""
    places = {place for _, place in found}
    return [fault for fault in _faults(document.value) if document.place(fault.path) not in places]


def _resource(document: Document, file: Path) -> Resource | None:
    try:
        envelope = Envelope.model_validate(document.value)
    except ValidationError:  # reported by the parser
        return None
    return Resource(envelope.kind, envelope.metadata.name, envelope.spec, file, document)


def _faults(value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault("not_a_resource", (), "a resource is a mapping with apiVersion, kind, metadata and spec")
        return
    try:
        Envelope.model_validate(value)
    except ValidationError as error:
        yield from map(_named, from_pydantic(error, Envelope))
    kind, spec = value.get("kind"), value.get("spec")
    if isinstance(kind, str) and kind not in KINDS:
        yield Fault("unknown_kind", ("kind",), f"no kind {kind!r:.80}", did_you_mean(kind, KINDS))
    elif isinstance(kind, str) and isinstance(spec, dict):
        yield from (fault.below("spec") for fault in (*check(kind, spec), *_size_faults(kind, spec)))


def _size_faults(kind: str, spec: dict[str, Any]) -> Iterator[Fault]:
    """What is too large, in the spec as it is sent: large bodies of prompts are stored apart."""
    body = body_of(spec) if kind == "Prompt" else None
    if body is not None and len(body) > LARGEST_BODY:
        message = f"the messages have {len(body)} bytes as JSON, at most {LARGEST_BODY} are allowed"
        yield Fault("body_too_large", (), message, "split the prompt")
    sent = with_stored(spec, body) if body is not None and must_be_stored(spec, body) else spec
    size = len(canonical(sent).encode(errors="replace"))
    if size > LARGEST_SPEC:
        yield Fault("spec_too_large", (), f"a spec has at most {LARGEST_SPEC} bytes, this one has {size}", "split it")


def _named(fault: Fault) -> Fault:
    """Say what a name looks like in words."""
    if fault.path != ("metadata", "name") or fault.code != "invalid_value":
        return fault
    return Fault("name_invalid", fault.path, "a name is 1-63 of a-z, 0-9 and -, not at its ends")


def _twins(resources: Sequence[Resource]) -> Iterator[FileFault]:
    first: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        twin = first.setdefault((resource.domain, resource.name), resource)
        if twin is not resource:
            place = f"{twin.file}:{twin.document.place(())[0]}"
            message = f"{resource.name} stands already in {place}, as a {twin.kind}"
            hint = "rename or remove one of them"
            yield resource.place(Fault("duplicate_name", ("metadata", "name"), message, hint))
