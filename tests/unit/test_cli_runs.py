"""Which run is meant by the beginning of its id."""

import pytest

from headrace.cli.runs import MOST_NAMED, the_only
from headrace.errors import HeadraceError


def test_the_only_run_that_begins_so_is_meant() -> None:
    assert the_only("a67c710e", ["a67c710e-0b5c"]) == "a67c710e-0b5c"
    assert the_only("a67c710e", []) is None


def test_of_several_runs_that_begin_so_none_is_meant() -> None:
    with pytest.raises(HeadraceError, match="several runs begin with a67c710e: a67c710e-1, a67c710e-2; write more"):
        the_only("a67c710e", ["a67c710e-1", "a67c710e-2"])
    with pytest.raises(HeadraceError, match="a67c710e-4 and more; write more"):
        the_only("a67c710e", [f"a67c710e-{number}" for number in range(MOST_NAMED + 1)])
