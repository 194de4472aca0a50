"""No credential passes, in one piece or in many."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_invoke.provider.redaction import RedactedPieces, Redaction

KEY = "sk-live-0123456789abcdef"
CREDENTIALS = st.text('xy"\\', min_size=1, max_size=6)
"""Short ones that overlap with themselves, and that JSON writes in another way."""


def heard(credential: str, pieces: list[str]) -> list[str]:
    passed = RedactedPieces(Redaction(credential))
    return [*(passed.take(piece) for piece in pieces), passed.rest()]


@pytest.mark.parametrize("text", [KEY, f"a {KEY}.", f"{KEY}{KEY}", json.dumps({"key": KEY})])
def test_a_credential_is_replaced(text: str) -> None:
    assert Redaction(KEY)(text) == text.replace(KEY, "[credential]")


def test_so_is_one_as_json_writes_it() -> None:
    credential = 'sk-"live"\\key'
    assert Redaction(credential)(json.dumps([credential])) == '["[credential]"]'


def test_without_a_credential_nothing_is_replaced_or_held_back() -> None:
    assert heard("", ["water", " ", "is wet"]) == ["water", " ", "is wet", ""]


def test_a_credential_in_two_pieces_is_held_back_and_no_more_than_may_be_one() -> None:
    assert heard(KEY, ["The key is sk-", "live-0123456789", "abcdef, or", " you know"]) == [
        "The key is ",
        "",
        "[credential], or",
        " you know",
        "",
    ]


def test_what_only_began_like_one_is_said_after_all() -> None:
    assert heard(KEY, ["Use sk-live", "ly."]) == ["Use ", "sk-lively.", ""]
    assert heard(KEY, ["Use sk-live"]) == ["Use ", "sk-live"]


@given(CREDENTIALS, st.lists(st.text('xy"\\', max_size=4)))
def test_in_pieces_it_is_the_same_as_in_one(credential: str, pieces: list[str]) -> None:
    redact = Redaction(credential)
    assert "".join(heard(credential, pieces)) == redact("".join(pieces))


@given(CREDENTIALS, st.lists(st.text("xy", max_size=4)), st.lists(st.text("xy", max_size=4)))
def test_nothing_of_it_is_left(credential: str, before: list[str], after: list[str]) -> None:
    said = heard(credential, [*before, *credential, *after])
    assert credential not in "".join(said)
