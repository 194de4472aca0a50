"""Faults between resources: what they refer to and is not there, and prompts that can't be used."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.errors import NotFound
from headrace.fault import Fault
from headrace.links.known import UNKNOWN, Collections
from headrace.links.uses import use_faults
from headrace.links.workflows import linked_faults
from headrace.prompting import misused
from headrace.resource.catalog import Resolver
from headrace.resource.files import FileFault, Files
from headrace.resource.specs import DocumentSetSpec, Named, references

Excused = Callable[[Named, NotFound], bool]
"""Whether it is no fault of a spec that a reference in it leads nowhere."""


def link_faults(catalog: Resolver, loaded: Files, deployed: Collections = UNKNOWN) -> list[FileFault]:
    """Each fault between the sound resources in files, and the catalog that has them and what is deployed.

    A broken resource is as good as there: its own faults are told. While names can't be read, any may be among them.
    deployed: the collections that are there before the files' documents are.
    """
    collections = _with_files(deployed, loaded)

    def excused(named: Named, error: NotFound) -> bool:
        return _is_broken(loaded, named) or (loaded.nameless and _is_unknown(error))

    return [
        one.place(fault.below("spec"))
        for one in loaded.resources
        for fault in spec_faults(catalog, one.name, one.kind, one.spec, excused, collections)
    ]


def spec_faults(
    catalog: Resolver,
    name: str,
    kind: str,
    spec: Mapping[str, Any],
    excused: Excused = lambda *_: False,
    collections: Collections = UNKNOWN,
) -> Iterator[Fault]:
    """Each fault between a sound spec of this name and kind, and the catalog; paths start at the top of the spec."""
    for named in references(kind, spec):
        try:
            catalog.resolve(named.kinds, named.ref)
        except NotFound as error:
            if not excused(named, error):
                yield Fault("reference_not_found", named.path, str(error))
    if kind == "Prompt":
        yield from (Fault("use_invalid", ("uses",), reason) for reason in misused(catalog, name, spec))
        yield from use_faults(catalog, name, spec)
    if kind == "Workflow":
        yield from linked_faults(catalog, name, spec, collections)


def _with_files(deployed: Collections, loaded: Files) -> Collections:
    """Collections as they are once the documents of files are in them, too. A broken set may fill any."""
    passages = dict(deployed.passages)
    sets = [DocumentSetSpec.model_validate(one.spec) for one in loaded.resources if one.kind == "DocumentSet"]
    for one in sets:
        passages[one.collection] = max(one.chunk_chars, passages.get(one.collection, 0))
    unread = loaded.nameless or any(one.kind == "DocumentSet" for one in loaded.broken)
    return Collections(passages, deployed.whole and not unread)


def _is_broken(loaded: Files, named: Named) -> bool:
    name = named.ref.partition("@")[0]
    return any(broken.name == name and broken.kind in named.kinds for broken in loaded.broken)


def _is_unknown(error: NotFound) -> bool:
    """Whether nothing has the name; else a version or a pointer of it is missing."""
    return not error.code.endswith(("_version_not_found", "_pointer_not_found"))
