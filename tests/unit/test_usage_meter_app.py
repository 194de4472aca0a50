"""Faust, as the usage meter sets it up."""

from pathlib import Path

import pytest

from headrace.kafka import KafkaSettings
from usage_meter.app import faust_app


async def test_it_leaves_nothing_where_its_process_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await faust_app(KafkaSettings(), None).on_first_start()
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240  # a folder of the test


def test_tables_in_memory_are_held_to_no_offset_that_a_disk_would_remember() -> None:
    conf = faust_app(KafkaSettings(), None).conf
    assert conf.store.scheme == "memory"
    assert not conf.recovery_consistency_check
