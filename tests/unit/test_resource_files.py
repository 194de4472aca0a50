"""YAML files to resources: given files, then resources, or every fault with file, line, column and a hint."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.resource.content import LARGEST_SPEC
from headrace.resource.files import LARGEST_FILE, FileFault, Files, load
from headrace.resource.prompt import LARGEST_BODY
from headrace.resource.specs import KINDS

PROMPT = """\
apiVersion: headrace/v1
kind: Prompt
metadata:
  name: greeting
spec:
  variables:
    name: {}
  messages:
    - role: user
      template: Hello {{ name }}
"""
MODEL = """\
apiVersion: headrace/v1
kind: Model
metadata: { name: small }
spec:
  provider: openai
  endpoint: { env: MODEL_BASE_URL }
  model: m
  limits: { context_window: 4096, max_output_tokens: 512 }
  costs: free
"""
ALIAS = """\
apiVersion: headrace/v1
kind: ModelAlias
metadata: { name: writer }
spec: { model: small@production }
"""
WORKFLOW = """\
apiVersion: headrace/v1
kind: Workflow
metadata: { name: greet }
spec:
  nodes:
    hello:
      type: model_invoke
      config: { prompt: greeting, model: writer }
      input: { name: input.name }
  output: { text: nodes.hello.output.text }
"""
BUDGET = """\
apiVersion: headrace/v1
kind: Budget
metadata: { name: acme }
spec: { scope: { tenant: acme }, period: day, limit: 1, currency: USD }
"""
DOCUMENTS = """\
apiVersion: headrace/v1
kind: DocumentSet
metadata: { name: docs }
spec: { collection: docs, paths: ["*.md"] }
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str | bytes, name: str = "a.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def said(loaded: Files) -> list[str]:
    """Faults as `line:column code`."""
    return [f"{fault.line}:{fault.column} {fault.fault.code}" for fault in loaded.faults]


def fault(path: Path) -> FileFault:
    (only,) = load([path]).faults
    return only


def test_one_file_may_hold_every_kind(write: Write) -> None:
    loaded = load([write("---\n".join([PROMPT, MODEL, ALIAS, BUDGET, WORKFLOW, DOCUMENTS]))])
    assert loaded.faults == []
    assert [(resource.kind, resource.name) for resource in loaded.resources] == [
        ("Prompt", "greeting"),
        ("Model", "small"),
        ("ModelAlias", "writer"),
        ("Budget", "acme"),
        ("Workflow", "greet"),
        ("DocumentSet", "docs"),
    ]
    assert {resource.kind for resource in loaded.resources} == KINDS.keys()
    assert loaded.resources[0].spec["messages"] == [{"role": "user", "template": "Hello {{ name }}"}]


def test_a_directory_is_read_to_its_depths_without_what_is_hidden(write: Write, tmp_path: Path) -> None:
    write(PROMPT, "prompts/greeting.yaml")
    write(ALIAS, "models/deep/er/alias.yml")
    for name in (".git/config.yaml", "models/.cache/x.yaml", ".hidden.yaml", "notes.md", "prompts/greeting.yaml.bak"):
        write("not: [YAML", name)
    loaded = load([tmp_path])
    assert loaded.faults == []
    assert [resource.name for resource in loaded.resources] == ["writer", "greeting"]


def test_a_directory_inside_a_hidden_one_may_be_named(write: Write) -> None:
    path = write(PROMPT, ".config/prompts/greeting.yaml")
    assert len(load([path.parent]).resources) == 1
    assert len(load([path]).resources) == 1


def test_a_file_that_is_named_twice_is_read_once(write: Write, tmp_path: Path) -> None:
    path = write(PROMPT)
    loaded = load([path, tmp_path, path])
    assert (len(loaded.resources), loaded.faults) == (1, [])


def test_a_named_file_may_have_any_ending(write: Write) -> None:
    assert len(load([write(PROMPT, "greeting.txt")]).resources) == 1


