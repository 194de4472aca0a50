"""What keeps a pointer from moving: given deployed versions, then a refusal that says why, or none."""

import json
from typing import Any

import pytest

from headrace.cli.families import FAMILIES
from headrace.cli.pointers import check_links
from headrace.errors import HeadraceError
from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion, Share
from headrace.resource.catalog import Catalog
from headrace.resource.splits import Standing

SYSTEM = {"role": "system", "template": "Answer."}
RULES = {"variables": {"tone": {"required": True}}, "messages": [{"role": "system", "template": "Be {{ tone }}."}]}
ALONE = {"messages": [SYSTEM]}
MISUSING = {"uses": {"rules": "rules@1"}, "messages": [SYSTEM]}
LOST = {"uses": {"rules": "laws@1"}, "messages": [SYSTEM]}
SPLIT = (Share(version=1, weight=90), Share(version=2, weight=10))


def deployed(**prompts: tuple[dict[str, Any], ...]) -> Catalog:
    entries: dict[str, Event] = {}
    for name, specs in prompts.items():
        entries[name] = ResourceHead(kind="Prompt", latest=len(specs))
        for number, spec in enumerate(specs, 1):
            entries[f"{name}/{number}"] = ResourceVersion(
                kind="Prompt", version=number, digest=f"{name}/{number}", spec=json.dumps(spec), at=0
            )
    return Catalog({"Prompt": entries})


@pytest.mark.parametrize("standing", [Standing(2), Standing(1, SPLIT)])
def test_a_pointer_that_would_stand_on_a_version_that_misuses_another_is_told_so(standing: Standing) -> None:
    catalog = deployed(rules=(RULES,), greet=(ALONE, MISUSING))
    with pytest.raises(
        HeadraceError, match="greet@2: use_invalid: uses: greet uses rules@1, which needs the variable tone"
    ):
        check_links(catalog, FAMILIES["prompt"], "greet", standing)


def test_a_pointer_that_would_stand_on_a_version_that_refers_to_nothing_is_told_so() -> None:
    catalog = deployed(greet=(ALONE, LOST))
    with pytest.raises(
        HeadraceError,
        match=r"greet@2: reference_not_found: uses\.rules: no Prompt is named 'laws'.*; see --allow-missing",
    ):
        check_links(catalog, FAMILIES["prompt"], "greet", Standing(2))


def test_a_pointer_is_not_kept_from_a_sound_version_by_another_one() -> None:
    check_links(deployed(greet=(ALONE, LOST)), FAMILIES["prompt"], "greet", Standing(1))
