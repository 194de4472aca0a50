"""The files of a document set as commands to ingest them, or why not."""

import os.path
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headrace.events.document import IngestDocument
from headrace.fault import Fault
from headrace.limits import LARGEST_DOCUMENT
from headrace.resource.files import FileFault, Resource
from headrace.resource.specs import DocumentSetSpec


@dataclass(slots=True)
class Documents:
    """What a set's files hold, and everything that is wrong with them."""

    commands: list[IngestDocument] = field(default_factory=list)
    faults: list[FileFault] = field(default_factory=list)


def read_documents(resource: Resource, actor: str | None) -> Documents:
    """A set's documents. An id is the path relative to the YAML file, leading `../` left out."""
    spec = DocumentSetSpec.model_validate(resource.spec)
    read = Documents()
    files: dict[str, Path] = {}
    for index, pattern in enumerate(spec.paths):
        matched = _matches(resource.file.parent, pattern)
        if not matched:
            read.faults.append(_at(resource, index, f"{pattern} matches no file", "paths start at this YAML file"))
        for file in matched:
            if files.setdefault(name := _id(resource.file.parent, file), file).resolve() != file.resolve():
                read.faults.append(_at(resource, index, f"{file} and {files[name]} would both become {name}"))
    for name, file in files.items():
        _read(spec, name, file, actor, read)
    return read


def _matches(base: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        return []
    return sorted(path for path in base.glob(pattern) if path.is_file())


def _id(base: Path, file: Path) -> str:
    parts = Path(os.path.relpath(file, base)).parts
    return Path(*_without_parents(parts)).as_posix()


def _without_parents(parts: tuple[str, ...]) -> Iterator[str]:
    return (part for part in parts if part != "..")


def _at(resource: Resource, index: int, message: str, hint: str = "") -> FileFault:
    return resource.place(Fault("documents_invalid", ("spec", "paths", index), message, hint))


def _read(spec: DocumentSetSpec, name: str, file: Path, actor: str | None, read: Documents) -> None:
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        read.faults.append(FileFault(Fault("file_unreadable", (), f"can't be read: {error.strerror}"), file))
    except UnicodeDecodeError:
        read.faults.append(FileFault(Fault("not_utf8", (), "not UTF-8 text", "leave it out of the set"), file))
    else:
        if fault := _size_fault(len(data), text):
            read.faults.append(FileFault(fault, file))
        else:
            command = IngestDocument(
                collection=spec.collection,
                document=name,
                title=_title(text, file),
                text=text,
                chunk_chars=spec.chunk_chars,
                actor=actor,
            )
            read.commands.append(command)


def _size_fault(size: int, text: str) -> Fault | None:
    if size > LARGEST_DOCUMENT:
        return Fault("document_too_large", (), f"{size} bytes, at most {LARGEST_DOCUMENT} are allowed", "split it")
    return None if text.strip() else Fault("document_empty", (), "no text in this document")


def _title(text: str, file: Path) -> str:
    """The first heading of a Markdown file, or the file's name."""
    heading = next((line for line in text.splitlines() if line.startswith("# ")), "")
    return heading.removeprefix("# ").strip() or file.stem
