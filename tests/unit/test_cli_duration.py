"""Times as people type and read them."""

import pytest
import typer

from headrace.cli.duration import duration, rough


@pytest.mark.parametrize(("text", "found"), [("90m", 5_400_000), ("1h", 3_600_000), ("7d", 604_800_000)])
def test_a_time_is_a_number_and_a_unit(text: str, found: int) -> None:
    assert duration(text) == found


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1s", "-1h", "1.5h", "1 h", "\N{ARABIC-INDIC DIGIT ONE}h", "9" * 5_000 + "d"]
)
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write 90m, 1h or 7d"):
        duration(text)


def test_ten_years_are_the_furthest_back() -> None:
    assert duration("3650d") == duration("87600h") == 3_650 * 86_400_000
    for text in ("3651d", "999999d", "87601h", "9999999m"):
        with pytest.raises(typer.BadParameter, match=f"{text} is too far back: 3650d at most"):
            duration(text)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (-5, "0ms"),
        (999, "999ms"),
        (12_345, "12.3s"),
        (60_000, "1m"),
        (3_599_999, "59m"),
        (7_200_000, "2h"),
        (86_400_000 * 9, "9d"),
    ],
)
def test_a_time_has_few_digits(milliseconds: int, shown: str) -> None:
    assert rough(milliseconds) == shown
