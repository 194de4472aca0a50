"""Docs say what is so: examples are valid, commands exist, links lead somewhere, tables equal the code."""

import ast
import contextlib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from prometheus_client import REGISTRY
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from headrace.cli.app import app
from headrace.cli.rendering import given_values
from headrace.cli.validating import offline, told
from headrace.codec import EVENTS, subject
from headrace.nodes import NODE_TYPES
from headrace.prompting import compile_variables
from headrace.resource.files import load
from headrace.resource.prompt import PromptSpec
from headrace.resource.specs import KINDS
from headrace.resource.state import ERASED, ERASING, RETIRED
from headrace.stack.home import DEFAULT_BASE, OFFSETS
from headrace.topics import ALL, CONSUMED, DAY_MS, HOUR_MS, Topic
from headrace.workflow.drawing import mermaid, picture_of
from headrace.workflow.spec import CostLimit, EdgeSpec, MapSpec, NodeSpec, Quorum, Retry, WorkflowSpec
from tests.contract.pages import INLINE, LINK, PAGES, TOP, Block, anchors, blocks, code, commands, prose, table, tables

SOURCES = ("shared", "services")

OUR_PATH = re.compile(r"(?:tests|shared|services|schemas|examples|deploy|docs)/[\w./-]*\w(?:::\w+)?")
EVENT = re.compile(r"headrace\.(?:control|document|model|node|resource|run|usage)\.[A-Z]\w+")


BLOCKS = [block for page in PAGES for block in blocks(page)]
RESOURCES = [block for block in BLOCKS if block.words[:1] == ("yaml",) and "faulty" not in block.words]
FAULTY = [(one, after) for one, after in pairwise(BLOCKS) if one.words == ("yaml", "faulty")]
LINKED = [(one, after) for one, after in pairwise(BLOCKS) if one.words == ("yaml", "faulty", "linked")]
SHELL = [block for block in BLOCKS if block.words[:1] == ("sh",)]
PYTHON = [block for block in BLOCKS if block.words[:1] == ("python",)]


def test_there_is_something_to_check() -> None:
    assert all((RESOURCES, FAULTY, LINKED, SHELL, PYTHON))
    languages = {block.words[0] for block in BLOCKS if block.words}
    assert languages <= {"yaml", "sh", "python", "text", "mermaid"}, "a language that no test checks"