def test_nothing_there_is_a_fault(tmp_path: Path) -> None:
    missing = fault(tmp_path / "missing.yaml")
    assert (missing.fault.code, str(missing)) == (
        "file_not_found",
        f"{tmp_path}/missing.yaml:1:1 file_not_found: no such file or directory",
    )
    (tmp_path / "broken.yaml").symlink_to(tmp_path / "nowhere")
    assert fault(tmp_path / "broken.yaml").fault.code == "file_not_found"
    assert fault(tmp_path).fault.message == "no file below this directory ends in .yaml or .yml"


def test_a_file_that_can_not_be_read_is_a_fault(tmp_path: Path) -> None:
    assert fault(tmp_path / ("x" * 300)).fault.code == "file_unreadable"
    assert fault(tmp_path / "a\0b").fault.code == "file_not_found"


def test_a_name_that_is_no_text_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "dir.yaml").mkdir()
    assert fault(tmp_path / "dir.yaml").fault.code == "no_files"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "1:1 file_empty"),
        (b"# nothing\n---\n", "1:1 file_empty"),
        (b"- a\n", "1:1 not_a_resource"),
        (b"hello\n", "1:1 not_a_resource"),
        (b"x" * (LARGEST_FILE + 1), "1:1 file_too_large"),
        (PROMPT.encode("utf-16"), "1:1 not_utf8"),
        (PROMPT.encode() + b"\0", "11:1 yaml_invalid"),
        (PROMPT.replace("    - role", "\t- role").encode(), "9:1 yaml_tab"),
        (PROMPT.replace("kind: Prompt", "kind: Promt").encode(), "2:1 unknown_kind"),
        (PROMPT.replace("kind: Prompt\n", "").encode(), "1:1 missing_key"),
        (PROMPT.replace("v1", "v2").encode(), "1:1 invalid_value"),
        (PROMPT.replace("greeting", "Greeting").encode(), "4:3 name_invalid"),
        (PROMPT.replace("greeting", '"greeting\\n"').encode(), "4:3 name_invalid"),
        (PROMPT.replace("greeting", "7").encode(), "4:3 name_invalid"),
        (PROMPT.replace("  name: greeting", "  nam: greeting").encode(), "4:3 unknown_key"),
        (PROMPT.replace("role: user", "role: usr").encode(), "9:7 invalid_value"),
        (PROMPT.replace("{{ name }}", "{{ nam }}").encode(), "10:7 undeclared_variable"),
        (PROMPT.replace("{{ name }}", "'{{ name'").encode(), "10:7 template_invalid"),
        (PROMPT.replace("name: {}", "name: { schema: { type: txt } }").encode(), "7:13 schema_invalid"),
        (PROMPT.replace("{}", "{ schema: { type: string }, default: 1 }").encode(), "7:39 default_invalid"),
        ((PROMPT + "spec: {}\n").encode(), "11:1 duplicate_key"),
        (MODEL.replace("4096", "100").encode(), "8:3 limits_invalid"),
        (MODEL.replace("{ env: MODEL_BASE_URL }", "{}").encode(), "6:3 invalid_value"),
        (MODEL.replace("free", "cheap").encode(), "9:3 invalid_value"),
        (ALIAS.replace("small@production", "Small").encode(), "4:9 reference_invalid"),
        (WORKFLOW.replace("input.name", "inptu.name").encode(), "9:16 expression_invalid"),
        (WORKFLOW.replace("prompt: greeting, ", "").encode(), "8:7 missing_key"),
        (DOCUMENTS.replace('["*.md"]', "[]").encode(), "4:27 invalid_value"),
        (PROMPT.replace("Hello", "x" * LARGEST_BODY).encode(), "5:1 body_too_large"),
        (f"{PROMPT}  description: {'x' * LARGEST_SPEC}\n".encode(), "5:1 spec_too_large"),
    ],
)  # fmt: skip
def test_a_fault_has_a_line_and_a_column(write: Write, data: bytes, told: str) -> None:
    loaded = load([write(data)])
    assert ", ".join(said(loaded)) == told


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (PROMPT.replace("kind: Prompt", "kind: Promt"), "did you mean Prompt?"),
        (PROMPT.replace("messages", "mesages"), "did you mean messages?"),
        (PROMPT.replace("{{ name }}", "{{ nam }}"), "did you mean name?"),
        (PROMPT.replace("    - role", "\t- role"), "use spaces"),
        (PROMPT.replace("template: Hello", "template: Hello: "), "quote text that holds a colon"),
        (PROMPT.replace("Hello {{ name }}", "é").encode("latin-1").decode("latin-1"), ""),
        (PROMPT.replace("role: user", "role: !secret user"), "remove it"),
        (ALIAS.replace("small@production", "Small"), "write name, name@7, name@production or name@latest"),
        (MODEL.replace("4096", "100"), "leave room for the input"),
        (WORKFLOW.replace("nodes.hello", "nodes.helo"), "did you mean hello?"),
    ],
)
def test_a_fault_says_how_to_mend_it(write: Write, text: str, hint: str) -> None:
    assert hint in "".join(str(fault) for fault in load([write(text)]).faults)


