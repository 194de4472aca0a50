"""Names, pointers, versions and references, as people write them."""

import re

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
POINTER = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
VERSION = re.compile(r"v?([1-9][0-9]*)")
"""A version as people write it: `7` or `v7`. No pointer may look so."""
REFERENCE = re.compile(rf"{NAME.pattern}(@({VERSION.pattern}|{POINTER.pattern}))?")
"""A version of a resource: `name`, `name@7`, `name@v7`, `name@production`, `name@latest`."""
LATEST = "latest"


def pointer_fault(pointer: str) -> str:
    """Why a text can't be a pointer that moves, or nothing."""
    if pointer == LATEST:
        return f"{LATEST} is computed and can't be moved"
    if VERSION.fullmatch(pointer):
        return f"{pointer} can be taken for a version"
    return "" if POINTER.fullmatch(pointer) else f"{pointer!r:.80} is no pointer: a letter first, then a-z, 0-9 and -"
