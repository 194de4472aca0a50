"""Faults between resources: what they refer to and is not there, and prompts that can't be used. Pure."""

from collections.abc import Iterator

from headrace.errors import NotFound
from headrace.fault import Fault
from headrace.prompting import misused
from headrace.resource.catalog import Resolver
from headrace.resource.files import FileFault, Loaded, Resource
from headrace.resource.specs import Named, references


def link_faults(catalog: Resolver, loaded: Loaded) -> list[FileFault]:
    """Each fault between the sound resources in files, and the catalog that has them and what is deployed.

    A broken resource is as good as there: its own faults are told. While names can't be read, any may be among them.
    """
    found: list[FileFault] = []
    for one in loaded.resources:
        found += [one.place(fault.below("spec")) for fault in _faults(catalog, loaded, one)]
    return found


def _faults(catalog: Resolver, loaded: Loaded, one: Resource) -> Iterator[Fault]:
    for named in references(one.kind, one.spec):
        if not _is_broken(loaded, named) and (fault := _missing(catalog, named, nameless=loaded.nameless)):
            yield fault
    if one.kind == "Prompt":
        yield from (Fault("use_invalid", ("uses",), reason) for reason in misused(catalog, one.name, one.spec))


def _is_broken(loaded: Loaded, named: Named) -> bool:
    name = named.ref.partition("@")[0]
    return any(broken.name == name and broken.kind in named.kinds for broken in loaded.broken)


def _missing(catalog: Resolver, named: Named, *, nameless: bool) -> Fault | None:
    try:
        catalog.resolve(named.kinds, named.ref)
    except NotFound as error:
        unknown = not error.code.endswith(("_version_not_found", "_pointer_not_found")) and nameless
        return None if unknown else Fault("reference_not_found", named.path, str(error))
    return None
