"""The folder of a stack."""

from pathlib import Path

from headrace.stack.home import Home, Running


def test_wipe_removes_a_stack_and_nothing_else(tmp_path: Path) -> None:
    home = Home(tmp_path / "mine")
    home.make()
    with home.locked():
        home.note(Running(1, 0.0, 19_000))
    (home.data / "kafka").mkdir()
    (home.path / "letter.txt").write_text("mine", encoding="utf-8")
    home.wipe()
    assert [file.name for file in home.path.iterdir()] == ["letter.txt"]
    (home.path / "letter.txt").unlink()
    home.wipe()
    assert not home.path.exists()
