"""Faust, as the usage meter sets it up."""

from pathlib import Path

import pytest

from headrace.kafka import KafkaSettings
from usage_meter.app import faust_app


async def test_it_leaves_nothing_where_its_process_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await faust_app(KafkaSettings(), None).on_first_start()
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240  # a folder of the test
