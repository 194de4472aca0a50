"""Claims in JSON values, and what is said where there is no store."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.claims import Claim, Claims, claims_in
from headrace.claims.claim import largest, with_values
from headrace.claims.claims import MOST_CLAIMS
from headrace.errors import NodeError
from headrace.limits import CLAIM_OVER, LARGEST_CLAIM, LARGEST_PAYLOAD
from headrace.object_store.settings import StoreSettings

ONE, TWO = Claim("a" * 64, 5), Claim("b" * 64, 7)
NOWHERE = StoreSettings(endpoint_url="http://127.0.0.1:1", access_key_id="a", secret_access_key="b")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_a_value_without_claims_stays_as_it_is(value: Any) -> None:
    assert claims_in(value) == set()
    assert with_values(value, {}) == value


@given(JSON, JSON)
def test_claims_anywhere_are_found_and_give_way_to_what_they_stand_for(first: Any, second: Any) -> None:
    value = {"a": ONE.value, "b": [1, {"c": [TWO.value]}], "d": ONE.value, "e": "text"}
    assert claims_in(value) == {ONE, TWO}
    whole = {"a": first, "b": [1, {"c": [second]}], "d": first, "e": "text"}
    assert with_values(value, {ONE: first, TWO: second}) == whole


@pytest.mark.parametrize(
    "value",
    [
        {"$claim": {"sha256": "A" * 64, "bytes": 1}},
        {"$claim": {"sha256": "a" * 63, "bytes": 1}},
        {"$claim": {"sha256": "a" * 64, "bytes": 0}},
        {"$claim": {"sha256": "a" * 64, "bytes": "1"}},
        {"$claim": {"sha256": "a" * 64}},
        {"$claim": {"sha256": "a" * 64, "bytes": 1, "more": 1}},
        {"$claim": {"sha256": "a" * 64, "bytes": 1}, "more": 1},
        {"$claim": 1},
    ],
)
async def test_what_only_looks_like_a_claim_is_a_value(value: Any) -> None:
    assert claims_in([value]) == set()
    assert json.loads(await Claims().whole(json.dumps([value]))) == [value]


def test_the_largest_go_until_the_rest_fits() -> None:
    sizes = {"small": 10, "large": 300, "middle": 200}
    assert [list(largest(sizes, most)) for most in (510, 509, 210, 209)] == [
        [],
        ["large"],
        ["large"],
        ["large", "middle"],
    ]


async def fault(claims: Claims, text: str) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await claims.whole(text)
    return caught.value


class TestWithoutAStore:
    async def test_an_output_that_can_travel_does(self) -> None:
        output = json.dumps("x" * (LARGEST_PAYLOAD - 2))
        assert await Claims().short(output) == output
        assert await Claims(NOWHERE).short(output) == output

    async def test_a_larger_one_says_what_to_set(self) -> None:
        with pytest.raises(NodeError, match="set S3_BUCKET") as caught:
            await Claims().short(json.dumps("x" * LARGEST_PAYLOAD))
        assert caught.value.code == "output_too_large"

    async def test_while_it_is_away_a_larger_one_may_be_tried_again(self) -> None:
        with pytest.raises(NodeError) as caught:
            await Claims(NOWHERE).short(json.dumps("x" * LARGEST_PAYLOAD))
        assert (caught.value.code, caught.value.retryable) == ("store_unavailable", True)

    async def test_a_claim_says_what_to_set(self) -> None:
        error = await fault(Claims(), json.dumps({"a": ONE.value}))
        assert (error.code, error.retryable) == ("claim_unconfigured", False)
        assert "set S3_BUCKET" in str(error)

    async def test_an_input_that_can_travel_does_and_a_larger_one_says_what_to_set(self) -> None:
        assert await Claims().with_short_values('{"a":1}') == '{"a":1}'
        with pytest.raises(NodeError, match="set S3_BUCKET") as caught:
            await Claims().with_short_values(json.dumps({"a": "x" * LARGEST_PAYLOAD}))
        assert caught.value.code == "input_too_large"

    @pytest.mark.parametrize(
        ("environment", "configured"),
        [
            ({}, False),
            ({"S3_BUCKET": "b"}, True),
            ({"S3_ENDPOINT_URL": "http://s"}, True),
            ({"KMS_KEY_ID": "k"}, False),
        ],
    )
    def test_there_is_one_when_somebody_said_where(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], configured: bool
    ) -> None:
        for name in ("S3_BUCKET", "S3_ENDPOINT_URL", "KMS_KEY_ID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert Claims(StoreSettings()).configured is configured


class TestBounds:
    """Nothing is asked of a store that is away."""

    async def test_what_one_input_refers_to_is_bounded(self) -> None:
        half = LARGEST_CLAIM // 2 + 1
        error = await fault(Claims(NOWHERE), json.dumps([Claim("a" * 64, half).value, Claim("b" * 64, half).value]))
        assert error.code == "claim_too_large"

    async def test_how_many_it_refers_to_is_bounded(self) -> None:
        many = [Claim(f"{number:064x}", 1).value for number in range(MOST_CLAIMS + 1)]
        assert (await fault(Claims(NOWHERE), json.dumps(many))).code == "claim_too_large"

    async def test_one_that_is_too_deep_to_read_is_said(self) -> None:
        text = '{"a":' * 50_000 + '{"$claim":1}' + "}" * 50_000
        assert (await fault(Claims(NOWHERE), text)).code == "input_invalid"

    async def test_a_small_output_asks_nobody(self) -> None:
        output = json.dumps("x" * (CLAIM_OVER - 2))
        assert await Claims(NOWHERE).short(output) == output
