"""What people get wrong in YAML files, and what each is told: where, what, and how to mend it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.nodes import NODE_TYPES
from headrace.resource.files import Envelope, load
from headrace.resource.specs import KINDS
from headrace.wording import PATTERNS
from tests.unit.test_resource_files import ALIAS, BUDGET, DOCUMENTS, MODEL, PROMPT, WORKFLOW

SOUND = {
    "PROMPT": PROMPT,
    "MODEL": MODEL,
    "PRICED": MODEL.replace("costs: free", "costs: { currency: USD, input_per_1k: 0.5, output_per_1k: 1 }"),
    "ALIAS": ALIAS,
    "WORKFLOW": WORKFLOW,
    "BUDGET": BUDGET,
    "DOCUMENTS": DOCUMENTS,
}
MISTAKES = yaml.safe_load(Path(__file__).with_name("typical_mistakes.yaml").read_text(encoding="utf-8"))
FOREIGN = ("Input should", "String should", "Field required", "Value error", "Extra inputs", "validation", "None")
"""Words of the libraries below."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one['file']}: {one['written'].strip()}")
def test_a_mistake_is_told_in_words_that_help(tmp_path: Path, mistake: dict[str, Any]) -> None:
    sound = SOUND[mistake["file"]]
    assert mistake["part"] in sound
    path = tmp_path / "a.yaml"
    path.write_text(sound.replace(mistake["part"], mistake["written"]), encoding="utf-8")
    told = [f"{one.line}:{one.column}: {one.fault}" for one in load([path]).faults]
    assert told == mistake["told"]
    assert not [line for line in told for foreign in FOREIGN if foreign in line]


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND)
def test_the_files_that_are_spoilt_were_sound(tmp_path: Path, sound: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(sound, encoding="utf-8")
    assert load([path]).faults == []


def patterns(schema: Any) -> Iterator[str]:
    """The patterns of texts in a JSON Schema; of amounts, the words are others."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str) and not schema["pattern"].startswith("^(?!"):
            yield schema["pattern"]
        yield from schema.get("patternProperties", ())
        for part in schema.values():
            yield from patterns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from patterns(part)


MODELS = [Envelope, *(kind.spec for kind in KINDS.values()), *(node.config for node in NODE_TYPES.values())]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_pattern_has_words(model: Any) -> None:
    assert [one for one in patterns(model.model_json_schema()) if one not in PATTERNS] == []