def test_a_fault_reads_as_editors_and_ci_systems_expect(write: Write) -> None:
    path = write(PROMPT.replace("kind: Prompt", "kind: Promt"))
    assert str(fault(path)) == f"{path}:2:1 unknown_kind: kind: no kind 'Promt' (did you mean Prompt?)"


def test_all_faults_of_all_files_are_told_at_once_in_order(write: Write, tmp_path: Path) -> None:
    write(PROMPT.replace("role: user", "role: usr").replace("variables", "varables"), "a.yaml")
    write("\0", "b.yaml")
    write(ALIAS + "---\n" + WORKFLOW.replace("model_invoke", "modl") + "---\n" + PROMPT.replace("v1", "v0"), "c.yaml")
    told = [f"{found.file.name}:{found.line} {found.fault.code}" for found in load([tmp_path]).faults]
    assert told == [
        "a.yaml:6 unknown_key",
        "a.yaml:9 invalid_value",
        "b.yaml:1 yaml_invalid",
        "c.yaml:12 unknown_node_type",
        "c.yaml:17 invalid_value",
        "c.yaml:20 duplicate_name",
    ]


def test_a_fault_of_the_yaml_is_not_told_a_second_time_by_the_shape(write: Write) -> None:
    assert said(load([write(PROMPT.replace("role: user", "role: !!int user"))])) == ["9:7 yaml_tag"]


def test_names_are_unique_within_a_domain(write: Write, tmp_path: Path) -> None:
    write(PROMPT + "---\n" + PROMPT, "a.yaml")
    write(ALIAS.replace("writer", "small"), "b.yaml")
    write(MODEL, "c.yaml")
    write(WORKFLOW.replace("name: greet ", "name: greeting "), "d.yaml")
    loaded = load([tmp_path])
    hint = "(rename or remove one of them)"
    assert [f"{found.file.name}:{found.line}: {found.fault}" for found in loaded.faults] == [
        f"a.yaml:15: metadata.name: greeting stands already in {tmp_path}/a.yaml:1, as a Prompt {hint}",
        f"c.yaml:3: metadata.name: small stands already in {tmp_path}/b.yaml:1, as a ModelAlias {hint}",
    ]


def test_the_byte_order_mark_and_windows_ends_of_lines_change_nothing(write: Write) -> None:
    plain = load([write(PROMPT)]).resources[0]
    marked = load([write(b"\xef\xbb\xbf" + PROMPT.replace("\n", "\r\n").encode(), "b.yaml")]).resources[0]
    assert marked.spec == plain.spec


def test_words_that_other_yaml_readers_turn_into_something_else_stay_words(write: Write) -> None:
    text = PROMPT.replace("Hello {{ name }}", "no")
    assert load([write(text)]).resources[0].spec["messages"][0]["template"] == "no"


EXAMPLES = sorted({file.parent for file in (Path(__file__).parents[2] / "examples").rglob("*.yaml")})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_examples_are_sound(folder: Path) -> None:
    assert load([folder]).faults == []
