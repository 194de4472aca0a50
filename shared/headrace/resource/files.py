"""YAML files to resources, or to every fault in them with file, line and column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from headrace.fault import Fault, did_you_mean, nearest
from headrace.resource.body import body_of, must_be_stored, with_stored
from headrace.resource.content import LARGEST_SPEC, canonical
from headrace.resource.exact import shape_faults
from headrace.resource.indenting import explained
from headrace.resource.mending import as_written, mended
from headrace.resource.naming import NAME
from headrace.resource.prompt import LARGEST_BODY, Spec
from headrace.resource.sensitive import mentions_sensitive, veiled
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

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and CI systems understand it."""
        return f"{self.file}:{self.line}:{self.column}"

    def position(self) -> tuple[str, int, int]:
        """By which faults are put in order."""
        return str(self.file), self.line, self.column

    def __str__(self) -> str:
        """`file:line:column code: place: what and why (how to mend it)`, as every command prints it."""
        return f"{self.place} {self.fault.coded()}"


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
class Files:
    """What files hold, and everything that is wrong with them.

    broken: resources whose kind and name can be told, and no more. nameless: whether there may be others.
    """

    resources: list[Resource] = field(default_factory=list)
    faults: list[FileFault] = field(default_factory=list)
    broken: list[Resource] = field(default_factory=list)
    nameless: bool = False

    def refuse(self, faults: Iterable[FileFault]) -> None:
        """Add faults; all stay in the order of the files."""
        self.faults = sorted([*self.faults, *faults], key=FileFault.position)


class Metadata(Spec):
    """What a resource is called."""

    name: str = Field(pattern=rf"^{NAME.pattern}$", description="1-63 of a-z, 0-9 and -, not at its ends")


class Envelope(Spec):
    """What every resource looks like from outside."""

    api_version: Literal["headrace/v1"] = Field(alias="apiVersion")
    kind: str
    metadata: Metadata
    spec: dict[str, Any]


def load(paths: Iterable[Path]) -> Files:
    """The resources in these files, and in the YAML files below these directories."""
    loaded = Files()
    files: dict[Path, None] = {}
    for path in paths:
        try:
            found = [path] if path.is_file() else _below(path)
        except OSError as error:
            _lost(path, _unreadable(error), loaded)
            continue
        files.update(dict.fromkeys(found))
        if not found:
            _lost(path, _nothing(path), loaded)
    for file in files:
        _read(file, loaded)
    loaded.refuse(_twins(sorted([*loaded.resources, *loaded.broken], key=_position)))
    return loaded


def _position(resource: Resource) -> tuple[str, int, int]:
    return str(resource.file), *resource.document.place(())


def _lost(file: Path, fault: Fault, loaded: Files) -> None:
    """Nobody knows what this file should hold."""
    loaded.faults.append(FileFault(fault, file))
    loaded.nameless = True


def _below(directory: Path) -> list[Path]:
    found = (path for path in directory.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(directory).parts))


def _nothing(path: Path) -> Fault:
    if path.exists():
        return Fault("no_files", (), f"no file below this directory ends in {' or '.join(SUFFIXES)}")
    return Fault("file_not_found", (), "no such file or directory")


def _unreadable(error: OSError) -> Fault:
    return Fault("file_unreadable", (), f"can't be read: {error.strerror}")


def _read(file: Path, loaded: Files) -> None:
    try:
        data = file.read_bytes()
    except OSError as error:
        _lost(file, _unreadable(error), loaded)
        return
    if len(data) > LARGEST_FILE:
        _lost(file, Fault("file_too_large", (), f"{len(data)} bytes, at most {LARGEST_FILE} are allowed"), loaded)
        return
    documents, found = parse(data)
    loaded.nameless |= any(not fault.path for fault, _ in found)
    if mentions_sensitive(data):
        found = [(veiled(fault), place) for fault, place in found]
    if not documents and not found:
        _lost(file, Fault("file_empty", (), "no resource in this file"), loaded)
    for document in documents:
        _take(document, file, found, loaded)
    loaded.faults += [FileFault(fault, file, *place) for fault, place in found]


def _take(document: Document, file: Path, found: list[Found], loaded: Files) -> None:
    """Sort a document among the sound or the broken; what is wrong with it goes to those that were found."""
    faults = explained(Envelope, document.value, _faults)
    found += [(fault, document.place(fault.path)) for fault in faults if fault.path not in document.unread]
    if faults:
        _keep_name(document, file, loaded)
    else:
        envelope = Envelope.model_validate(document.value)
        loaded.resources.append(Resource(envelope.kind, envelope.metadata.name, envelope.spec, file, document))


def _keep_name(document: Document, file: Path, loaded: Files) -> None:
    """Remember what a broken resource is called, so that those that refer to it are not blamed."""
    value = _meant(document.value) if isinstance(document.value, dict) else {}
    kind, metadata = value.get("kind"), value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    known = nearest(kind, KINDS) if isinstance(kind, str) else ""
    if known and isinstance(name, str) and NAME.fullmatch(name):
        loaded.broken.append(Resource(known, name, {}, file, document))
    else:
        loaded.nameless = True


def _meant(value: dict[str, Any]) -> dict[str, Any]:
    """A document with its misspelt keys mended."""
    unknown = [fault for fault in shape_faults(Envelope, value) if fault.code == "unknown_key"]
    return _meant(mended(value, unknown, Envelope)[0]) if unknown else value


def _faults(value: Any) -> list[Fault]:
    if not isinstance(value, dict):
        return [Fault("not_a_resource", (), "a resource is a mapping with apiVersion, kind, metadata and spec")]
    found = shape_faults(Envelope, value)
    if unknown := [fault for fault in found if fault.code == "unknown_key"]:
        rest, renamed = mended(value, unknown, Envelope)
        return [*unknown, *(as_written(fault, renamed) for fault in _faults(rest))]
    return [*map(_named, found), *_spec_faults(value.get("kind"), value.get("spec"))]


def _spec_faults(kind: Any, spec: Any) -> Iterator[Fault]:
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
    is_name = fault.path == ("metadata", "name") and fault.code == "invalid_value"
    return Fault("name_invalid", fault.path, fault.message, fault.hint) if is_name else fault


def _twins(resources: Sequence[Resource]) -> Iterator[FileFault]:
    first: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        twin = first.setdefault((resource.domain, resource.name), resource)
        if twin is not resource:
            place = f"{twin.file}:{twin.document.place(())[0]}"
            message = f"{resource.name} stands already in {place}, as a {twin.kind}"
            hint = "rename or remove one of them"
            yield resource.place(Fault("duplicate_name", ("metadata", "name"), message, hint))
