"""A text is cut into passages that stand alone."""

from hypothesis import given
from hypothesis import strategies as st

from vector_search.core.passages import SMALLEST, Passage, split

LINES = st.one_of(
    st.sampled_from(["", "# One", "## Two", "### Three ###", "#", "```", "~~~~", "- item", "A sentence. Another one!"]),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=300),
    st.text(alphabet="ab .\t\r", max_size=500),
)
TEXTS = st.lists(LINES, max_size=40).map("\n".join)
LIMITS = st.integers(SMALLEST, 1_500)
TITLES = st.one_of(st.just(""), st.sampled_from(["One", "A title"]), st.text(max_size=200))


def passages(text: str, limit: int = 1_000, title: str = "") -> list[Passage]:
    return list(split(text, limit, title))


def words(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, LIMITS, TITLES)
def test_no_passage_is_longer_than_allowed(text: str, limit: int, title: str) -> None:
    assert all(len(passage.text) <= limit for passage in split(text, limit, title))


@given(TEXTS, LIMITS, TITLES)
def test_nothing_but_white_space_is_lost_and_no_passage_is_empty(text: str, limit: int, title: str) -> None:
    bodies = [passage.body for passage in split(text, limit, title)]
    assert words("".join(bodies)) == words(text)
    assert all(words(body) for body in bodies)


@given(TEXTS, LIMITS, TITLES)
def test_the_same_text_is_cut_the_same_way(text: str, limit: int, title: str) -> None:
    assert passages(text, limit, title) == passages(text, limit, title)


@given(st.text(alphabet="ab. \n", min_size=2_000, max_size=4_000), st.integers(SMALLEST, 400))
def test_passages_are_not_needlessly_many(text: str, limit: int) -> None:
    assert len(passages(text, limit)) <= 2 + 4 * len(text) / limit


def test_a_short_text_is_one_passage() -> None:
    assert passages("\n  A line.\n\nAnother.  \n") == [Passage("", "A line.\n\nAnother.")]


def test_no_text_is_no_passage() -> None:
    assert passages(" \n\n\t ") == []


def test_a_passage_ends_before_a_heading_and_stands_under_those_above_it() -> None:
    # given
    text = f"# Guide\n\n## Install\n{'Run it. ' * 20}\n## Use\n{'Use it. ' * 20}\n### Fast\n{'Hurry. ' * 20}"

    # when
    first, second, third = passages(text, 400)

    # then
    assert (first.headings, first.body[:20]) == ("", "# Guide\n\n## Install\n")
    assert (second.headings, second.body[:6]) == ("Guide", "## Use")
    assert (third.headings, third.body[:8]) == ("Guide > Use", "### Fast")


def test_the_rest_of_a_section_stands_under_its_own_heading() -> None:
    # given
    text = f"# Guide\n## Install\n{'Run it. ' * 40}"

    # when
    first, second, *_ = passages(text, 200)

    # then
    assert first.body.startswith("# Guide\n## Install\nRun it.")
    assert second.headings == "Guide > Install"
    assert second.text.startswith("Guide > Install\nRun it.")


def test_a_title_stands_above_everything_but_itself() -> None:
    # given
    text = "Run it. " * 40

    # when
    plain = passages(text, 200, "The  guide\n")
    headed = passages(f"# The guide\n{text}", 200, "The guide")

    # then
    assert {passage.headings for passage in plain} == {"The guide"}
    assert [passage.headings for passage in headed] == ["", "The guide"]


def test_a_section_of_a_few_words_stays_with_what_follows() -> None:
    # given
    text = f"# A\nSmall.\n# B\n{'Long. ' * 50}"

    # when
    first, *_ = passages(text, 200)

    # then
    assert first.body.startswith("# A\nSmall.\n# B\nLong.")


def test_a_hash_in_code_is_no_heading() -> None:
    # given
    code = f"~~~\n# not this\n```\n# nor this\n~~~\n{'Words. ' * 20}"

    # when
    *_, last = passages(f"# Guide\n{code}\n## Real\n{'Words. ' * 60}", 300)

    # then
    assert last.headings == "Guide > Real"


def test_a_hash_without_a_space_and_one_at_the_end_of_a_word_are_no_marks() -> None:
    last = passages(f"#hashtag\n# C#\n{'Words. ' * 40}", 200)[-1]
    assert last.headings == "C#"


def test_a_long_section_is_cut_after_a_paragraph_then_a_sentence_then_a_line_then_a_word() -> None:
    # given
    paragraphs = f"{'a' * 60}.\n\n{'b' * 30}. {'c' * 30}"
    sentences = f"{'a' * 60}. {'b' * 20}\n{'c' * 30}"
    lines = f"{'a' * 60}\n{'b' * 20} {'c' * 30}"
    one_line = f"{'a' * 60} {'b' * 20} {'c' * 30}"

    # when
    first = [passages(text, 100)[0].body for text in (paragraphs, sentences, lines, one_line, "a" * 250)]

    # then
    assert first == ["a" * 60 + ".", "a" * 60 + ".", "a" * 60, f"{'a' * 60} {'b' * 20}", "a" * 100]


def test_a_passage_is_as_long_as_allowed_with_its_headings() -> None:
    assert {len(passage.text) for passage in passages("x" * (4 * 95), 100, "four")} == {100}


def test_deep_headings_leave_room_for_the_text() -> None:
    # given
    heads = "\n".join(f"{'#' * level} {'long heading ' * 10}{level}" for level in range(1, 7))

    # when
    *_, last = passages(f"{heads}\n{'Words. ' * 100}", 120)

    # then
    assert last.headings.startswith("long heading")
    assert last.headings.endswith("…")
    assert len(last.headings) <= 30
