"""What may be ingested, and what may be asked."""

import json
from typing import Any

import pytest

from headrace.errors import NodeError
from headrace.events.document import DocumentIngested, IngestDocument
from headrace.limits import LARGEST_DOCUMENT
from headrace.resource import specs
from vector_search.core.documents import LARGEST_PASSAGE, check, cut
from vector_search.core.passages import SMALLEST
from vector_search.core.query import LONGEST_QUERY, asked
from vector_search.model import Query


def command(**fields: Any) -> IngestDocument:
    return IngestDocument(**{"collection": "docs", "document": "guide/intro.md", "title": "T", "text": "Hi.", **fields})


def refusal(request: IngestDocument) -> NodeError:
    with pytest.raises(NodeError) as raised:
        check(request)
    return raised.value


class TestDocuments:
    @pytest.mark.parametrize("name", ["docs", "Docs.2026_v1-a", "a" * 100, "0"])
    def test_a_plain_name_names_a_collection(self, name: str) -> None:
        check(command(collection=name))

    @pytest.mark.parametrize("name", ["", "_headrace", "a b", "a/b", "../a", ".a", "a" * 101, "é", "a\n"])
    def test_another_does_not(self, name: str) -> None:
        fault = refusal(command(collection=name))
        assert (fault.code, fault.retryable) == ("collection_invalid", False)
        assert "A-Z a-z 0-9" in str(fault)

    @pytest.mark.parametrize("name", ["a", "guide/intro.md", "Größe 1.md", "a" * 500])
    def test_a_readable_id_names_a_document(self, name: str) -> None:
        check(command(document=name))

    @pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\0", "a" * 501])
    def test_an_unreadable_one_does_not(self, name: str) -> None:
        assert refusal(command(document=name)).code == "document_invalid"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"text": ""}, "document_empty"),
            ({"text": " \n\t "}, "document_empty"),
            ({"text": "ä" * (LARGEST_DOCUMENT // 2 + 1)}, "document_too_large"),
            ({"title": "t" * 1_001}, "title_too_long"),
            ({"chunk_chars": SMALLEST - 1}, "chunk_chars_invalid"),
            ({"chunk_chars": LARGEST_PASSAGE + 1}, "chunk_chars_invalid"),
            ({"chunk_chars": -5}, "chunk_chars_invalid"),
        ],
    )
    def test_what_can_never_be_ingested_is_refused(self, fields: dict[str, Any], code: str) -> None:
        assert refusal(command(**fields)).code == code

    def test_a_refusal_repeats_no_more_than_the_beginning_of_a_name(self) -> None:
        assert len(str(refusal(command(collection="x" * 100_000)))) < 300

    def test_too_many_passages_are_refused(self) -> None:
        with pytest.raises(NodeError, match=r"raise chunk_chars") as raised:
            cut(command(text="word " * 100_000, chunk_chars=SMALLEST), "a-model")
        assert raised.value.code == "document_too_large"

    def test_what_apply_sends_is_accepted(self) -> None:
        """The command line checks documents before it sends them: by the same limits."""
        spec = specs.DocumentSetSpec.model_json_schema()["properties"]
        assert spec["collection"]["pattern"] == r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
        assert (spec["chunk_chars"]["minimum"], spec["chunk_chars"]["maximum"]) == (SMALLEST, LARGEST_PASSAGE)

    def test_the_version_tells_whether_vectors_must_be_made_again(self) -> None:
        # given
        version = cut(command(text="Words. " * 100), "a-model").version

        # when
        same = cut(command(text="Words. " * 100, actor="somebody else"), "a-model").version
        others = {
            cut(command(text="Words. " * 101), "a-model").version,
            cut(command(text="Words. " * 100), "another-model").version,
            cut(command(text="Words. " * 100, title="Another"), "a-model").version,
            cut(command(text="Words. " * 100, chunk_chars=200), "a-model").version,
        }

        # then
        assert same == version
        assert len(others - {version}) == 4

    def test_an_event_becomes_what_its_command_became(self) -> None:
        # given
        request = command(text="# A\nWords.", chunk_chars=300)
        event = DocumentIngested(
            at=1, collection="docs", document="guide/intro.md", title="T", text=request.text, chunk_chars=300,
            digest="", chunks=1,
        )  # fmt: skip

        # then
        assert cut(event, "a-model") == cut(request, "a-model")


class TestQuery:
    def test_is_read_from_configuration_and_input(self) -> None:
        assert asked('{"collection": "docs", "top_k": 7}', '{"query": "why?"}') == Query("docs", 7, "why?")

    @pytest.mark.parametrize(
        ("node_input", "says"),
        [
            ("{}", "missing required field `query`"),
            ('{"query": 5}', "Expected `str`, got `int`"),
            ('{"query": null}', "Expected `str`, got `null`"),
            ('["query"]', "Expected `object`"),
            ('{"query": ', "truncated"),
            ('{"query": " \\n"}', "without a word"),
            (json.dumps({"query": "x" * (LONGEST_QUERY + 1)}), f"{LONGEST_QUERY + 1} characters"),
        ],
    )
    def test_that_makes_no_sense_is_told_apart(self, node_input: str, says: str) -> None:
        with pytest.raises(NodeError, match=says) as raised:
            asked('{"collection": "docs"}', node_input)
        assert (raised.value.code, raised.value.retryable) == ("input_invalid", False)

    @pytest.mark.parametrize(
        "config", ["{}", '{"collection": ""}', '{"collection": "docs", "top_k": 0}', '{"collection": "docs", "k": 3}']
    )
    def test_of_a_configuration_that_makes_no_sense_is_told_apart(self, config: str) -> None:
        with pytest.raises(NodeError) as raised:
            asked(config, '{"query": "why?"}')
        assert raised.value.code == "config_invalid"
