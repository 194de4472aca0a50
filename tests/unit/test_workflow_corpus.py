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


def told(found: Iterable[FileFault]) -> list[str]:
    """Faults as the files expect them: `CODE at spec.path (line:column)`."""
    return [f"{one.fault.code} at {'.'.join(map(str, one.fault.path))} ({one.line}:{one.column})" for one in found]


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_a_faulty_workflow_has_the_faults_that_its_file_expects_and_no_others(file: Path) -> None:
    expected = EXPECTED.findall(file.read_text(encoding="utf-8"))
    found = offline(load([file]))
    assert expected
    assert told(found.faults) == [fault for note, fault in expected if not note]
    assert told(found.unchecked) == [fault for note, fault in expected if note]


@pytest.mark.parametrize("file", SOUND, ids=lambda file: file.stem)
def test_a_sound_workflow_has_no_fault_and_nothing_to_be_noted(file: Path) -> None:
    found = offline(load([file]))
    assert (found.faults, found.unchecked) == ([], [])


def test_every_fault_that_is_described_has_a_file() -> None:
    rows = table(TOP / "docs/validation.md", "fault", "what is wrong", "example", "how to mend it")
    described = {name for row in rows for name in code(row[0])}
    expected = [fault for file in FAULTY for _, fault in EXPECTED.findall(file.read_text(encoding="utf-8"))]
    assert described - {fault.split()[0] for fault in expected} == set()


def test_no_file_is_left_out() -> None:
    assert len(FAULTY) >= 156
    assert len(SOUND) >= 37
