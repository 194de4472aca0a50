"""What is looked at before a prompt is tried: given versions and values, then what each gets, or a refusal."""

from typing import Any

import pytest

from headrace.cli.trying import same_twice, values_of
from headrace.errors import HeadraceError
from headrace.resource.catalog import Resolved

TEXT = {"schema": {"type": "string"}}
LIST = {"schema": {"type": "array"}}


def version(number: int, ref: str = "p", **variables: Any) -> Resolved:
    spec = {"variables": variables, "text": "Say it."}
    return Resolved(kind="Prompt", ref=ref, name="p", version=number, digest=str(number), spec=spec)


def test_each_version_gets_what_it_declares() -> None:
    old, new = version(1, word=TEXT), version(2, word=TEXT, tone={**TEXT, "default": "kind"}, list=LIST)
    assert values_of([new, old], ["word=a", "list=[1]"]) == [{"word": "a", "list": [1]}, {"word": "a"}]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], r"^p@2: variable word is missing; variable list is missing; nothing was sent$"),
        (["word=a", "list={}"], "p@2: variable list: {} is not"),
        (["word=a", "list=[]", "wrod=b"], r"variable wrod is unknown \(did you mean word\?\)"),
        (["word"], "--var 'word' is no name=value"),
    ],
)
def test_what_a_version_does_not_take_is_told_before_anything_is_sent(pairs: list[str], words: str) -> None:
    with pytest.raises(HeadraceError, match=words):
        values_of([version(2, word=TEXT, list=LIST)], pairs)


def test_the_other_version_is_looked_at_too() -> None:
    with pytest.raises(HeadraceError, match="p@1: variable tone is missing"):
        values_of([version(2, word=TEXT), version(1, word=TEXT, tone=TEXT)], ["word=a"])


def test_a_version_that_is_compared_with_itself_is_told_so() -> None:
    same = same_twice([version(2, "p@latest"), version(2, "p")])
    assert same == "latest and production are both version 2: it is asked twice, and compared with itself"
    assert same_twice([version(2, "p@latest"), version(1, "p@production")]) == ""
    assert same_twice([version(2, "p@latest")]) == ""
