"""Pictures of workflows: given a workflow, then boxes and lines, Mermaid text, and SVG in which nothing is cut off."""

import html
import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headrace.workflow.drawing import marked, mermaid, picture_of, svg
from headrace.workflow.drawing.layout import HEAD, PlacedBox, label_size, placed
from headrace.workflow.drawing.mermaid import escaped
from headrace.workflow.drawing.picture import Box, Line, Picture
from headrace.workflow.drawing.text import width_of, wrapped
from headrace.workflow.explained import Path as RunPath
from headrace.workflow.explained import Visit
from headrace.workflow.reasons import Choice
from headrace.workflow.spec import WorkflowSpec

PICTURES = Path(__file__).parent / "pictures"
SVG = "{http://www.w3.org/2000/svg}"
WEIRD = [
    'input.a == "x"]-->n9["y"]',
    "input.a < 3 && input.b > 4 || !input.c",
    "<script>alert(1)</script>",
    "1. first",
    "- item",
    "`code` **bold** #quot; #35; &amp; ~~~",
    "a\nb\tc\r\n%% comment",
    'subgraph end; click n0 "javascript:alert(1)"',
    "{x: [1, 2]} | y \\ z ^ $",
    "input.style == 'fill:#fff;'",
    "größe > 5 && 名前 == '値' && '🙂' in input.x",
    "a\0b\x1b[31m\ufffe",
]


def review() -> Picture:
    document = yaml.safe_load((PICTURES / "review-contract.yaml").read_text())
    return picture_of("review-contract@3", WorkflowSpec.model_validate(document["spec"]))


def spec(nodes: Any, edges: Any = ()) -> WorkflowSpec:
    return WorkflowSpec.model_validate({"nodes": nodes, "edges": list(edges), "output": {"a": "1"}})


def chain(label: str) -> Picture:
    edge = {"from": "a", "to": "b", "when": label}
    return picture_of(label, spec({"a": {"type": "template"}, "b": {"type": label}}, [edge]))


def a_run() -> Picture:
    """A run that came to the approval, after it went round the loop once."""
    path = RunPath(
        (
            Visit("read", state="succeeded", choices=(Choice(0, "read", "draft", taken=True, why=""),)),
            Visit("judge", state="succeeded", choices=(Choice(4, "judge", "draft", taken=True, why=""),)),
            Visit("judge", round=1, state="failed", choices=(Choice(4, "judge", "draft", taken=True, why=""),)),
            Visit("clauses", instance=3, state="failed"),
            Visit("approve", state="running"),
        )
    )
    return marked(review(), path)


def test_a_picture_has_what_a_reader_must_know() -> None:
    picture = review()
    notes = {box.id: box.notes for box in picture.boxes}
    assert notes["draft"] == ("prompt draft-answer@production", "model answer-model")
    assert notes["clauses"] == ("collection clauses", "for each of nodes.read.output.clauses, 5 at once")
    assert (notes["approve"], notes["publish"], notes["apologise"]) == (
        ("signal approval", "joins all of 3"),
        ("joins 2 of 2",),
        ("joins any of 2",),
    )
    lines = {(line.source, line.target): (line.kind, line.label) for line in picture.lines}
    assert lines["read", "draft"] == ("always", "")
    assert lines["judge", "draft"] == ("back", "again if nodes.judge.output.score < 5, 4 rounds at most")
    assert lines["judge", "approve"] == ("else", "else")
    assert lines["approve", "publish"] == ("when", "nodes.approve.output.ok")
    assert lines["draft", "apologise"] == ("on_error", "on error")
    assert lines["sub", "apologise"] == ("on_error", "on error, if nodes.sub.error.code == 'timeout'")


def test_an_edge_that_leads_to_nowhere_is_drawn() -> None:
    picture = picture_of("x", spec({"a": {"type": "template"}}, [{"from": "a", "to": "b"}]))
    assert picture.boxes[1] == Box("b", "missing")
    assert "missing" in mermaid(picture)
    assert "missing" in svg(picture)


def test_a_run_marks_where_it_was() -> None:
    picture = a_run()
    assert {box.id: box.state for box in picture.boxes if box.state} == {
        "read": "succeeded",
        "judge": "failed",
        "approve": "running",
    }
    assert [line.taken for line in picture.lines] == [1, 0, 0, 0, 2, *[0] * 9]


@pytest.mark.parametrize(("name", "picture"), [("review-contract", review()), ("review-contract-run", a_run())])
def test_mermaid_text_is_as_it_was(name: str, picture: Picture) -> None:
    assert mermaid(picture) == (PICTURES / f"{name}.mmd").read_text()


@given(st.text() | st.sampled_from(WEIRD))
def test_mermaid_reads_any_text_as_words(text: str) -> None:
    found = escaped(text)
    decoded = re.sub(r"#(\d+);", lambda one: chr(int(one[1])), found)
    assert decoded == " ".join(text.split())
    assert not set(re.sub(r"#\d+;", "", found)) & set('"<>&#;`*{}|\\~^$%:\n')
    assert not re.match(r"[^\w#]|\d+[.)]\s", found)


@pytest.mark.parametrize("text", WEIRD)
def test_a_weird_condition_makes_no_further_line(text: str) -> None:
    plain = mermaid(chain("x")).splitlines()
    assert len(mermaid(chain(text)).splitlines()) == len(plain)
    assert mermaid(chain(text)).count('"') == mermaid(chain("x")).count('"')


