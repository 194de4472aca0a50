"""Workflows as users write them: each faulty file with its faults at its top, and sound ones that have none."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from headrace.cli.validating import offline
from headrace.resource.files import FileFault, load
from tests.contract.pages import TOP, code, table

CORPUS = Path(__file__).with_name("workflows")
FAULTY = sorted((CORPUS / "faulty").glob("*.yaml"))
SOUND = sorted((CORPUS / "sound").glob("*.yaml"))
EXPECTED = re.compile(r"# expected( note)?: (\w+ at \S+ \(\d+:\d+\))\n")
LATE = "has(nodes.x) does not count as a guard where x may still be under way"
OPPOSITES = "== and !=, < and >= are opposites only beside a constant, and not beside null"
WHOLE = "that sizes are not below zero, and that nothing lies between 3 and 4 of a whole number, is not known"
KNOWN_WRONG = {
    "maybe_not_run_behind_n_of": LATE,
    "the_fastest_model_wins": LATE,
    "two_of_three_votes": LATE,
    "unknown_field_of_a_sub_workflow": "what a sub-workflow puts out is only known of one that has an output_schema",
    "null_or_not": OPPOSITES,
    "two_values_compared": OPPOSITES,
    "found_or_not": WHOLE,
    "whole_numbers_that_cover_everything": WHOLE,
    "an_enum_that_is_covered": "conditions are not held against the schema of what they compare",
}
"""Files of which the checker does not say yet what is true, and why."""


def told(found: Iterable[FileFault]) -> list[str]:
    """Faults as the files expect them: `CODE at spec.path (line:column)`."""
    return [f"{one.fault.code} at {'.'.join(map(str, one.fault.path))} ({one.line}:{one.column})" for one in found]


def marked(file: Path) -> object:
    """A file as a parameter of a test, named as it is."""
    reason = KNOWN_WRONG.get(file.stem)
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


def test_every_fault_that_is_described_has_a_file() -> None:
    rows = table(TOP / "docs/validation.md", "fault", "what is wrong", "example", "how to mend it")
    described = {name for row in rows for name in code(row[0])}
    expected = [fault for file in FAULTY for _, fault in EXPECTED.findall(file.read_text(encoding="utf-8"))]
    assert described - {fault.split()[0] for fault in expected} == set()


def test_no_file_is_left_out_and_no_known_wrong_one_is_gone() -> None:
    assert len(FAULTY) >= 64
    assert len(SOUND) >= 22
    assert KNOWN_WRONG.keys() <= {file.stem for file in (*FAULTY, *SOUND)}
