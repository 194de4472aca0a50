"""YAML to values with places: given bytes, then values, or every fault with line and column."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.resource.content import DEEPEST
from headrace.resource.source import MOST_VALUES, parse


def value_of(text: str) -> Any:
    documents, faults = parse(text.encode())
    assert faults == []
    (document,) = documents
    return document.value


def faults_of(data: str | bytes) -> list[tuple[str, tuple[int, int]]]:
    _, faults = parse(data if isinstance(data, bytes) else data.encode())
    return [(fault.code, place) for fault, place in faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("a:", {"a": None}),
        ("0", 0), ("-7", -7), ("1.5", 1.5), ("-1e3", -1000.0), ("1E-2", 0.01),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("NULLs", "NULLs"),
        ("2026-11-24", "2026-11-24"), ("1:30", "1:30"), ("010", "010"), ("0x1F", "0x1F"), ("0o17", "0o17"),
        ("1_000", "1_000"), (".5", ".5"), ("1.", "1."), (".nan", ".nan"), (".inf", ".inf"), ("+1", "+1"), ("=", "="),
        ("'1'", "1"), ('"true"', "true"), ("!!str 1", "1"), ("!!int 7", 7), ("!!float 1", 1.0), ("!!bool true", True),
        ("12345678901234567890", 12345678901234567890.0),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]), ("- a\n-\n  - b", ["a", ["b"]]),
        ("1: one", {"1": "one"}), ("true: one", {"true": "one"}), ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("t: |\n  é\n  😀\n", {"t": "é\n😀\n"}), ("t: >-\n  a\n  b", {"t": "a b"}), ('"\\U0001F600"', "😀"),
    ],
)  # fmt: skip
def test_plain_yaml_is_what_json_would_say(text: str, value: Any) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cc", "Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b c", "😀"]), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_json_is_yaml_that_says_the_same(value: Any) -> None:
    text = json.dumps(value)
    documents, faults = parse(text.encode())
    assert faults == []
    assert [document.value for document in documents] == [value]


def test_every_part_knows_its_place() -> None:
    (document,), _ = parse(
        b"# comment\nkind: Prompt\nspec:\n  messages:\n    - role: user\n      template: |\n        hi\n"
    )
    assert document.place(()) == (2, 1)
    assert document.place(("kind",)) == (2, 1)
    assert document.place(("spec", "messages", 0)) == (5, 7)
    assert document.place(("spec", "messages", 0, "template")) == (6, 7)


def test_what_is_not_there_stands_where_its_surroundings_do() -> None:
    (document,), _ = parse(b"spec:\n  messages: []\n")
    assert document.place(("spec", "variables", "x")) == (1, 1)
    assert document.place(("spec", "messages", 3, "role")) == (2, 3)
    assert document.place(("nothing",)) == (1, 1)


def test_several_documents_stand_in_one_file_and_empty_ones_do_not_count() -> None:
    documents, faults = parse(b"---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n")
    assert faults == []
    assert [(document.value, document.place(())) for document in documents] == [({"a": 1}, (3, 1)), ({"b": 2}, (7, 1))]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"---\n...\n", b"\xef\xbb\xbf"])
def test_a_file_may_hold_nothing(data: bytes) -> None:
    assert parse(data) == ([], [])


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", b"a: 1\r", "a: 1\u2028".encode()])
def test_marks_of_order_and_ends_of_lines_are_no_content(data: bytes) -> None:
    (document,), faults = parse(data)
    assert (document.value, faults) == ({"a": 1}, [])


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"a: 1\nb: \xe9\n", "not_utf8", (2, 4)),
        ("a: 1".encode("utf-16"), "not_utf8", (1, 1)),
        ("é: é\nx: ".encode() + b"\xff", "not_utf8", (2, 4)),
        (b"a: 1\nb: \0\n", "yaml_invalid", (2, 4)),
        (b"a: \x1b[0m\n", "yaml_invalid", (1, 4)),
        (b"a:\n\tb: 1\n", "yaml_tab", (2, 1)),
        (b"a:\n  b: 1\n c: 2\n", "yaml_invalid", (3, 2)),
        (b"a: b: c\n", "yaml_invalid", (1, 5)),
        (b"a: 'x\n", "yaml_invalid", (2, 1)),
        (b"a: [1, 2\n", "yaml_invalid", (2, 1)),
        (b"a: *x\n", "yaml_invalid", (1, 4)),
        (b"@a\n", "yaml_invalid", (1, 1)),
        (b"a: 1\nb: 2\na: 3\n", "duplicate_key", (3, 1)),
        (b"? [a, b]\n: 1\n", "key_invalid", (1, 3)),
        (b"x: &x {a: 1}\ny: {<<: *x}\n", "merge_key", (2, 5)),
        (b"a: !!python/object/apply:os.system ['true']\n", "yaml_tag", (1, 1)),
        (b"a: !Ref x\n", "yaml_tag", (1, 1)),
        (b"a: !!binary aGk=\n", "yaml_tag", (1, 1)),
        (b"a: !!timestamp 2026-11-24\n", "yaml_tag", (1, 1)),
        (b"a: !!int seven\n", "yaml_tag", (1, 1)),
        (b"a: 1e999\n", "number_too_large", (1, 1)),
        (b'a: "x\\0"\n', "character_invalid", (1, 1)),
        (b'a: "\\ud800"\n', "character_invalid", (1, 1)),
        (b'"a\\0": 1\n', "character_invalid", (1, 1)),
        (b'a: "\\udc00\\ud800"\n', "character_invalid", (1, 1)),
        (b"a: " + b"[" * 1_000, "yaml_too_deep", (1, 1)),
        (b"a: &a [*a]\n", "yaml_too_deep", (1, 4)),
        (b"a: &a {b: *a}\n", "yaml_too_deep", (1, 8)),
    ],
)
def test_a_fault_has_a_line_and_a_column(data: bytes, code: str, place: tuple[int, int]) -> None:
    assert faults_of(data) == [(code, place)]


def test_syntax_hides_what_follows_but_not_what_came_before() -> None:
    documents, faults = parse(b"a: 1\na: 2\n---\nb: [\n")
    assert [document.value for document in documents] == [{"a": 1}]
    assert [(fault.code, place) for fault, place in faults] == [("duplicate_key", (2, 1)), ("yaml_invalid", (5, 1))]


def test_all_faults_of_a_document_are_told() -> None:
    assert faults_of("a: 1\na: 2\nb: !x y\nc: {d: 1e999, d: 2}\n") == [
        ("duplicate_key", (2, 1)),
        ("yaml_tag", (3, 1)),
        ("number_too_large", (4, 5)),
        ("duplicate_key", (4, 15)),
    ]


def test_depth_is_counted_in_values() -> None:
    assert faults_of("[" * DEEPEST + "]" * DEEPEST) == []
    assert faults_of("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2)) == [("yaml_too_deep", (1, DEEPEST + 2))]


def test_a_small_file_can_not_become_a_large_one() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 15)]
    assert [code for code, _ in faults_of("\n".join(lines))] == ["yaml_too_large"]


def test_values_are_counted_with_their_aliases() -> None:
    block = "a: &a [" + "1, " * 999 + "1]\n"
    copies = MOST_VALUES // 1_000
    assert faults_of(block + "b: [" + "*a, " * (copies - 2) + "]\n") == []
    assert [code for code, _ in faults_of(block + "b: [" + "*a, " * copies + "]\n")] == ["yaml_too_large"]


@given(st.binary(max_size=80) | st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@` \n\t?,"), max_size=60).map(str.encode))
def test_no_bytes_do_worse_than_be_faults(data: bytes) -> None:
    documents, faults = parse(data)
    assert all(line >= 1 and column >= 1 for _, (line, column) in faults)
    for document in documents:
        json.dumps(document.value, allow_nan=False)