def shapes(text: str) -> tuple[ET.Element, float, float]:
    root = ET.fromstring(text)
    return root, float(root.attrib["width"]), float(root.attrib["height"])


@given(st.text(max_size=400) | st.sampled_from(WEIRD))
def test_any_text_is_valid_xml_that_shows_and_does_nothing(text: str) -> None:
    root, width, height = shapes(svg(chain(text or "x")))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {"svg", "title", "rect", "text", "g", "path"}
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on") or "href" in name]
    assert (width > 0, height > 0) == (True, True)


@pytest.mark.parametrize("picture", [review(), a_run(), *map(chain, WEIRD)], ids=lambda picture: picture.title[:20])
def test_no_word_is_cut_off(picture: Picture) -> None:
    root, width, height = shapes(svg(picture))
    drawing = next(one for one in root if "transform" in one.attrib)
    moved = re.findall(r"[\d.]+", drawing.attrib["transform"])
    moves = {text: (float(moved[0]), float(moved[1])) for text in drawing.iter(f"{SVG}text")}
    for text in root.iter(f"{SVG}text"):
        size, x, y = (float(text.attrib[name]) for name in ("font-size", "x", "y"))
        dx, dy = moves.get(text, (0.0, 0.0))
        wide = width_of(text.text or "", size)
        left = dx + x - (wide / 2 if text.attrib.get("text-anchor") == "middle" else 0)
        assert 0 <= left <= left + wide <= width
        assert size <= dy + y <= height


@pytest.mark.parametrize("picture", [review(), a_run()], ids=["workflow", "run"])
def test_words_fit_into_their_boxes_and_boxes_stand_apart(picture: Picture) -> None:
    places = placed(picture)
    for box in places.boxes:
        assert max(width_of(line, HEAD) for line in box.head) < box.width
        assert -0.01 <= box.x <= box.x + box.width <= places.width + 0.01
        assert -0.01 <= box.y <= box.y + box.height <= places.height + 0.01
    labels = [_around(line.anchor, label_size(line.label)) for line in places.lines if line.label]
    boxes = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in places.boxes]
    assert len(labels) == 8
    assert not [pair for pair in itertools.combinations([*boxes, *labels], 2) if _overlap(*pair)]


Area = tuple[float, float, float, float]


def _around(middle: tuple[float, float], size: tuple[float, float]) -> Area:
    (x, y), (width, height) = middle, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_lines_lead_from_border_to_border_also_those_that_lead_back() -> None:
    places = placed(review())
    boxes = {box.box.id: box for box in places.boxes}
    for line in places.lines:
        assert _on_border(line.points[0], boxes[line.line.source])
        assert _on_border(line.points[-1], boxes[line.line.target])
    back = next(line for line in places.lines if line.line.kind == "back")
    assert boxes[back.line.source].y > boxes[back.line.target].y


def _on_border(point: tuple[float, float], box: PlacedBox) -> bool:
    x, y = point
    inside = box.x - 1 <= x <= box.x + box.width + 1 and box.y - 1 <= y <= box.y + box.height + 1
    near = min(abs(x - box.x), abs(x - box.x - box.width), abs(y - box.y), abs(y - box.y - box.height))
    return inside and near <= 1


def test_the_same_picture_is_drawn_the_same_way() -> None:
    assert svg(review()) == svg(review())


def test_what_is_shortened_can_be_read_in_full() -> None:
    condition = f"input.name == '{'x' * 300}'"
    drawn = html.unescape(svg(chain(condition)))
    assert f"a → b: {condition}" in drawn
    assert "…" in drawn


def test_the_legend_explains_what_is_there_and_no_more() -> None:
    words = {text.text for text in shapes(svg(chain("true")))[0].iter(f"{SVG}text")}
    assert {"template", "taken when it is true"} <= words
    assert not {"always taken", "not taken", "succeeded"} & words
    run = {text.text for text in shapes(svg(a_run()))[0].iter(f"{SVG}text")}
    assert {"succeeded", "failed", "running", "not reached", "not taken"} <= run


def test_two_hundred_nodes_stand_apart() -> None:
    edges = [{"from": f"n{(number - 1) // 2}", "to": f"n{number}"} for number in range(1, 200)]
    again = [{"from": f"n{number}", "to": f"n{number + 40}", "else": True} for number in range(100, 150)]
    places = placed(picture_of("large", spec({f"n{n}": {"type": "template"} for n in range(200)}, [*edges, *again])))
    boxes = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in places.boxes]
    assert len(boxes) == 200
    assert not [pair for pair in itertools.combinations(boxes, 2) if _overlap(*pair)]


@given(st.text(max_size=200), st.integers(2, 60), st.integers(1, 4))
def test_lines_of_text_keep_within_their_bounds(text: str, width: int, most: int) -> None:
    lines = wrapped(text, width, most)
    assert len(lines) <= most
    assert all(0 < len(line) <= width for line in lines)


def test_lines_of_text_end_where_expressions_may_be_parted() -> None:
    assert wrapped("nodes.ask.output.score < 5 && size(input.names) > 0", 20, 9) == (
        "nodes.ask.output.",
        "score < 5 && size(",
        "input.names) > 0",
    )


def test_a_line_that_a_run_took_often_says_so() -> None:
    picture = Picture("x", (Box("a", "template", state="succeeded"),), (Line("a", "a", "back", "again", taken=3),))
    assert "again, taken 3 times" in mermaid(picture)
    assert "taken 3 times" in svg(picture)
