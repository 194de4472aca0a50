"""The published contracts: models follow schemas, and every version reads every earlier one."""

import json
from pathlib import Path

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from headrace import schema_models, topics
from headrace.codec import EVENTS

TOP_LEVEL = Path(__file__).parents[2]
SCHEMAS = TOP_LEVEL / "schemas"


def versions(folder: Path) -> list[Path]:
    return sorted(folder.glob("v*.avsc"), key=lambda path: int(path.stem[1:]))


FOLDERS = sorted({path.parent for path in SCHEMAS.glob("*/*/v*.avsc")})


def test_generated_models_are_fresh(tmp_path: Path) -> None:
    schema_models.main(SCHEMAS, tmp_path)
    stale = [
        made.name
        for made in tmp_path.glob("*.py")
        if made.read_text() != (TOP_LEVEL / "shared/headrace/events" / made.name).read_text()
    ]
    assert not stale, f"run python -m headrace.schema_models: {stale} differ from schemas/"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_folder_and_record_have_the_same_name(folder: Path) -> None:
    for path in versions(folder):
        schema = json.loads(path.read_text())
        assert (schema["namespace"], schema["name"]) == (f"headrace.{folder.parent.name}", folder.name)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_version_is_compatible_with_all_earlier_ones_both_ways(folder: Path) -> None:
    parsed = [parse(path.read_text()) for path in versions(folder)]
    for later, schema in enumerate(parsed):
        for earlier in parsed[:later]:
            for reader, writer in ((schema, earlier), (earlier, schema)):
                checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro leaves it bare
                result = checker.get_compatibility(reader, writer)
                assert result.compatibility is SchemaCompatibilityType.compatible, result.messages


def test_every_published_record_has_a_model_and_travels_on_a_topic() -> None:
    published = {f"headrace.{folder.parent.name}.{folder.name}" for folder in FOLDERS}
    assert set(EVENTS) == published
    assert {event.NAME for topic in topics.ALL for event in topic.records} == published


@pytest.mark.parametrize("record", ["StartRun", "CancelRun", "SignalRun"])
def test_a_caller_needs_to_give_only_the_contract_s_required_fields(record: str) -> None:
    required = {"StartRun": {"workflow", "input"}, "CancelRun": {"reason"}, "SignalRun": {"signal", "payload"}}[record]
    fields = json.loads(EVENTS[f"headrace.run.{record}"].SCHEMA)["fields"]
    assert {field["name"] for field in fields if "default" not in field} == required
