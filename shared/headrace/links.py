"""Faults between resources: what they refer to and is not there, and prompts that can't be used. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.errors import NotFound
from headrace.fault import Fault
from headrace.prompting import misused
from headrace.resource.catalog import Resolver
from headrace.resource.files import FileFault, Files
from headrace.resource.specs import Named, references

Excused = Callable[[Named, NotFound], bool]
"""Whether it is no fault of a spec that a reference in it leads nowhere."""


def link_faults(catalog: Resolver, loaded: Files) -> list[FileFault]:
    """Each fault between the sound resources in files, and the catalog that has them and what is deployed.

    A broken resource is as good as there: its own faults are told. While names can't be read, any may be among them.
    """

    def excused(named: Named, error: NotFound) -> bool:
        return _is_broken(loaded, named) or (loaded.nameless and _is_unknown(error))

    return [
        one.place(fault.below("spec"))
        for one in loaded.resources
        for fault in spec_faults(catalog, one.name, one.kind, one.spec, excused)
    ]


def spec_faults(
    catalog: Resolver, name: str, kind: str, spec: Mapping[str, Any], excused: Excused = lambda *_: False
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


def _is_broken(loaded: Files, named: Named) -> bool:
    name = named.ref.partition("@")[0]
    return any(broken.name == name and broken.kind in named.kinds for broken in loaded.broken)


def _is_unknown(error: NotFound) -> bool:
    """Whether nothing has the name; else a version or a pointer of it is missing."""
    return not error.code.endswith(("_version_not_found", "_pointer_not_found"))
