"""What the command line refuses before any command sees it."""

import sys

import pytest

from headrace.cli.app import main


def test_an_argument_that_is_no_utf_8_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a byte that is no UTF-8, as Python hands it on
    monkeypatch.setattr(sys, "argv", ["headrace", "run", "list", "--workflow", "\udcff"])
    # when the command is run, then it says so, in one sentence
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "headrace: '\\udcff' is no UTF-8: write it in UTF-8\n"