@pytest.mark.parametrize("block", RESOURCES, ids=str)
def test_yaml_examples_have_no_fault(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(block.text, encoding="utf-8")
    loaded = load([file])
    assert loaded.resources
    assert [str(fault) for fault in loaded.faults] == []


@pytest.mark.parametrize(("block", "shown"), FAULTY, ids=str)
def test_faulty_examples_have_the_faults_that_the_page_shows(block: Block, shown: Block, tmp_path: Path) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text(block.text, encoding="utf-8")
    found = [str(fault).removeprefix(f"{tmp_path}/") for fault in load([file]).faults]
    assert shown.words == ("text",)
    assert "\n".join(found) == shown.text.strip()


@pytest.mark.parametrize(("block", "shown"), LINKED, ids=str)
def test_faults_between_resources_are_told_as_the_page_shows(block: Block, shown: Block, tmp_path: Path) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text(block.text, encoding="utf-8")
    loaded = load([file])
    found = [line.removeprefix(f"{tmp_path}/") for line in told(loaded, offline(loaded))]
    assert shown.words == ("text",)
    assert "\n".join(found) == shown.text.strip()


def check_headrace(arguments: Sequence[str]) -> None:
    """Parse as the command line would, without running anything. Raises for what it would refuse."""
    command, rest = typer.main.get_command(app), list(arguments)
    while (below := getattr(command, "commands", None)) is not None:
        if rest and rest[0].startswith("-"):
            assert rest[0] in {option for parameter in command.params for option in parameter.opts}
            return
        assert rest, "a group alone does nothing"
        assert rest[0] in below, f"no command {rest[0]}"
        command = below[rest.pop(0)]
    with contextlib.suppress(typer.Exit):  # --help
        command.make_context(command.name, rest)


def check_python(arguments: Sequence[str]) -> None:
    """`python -m MODULE` is a module that runs."""
    if arguments[:1] == ["-m"]:
        spec = importlib.util.find_spec(arguments[1])
        assert spec, arguments[1]
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{arguments[1]}.__main__"), arguments[1]


def check_make(arguments: Sequence[str]) -> None:
    rules = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in arguments:
        assert "=" in target or re.search(rf"^{target}:", rules, re.MULTILINE), f"no target {target}"


CHECKS = {"headrace": check_headrace, "python": check_python, "make": check_make}


def test_the_picture_of_a_workflow_is_what_the_command_draws(tmp_path: Path) -> None:
    page = TOP / "docs/workflows.md"
    first, drawn = (next(one for one in blocks(page) if one.words == (words,)) for words in ("yaml", "mermaid"))
    file = tmp_path / "welcome.yaml"
    file.write_text(first.text, encoding="utf-8")
    (workflow,) = load([file]).resources
    assert drawn.text == mermaid(picture_of(workflow.name, WorkflowSpec.model_validate(workflow.spec)))


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_examples_are_commands_that_exist(block: Block) -> None:
    for name, *arguments in commands(block.text):
        if check := CHECKS.get(Path(name).name):
            check(arguments)


def test_prompts_in_shell_examples_get_the_variables_that_they_need() -> None:
    shipped = [one for one in load([TOP / "examples"]).resources if one.kind == "Prompt"]
    asked = [words for block in SHELL for words in commands(block.text) if words[1:2] == ["prompt"]]
    asked = [words for words in asked if words[2] in {"render", "try"} and words[3][0] != "-"]
    assert asked
    for words in asked:
        name, pairs = words[3].partition("@")[0], [after for word, after in pairwise(words) if word == "--var"]
        specs = [PromptSpec.model_validate(one.spec) for one in shipped if one.name == name]
        assert specs, name
        for spec in specs:
            compile_variables(spec.variables).values(given_values(pairs, spec.variables))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_commands_in_sentences_exist(page: Path) -> None:
    for said in INLINE.findall(prose(page)):
        name, *rest = said.split()
        if name == "make" and rest:
            check_make(rest)
        command = typer.main.get_command(app) if name == "headrace" else None
        for word in rest:
            below = getattr(command, "commands", None)
            if below is None or not re.fullmatch("[a-z]+", word):
                break
            assert word in below, said
            command = below[word]


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_examples_compile(block: Block) -> None:
    assert ast.parse(block.text).body


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    for said in INLINE.findall(prose(page)):
        if OUR_PATH.fullmatch(said):
            file, _, test = said.partition("::")
            assert (TOP / file).exists(), said
            assert not test or f"def {test}(" in (TOP / file).read_text(encoding="utf-8"), said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_events_and_subjects_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert {name for name in EVENT.findall(text) if name not in EVENTS} == set()
    subjects = {subject(topic, event) for topic in ALL for event in topic.records}
    said = re.findall(r"[a-z]+\.[a-z_.]+-headrace\.[a-z]+\.\w+", text)
    assert {name for name in said if name not in subjects} == set()


def kept(topic: Topic) -> str:
    if topic.compacted:
        return f"compacted, {topic.retention_ms // DAY_MS} days" if topic.retention_ms else "compacted"
    if topic.retention_ms is None:
        return "for ever"
    if topic.retention_ms < DAY_MS:
        return f"{topic.retention_ms // HOUR_MS} hour"
    return f"{topic.retention_ms // DAY_MS} days"


def topic_rows() -> list[list[str]]:
    letters = ["`<topic>.dlq`", "original", "reader", "30 days", "dead letters, byte for byte as they came"]
    live = [topic for topic in ALL if not topic.name.endswith(".dlq")]
    return [*([f"`{one.name}`", one.key, one.writer, kept(one), one.doc] for one in live), letters]


@pytest.mark.parametrize("page", ["README.md", "docs/topics.md"])
def test_the_table_of_topics_is_the_code(page: str) -> None:
    rows = table(TOP / page, "topic", "key", "written by", "kept", "what")
    assert sorted(rows) == sorted(topic_rows())


def test_the_list_of_topics_with_dead_letters_is_the_code() -> None:
    rows = table(TOP / "docs/topics.md", "read by", "topics with dead letters")
    assert sorted(name for _, names in rows for name in code(names)) == sorted(topic.name for topic in CONSUMED)


def test_the_records_of_each_topic_are_the_code() -> None:
    rows = table(TOP / "docs/topics.md", "topic", "records")
    said = {code(topics)[0]: code(records) for topics, records in rows}
    assert said == {one.name: [event.NAME for event in one.records] for one in ALL if one.records}


def test_the_table_of_ports_is_the_code() -> None:
    rows = table(TOP / "docs/operations.md", "part", "port")
    assert [(code(part)[0], int(port)) for part, port in rows] == [
        (name, DEFAULT_BASE + offset) for name, offset in OFFSETS.items()
    ]


def test_the_table_of_limits_is_the_code() -> None:
    rows = table(TOP / "docs/guarantees.md", "limit", "value", "where it stands")
    assert rows
    for limit, value, where in rows:
        module, _, name = code(where)[0].rpartition(".")
        constant = getattr(importlib.import_module(module), name)
        assert value.split()[0].replace(",", "") == str(constant), limit


def test_workflows_are_described_whole() -> None:
    said = {word for text in INLINE.findall(prose(TOP / "docs/workflows.md")) for word in re.findall(r"\w+", text)}
    configs = [node_type.config for node_type in NODE_TYPES.values()]
    shapes: list[type[BaseModel]] = [WorkflowSpec, NodeSpec, EdgeSpec, Retry, Quorum, MapSpec, CostLimit, *configs]
    fields = {field.alias or name for shape in shapes for name, field in shape.model_fields.items()}
    assert {*fields, *NODE_TYPES} - said == set()


def test_every_fault_is_described_once() -> None:
    codes = set(re.findall(r'\b_?[Ff]ault\(\s*"(\w+)"', source()))
    assert codes > {"cycle", "duplicate_key", "file_not_found", "unknown_key", "reference_not_found", "prices_invalid"}
    described = [(header, row) for header, rows in tables(TOP / "docs/validation.md") for row in rows]
    said = [name for header, row in described if header[0] == "fault" for name in code(row[0])]
    assert codes - set(said) == set(), "not described"
    assert {name for name in said if f'"{name}"' not in source()} == set(), "does not exist"
    assert len(said) == len(set(said))
    assert all(len(row) == len(header) and all(row) for header, row in described)


def test_every_kind_has_an_example() -> None:
    text = "".join(block.text for block in RESOURCES if "apiVersion" in block.text)
    assert {kind for kind in KINDS if f"kind: {kind}\n" not in text} == set()


@cache
def source() -> str:
    files = sorted(file for folder in SOURCES for file in (TOP / folder).rglob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def import_everything() -> None:
    """Settings and metrics are known once the module that defines them has run."""
    for module in pkgutil.walk_packages([str(TOP / folder) for folder in SOURCES]):
        if not module.name.endswith(("__main__", "model_server")):  # those start something
            importlib.import_module(module.name)


def below(shape: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    for one in shape.__subclasses__():
        yield one
        yield from below(one)


def test_every_environment_variable_is_described_and_exists() -> None:
    import_everything()
    shapes = [shape for shape in below(BaseSettings) if shape.__module__.partition(".")[0] != "pydantic_settings"]
    aliases = {str(field.validation_alias) for shape in shapes for field in shape.model_fields.values()} - {"None"}
    read = set(re.findall(r"environ\.get\(\s*\"([A-Z_0-9]+)\"|envvar=\"([A-Z_0-9]+)\"", source()))
    wanted = aliases | {name for pair in read for name in pair if name}
    rows = [row for header, rows in tables(TOP / "docs/operations.md") if header[0] == "variable" for row in rows]
    said = {name for row in rows for name in code(row[0])}
    assert wanted - said == set(), "not described"
    assert {name for name in said if f'"{name}"' not in source()} == set(), "does not exist"


def test_every_metric_is_described_and_exists() -> None:
    import_everything()
    families = [family for family in REGISTRY.collect() if family.name.startswith("headrace_")]
    named = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    rows = table(TOP / "docs/operations.md", "metric", "type", "labels", "what")
    assert {code(row[0])[0] for row in rows} == named


def rules_of_runs() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in (TOP / "services/workflow_router/core").glob("*.py"))


def test_every_code_of_a_failed_run_is_described() -> None:
    codes = set(re.findall(r'(?:Refused\(|\.fail\(|refuse\((?:[^"\n]*"")?[^"\n]*, )"(\w+)"', rules_of_runs()))
    assert codes > {"deadline_exceeded", "request_unreadable", "workflow_invalid", "workflow_recursion"}
    said = {name for row in table(TOP / "docs/outside.md", "code", "when") for name in code(row[0])}
    assert codes - said == set()


def test_every_code_that_the_router_fails_a_node_with_is_described() -> None:
    codes = set(re.findall(r'end_badly\(\s*progress, [^"]*"(\w+)"', rules_of_runs()))
    assert codes > {"map_failed", "signal_timeout"}
    rows = table(TOP / "docs/workflows.md", "code", "node types", "tried again", "when")
    assert codes - {name for row in rows for name in code(row[0])} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_error_codes_exist(page: Path) -> None:
    domains = ("prompt", "model", "workflow")
    missing = {f"{domain}{what}_not_found" for domain in domains for what in ("", "_version", "_pointer")}
    statuses = {f"version_{status}" for status in (RETIRED, ERASING, ERASED)}
    composed = missing | statuses | {f"{domain}_{status}" for domain in domains for status in statuses}
    for header, rows in tables(page):
        said = {name for row in rows for name in code(row[0])} if header[0] == "code" else set()
        assert {name for name in said - composed if f'"{name}"' not in source()} == set()
