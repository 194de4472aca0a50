"""Workflows as users write them: each faulty file with its faults at its top, and sound ones that have none."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from headrace.cli.validating import offline
from headrace.resource.files import FileFault, load

CORPUS = Path(__file__).with_name("workflows")
FAULTY = sorted((CORPUS / "faulty").glob("*.yaml"))
SOUND = sorted((CORPUS / "sound").glob("*.yaml"))
EXPECTED = re.compile(r"# expected( note)?: (\w+ at \S+ \(\d+:\d+\))\n")
UNPROVEN = "what a run may come to is not proven yet"
UNTYPED = "types of expressions are not checked yet"
UNTYPED_LINKS = "what nodes bind is not held against the types of what they refer to yet"
KNOWN_WRONG = {
    "unreachable_node": UNPROVEN,
    "dead_end": UNPROVEN,
    "join_never_completes_two_branches_of_one_choice": UNPROVEN,
    "join_never_completes_conditions_that_contradict": UNPROVEN,
    "join_never_completes_success_and_failure": UNPROVEN,
    "missing_else": UNPROVEN,
    "maybe_not_run": UNPROVEN,
    "timeouts_cannot_hold_node_longer_than_the_run": UNPROVEN,
    "timeouts_cannot_hold_delay_longer_than_the_run": UNPROVEN,
    "timeouts_cannot_hold_wait_longer_than_the_run": UNPROVEN,
    "missing_field_of_a_bound_object": UNTYPED_LINKS,
    "missing_field_of_the_output": UNTYPED,
    "type_mismatch_with_a_prompt_variable": UNTYPED_LINKS,
    "type_mismatch_with_a_sub_workflow": UNTYPED_LINKS,
    "type_mismatch_with_an_answer_in_json": UNTYPED_LINKS,
    "type_mismatch": UNTYPED,
    "unknown_field_of_a_sub_workflow": UNTYPED_LINKS,
    "unknown_field_of_an_answer_in_json": UNTYPED_LINKS,
    "unknown_field": UNTYPED,
    "default_invalid": UNTYPED,
}
"""How names of files begin of which the checker does not say yet what is true, and why. The first one counts."""


def told(found: Iterable[FileFault]) -> list[str]:
    """Faults as the files expect them: `CODE at spec.path (line:column)`."""
    return [f"{one.fault.code} at {'.'.join(map(str, one.fault.path))} ({one.line}:{one.column})" for one in found]


def marked(file: Path) -> object:
    """A file as a parameter of a test, named as it is."""
    reason = next((why for start, why in KNOWN_WRONG.items() if file.stem.startswith(start)), None)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(file, marks=marks, id=file.stem)


@pytest.mark.parametrize("file", [marked(file) for file in FAULTY])
def test_a_faulty_workflow_has_the_faults_that_its_file_expects_and_no_others(file: Path) -> None:
    expected = EXPECTED.findall(file.read_text(encoding="utf-8"))
    found = offline(load([file]))
    assert expected
    assert told(found.faults) == [fault for note, fault in expected if not note]
    assert told(found.unchecked) == [fault for note, fault in expected if note]


@pytest.mark.parametrize("file", [marked(file) for file in SOUND])
def test_a_sound_workflow_has_no_fault_and_nothing_to_be_noted(file: Path) -> None:
    found = offline(load([file]))
    assert (found.faults, found.unchecked) == ([], [])


def test_no_file_is_left_out_and_no_known_wrong_one_is_gone() -> None:
    assert len(FAULTY) >= 64
    assert len(SOUND) >= 22
    names = [file.stem for file in (*FAULTY, *SOUND)]
    assert [start for start in KNOWN_WRONG if not any(name.startswith(start) for name in names)] == []
