"""The lines that no module may cross, read from the source: who talks to Kafka, what is pure, who reads settings.

Each rule is a function from a module's name and text to what is wrong with it, and is shown texts that break it.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from headrace.workflow.graph import cycle

TOP_LEVEL = Path(__file__).parents[2]
ROOMS = sorted(path.parent for path in (TOP_LEVEL / "services").glob("*/__init__.py"))

Rule = Callable[[str, str], list[str]]

LOOPS = re.compile(
    r"headrace\.(machine|worker|projection)(\..+)?|headrace\.(table|client|outbox|kafka|group|delivery|announcer|raw_records)"
)
"""The three loops, what they are built of, and what is told beside them."""

PURE = re.compile(
    r"\w+\.core(\..+)?|(model_invoke|projector|vector_search|workflow_router)\.(model|ports)"
    r"|model_invoke\.guards\.health|model_invoke\.provider\.(wire(\..+)?|redaction)"
    r"|headrace\.(workflow|expression|links|prompting|templating)(\..+)?"
    r"|headrace\.resource\.(aggregate|approvals|body|catalog|content|erasure|model|naming|pausing|pointers|prompt|prompt_faults)"
    r"|headrace\.resource\.(budget|exact|mending|sensitive|source|specs|splits|state|versions)"
    r"|headrace\.budgets\.(active|holds|log)|headrace\.claims\.claim|headrace\.usage(\..+)?|headrace\.machine\.model"
    r"|headrace\.worker\.(ended|watermark)"
    r"|headrace\.(cloudevents|erasures|event|fault|json_schema|nodes|pricing|seen|shape|topics|wording)"
)
"""Rules, shapes and wire formats: the same arguments have the same result, everywhere and always."""

IMPURE = {
    *("time", "uuid", "random", "secrets", "os", "sys", "pathlib", "io", "tempfile", "shutil", "socket", "subprocess"),
    *("asyncio", "threading", "logging", "structlog", "prometheus_client", "signal", "sched", "urllib.request", "http"),
    *("aiokafka", "httpx", "aiohttp", "asyncpg", "boto3", "botocore", "qdrant_client", "confluent_kafka"),
    *(f"headrace.{shell}" for shell in ("client", "table", "kafka", "contracts", "journal", "service", "settings")),
}
"""Clocks, chance, places and streams. `datetime` may be imported, for times that are given: see CLOCKS."""
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "uuid4", "uuid1"}
BUILTINS = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}

SETTINGS = re.compile(r"headrace\.settings|headrace\.(stack|cli)(\..+)?|\w+\.(__main__|settings|bootstrap)")
"""Who may read the environment: once, at the start. Everybody else is given what it needs."""


def modules() -> dict[str, str]:
    """The text of every module of ours by name."""
    found = {}
    for root in (TOP_LEVEL / "shared", TOP_LEVEL / "services"):
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


MODULES = modules()


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def imports(text: str) -> Iterator[str]:
    """Names of modules that a text imports anywhere, and `module.name` for what it takes from one."""
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def below(name: str, roots: Sequence[str] | set[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def calls(text: str) -> Iterator[str]:
    """What a text calls: builtins by their name, and clocks by the last of their names, such as `datetime.now`."""
    for node in ast.walk(parsed(text)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CLOCKS | BUILTINS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield name


def only_the_loops_talk_to_kafka(module: str, text: str) -> list[str]:
    if LOOPS.fullmatch(module):
        return []
    return [
        f"{module} imports {name}" for name in imports(text) if below(name, ["aiokafka", "confluent_kafka", "kafka"])
    ]


def only_the_meter_is_written_with_faust(module: str, text: str) -> list[str]:
    if below(module, ["usage_meter"]):
        return []
    return [f"{module} imports {name}" for name in imports(text) if below(name, ["faust", "mode"])]


def what_is_pure_stays_pure(module: str, text: str) -> list[str]:
    if not PURE.fullmatch(module):
        return []
    found = [f"{module} imports {name}" for name in imports(text) if below(name, IMPURE)]
    found += [f"{module} calls {name}" for name in calls(text)]
    return found + [f"{module} waits in {name}" for name in _waiting(text)]


def _waiting(text: str) -> Iterator[str]:
    """Functions that can wait. Those of a port may, which is a Protocol: a shape of what others do."""
    tree = ast.parse(text)
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in owner.bases):
            owner.body = []
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef))


def who_claims_to_be_pure_is_held_to_it(module: str, text: str) -> list[str]:
    claims = re.search(r"\b[Pp]ure[.;]", ast.get_docstring(parsed(text)) or "")
    return [f"{module} says that it is pure"] if claims and not PURE.fullmatch(module) else []


def only_the_start_reads_the_environment(module: str, text: str) -> list[str]:
    if SETTINGS.fullmatch(module):
        return []
    named = [node.attr for node in ast.walk(parsed(text)) if isinstance(node, ast.Attribute)]
    read = {"environ", "getenv", "environb", "putenv"}
    taken = [name.rpartition(".")[2] for name in imports(text) if below(name, ["os"])]
    return [f"{module} reads os.{name}" for name in (*named, *taken) if name in read]


def the_library_knows_no_service_and_services_not_each_other(module: str, text: str) -> list[str]:
    names = [room.name for room in ROOMS]
    own = module.partition(".")[0]
    return [f"{module} imports {name}" for name in imports(text) if below(name, names) and not below(name, [own])]


def names_say_what_is_inside(module: str, text: str) -> list[str]:
    return [
        f"{module} is a name for anything"
        for part in module.split(".")
        if re.search("util|helper|common|manager|misc", part)
    ]


RULES: tuple[Rule, ...] = (
    only_the_loops_talk_to_kafka,
    only_the_meter_is_written_with_faust,
    what_is_pure_stays_pure,
    who_claims_to_be_pure_is_held_to_it,
    only_the_start_reads_the_environment,
    the_library_knows_no_service_and_services_not_each_other,
    names_say_what_is_inside,
)


@pytest.mark.parametrize("rule", RULES)
def test_our_modules_keep_the_rule(rule: Rule) -> None:
    assert [fault for module, text in MODULES.items() for fault in rule(module, text)] == []


VIOLATIONS: list[tuple[Rule, str, str]] = [
    (only_the_loops_talk_to_kafka, "template.core", "import aiokafka"),
    (only_the_loops_talk_to_kafka, "template.adapters", "from aiokafka.errors import KafkaError"),
    (only_the_loops_talk_to_kafka, "headrace.service", "def f():\n    import aiokafka.producer"),
    (only_the_loops_talk_to_kafka, "headrace.codec", "from confluent_kafka import Producer"),
    (only_the_loops_talk_to_kafka, "headrace.machines", "import aiokafka"),
    (only_the_meter_is_written_with_faust, "template.job", "from faust import App"),
    (only_the_meter_is_written_with_faust, "headrace.machine.loop", "from mode.services import Service"),
    (what_is_pure_stays_pure, "workflow_router.core.progress", "import time"),
    (what_is_pure_stays_pure, "workflow_router.core", "from uuid import uuid4"),
    (what_is_pure_stays_pure, "template.core", "import random"),
    (what_is_pure_stays_pure, "headrace.resource.aggregate", "from datetime import datetime\nNOW = datetime.now()"),
    (what_is_pure_stays_pure, "headrace.workflow.compiler", "import structlog"),
    (what_is_pure_stays_pure, "headrace.workflow", "from os import path"),
    (what_is_pure_stays_pure, "headrace.expression.work", "import asyncio.locks"),
    (what_is_pure_stays_pure, "vector_search.core.query", "import httpx"),
    (what_is_pure_stays_pure, "workflow_router.core.start", "from headrace.client import Client"),
    (what_is_pure_stays_pure, "projector.core", "def f():\n    print('x')"),
    (what_is_pure_stays_pure, "projector.core", "def f(path):\n    return open(path)"),
    (what_is_pure_stays_pure, "workflow_router.core", "async def decide(): ..."),
    (what_is_pure_stays_pure, "template.core", "class J:\n    async def perform(self, call): return 1"),
    (what_is_pure_stays_pure, "template.core", "class P(Protocol): ...\nclass J:\n    async def fetch(self): ..."),
    (who_claims_to_be_pure_is_held_to_it, "headrace.codec", '"""Rules. Pure."""'),
    (only_the_start_reads_the_environment, "headrace.codec", "import os\nX = os.environ['X']"),
    (only_the_start_reads_the_environment, "headrace.kafka", "from os import environ"),
    (only_the_start_reads_the_environment, "model_invoke.provider.chat", "import os\nX = os.getenv('X')"),
    (the_library_knows_no_service_and_services_not_each_other, "headrace.codec", "import workflow_router.core"),
    (the_library_knows_no_service_and_services_not_each_other, "template.core", "from model_invoke.model import Plan"),
    (names_say_what_is_inside, "headrace.utils", ""),
    (names_say_what_is_inside, "template.common.text", ""),
]


@pytest.mark.parametrize(("rule", "module", "text"), VIOLATIONS)
def test_the_rule_sees_what_breaks_it(rule: Rule, module: str, text: str) -> None:
    assert rule(module, text)


@pytest.mark.parametrize(
    ("rule", "module", "text"),
    [
        (only_the_loops_talk_to_kafka, "headrace.machine.loop", "import aiokafka"),
        (only_the_loops_talk_to_kafka, "template.core", "import aiokafka_is_not_this"),
        (only_the_meter_is_written_with_faust, "usage_meter.app", "import faust"),
        (what_is_pure_stays_pure, "headrace.machine.loop", "import time"),
        (
            what_is_pure_stays_pure,
            "projector.core",
            "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        ),
        (what_is_pure_stays_pure, "model_invoke.ports", "class P(Protocol):\n    async def ask(self): ..."),
        (who_claims_to_be_pure_is_held_to_it, "headrace.budgets.log", '"""Rules. Pure."""'),
        (only_the_start_reads_the_environment, "template.__main__", "import os\nos.environ"),
    ],
)
def test_the_rule_lets_through_what_it_allows(rule: Rule, module: str, text: str) -> None:
    assert rule(module, text) == []


def test_the_rules_for_what_is_pure_meet_something() -> None:
    cores = [name for name in MODULES if PURE.fullmatch(name)]
    assert {f"{room.name}.core" for room in ROOMS if (room / "core.py").exists() or (room / "core").exists()} <= set(
        cores
    )
    assert len(cores) > 30


def graph_of(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Which parts of the library import which, when they are loaded; a part is a module or a package right below it."""
    parts = {_part(name): set[str]() for name in texts if name.startswith("headrace.")}
    for name, text in texts.items():
        if _part(name) in parts:
            loaded = [_part(target) for target in imports(_when_loaded(text))]
            parts[_part(name)] |= {target for target in loaded if target in parts and target != _part(name)}
    return {name: sorted(targets) for name, targets in parts.items()}


def _part(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _when_loaded(text: str) -> str:
    """A text without what only type checkers read and without the insides of functions."""
    body: list[ast.stmt] = [node for node in parsed(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return ast.unparse(ast.Module(body, []))


def test_no_part_of_the_library_needs_itself() -> None:
    assert cycle(graph_of(MODULES)) == []


def test_a_circle_of_imports_would_be_seen() -> None:
    planted = {
        "headrace.a.x": "from headrace.b import y",
        "headrace.b": "import headrace.c.z",
        "headrace.c.z": "import headrace.a",
    }
    assert sorted(cycle(graph_of(planted))) == ["headrace.a", "headrace.b", "headrace.c"]


def room_faults(room: Path) -> list[str]:
    """What a service's folder lacks."""
    missing = [
        f"{room.name} has no {name}.py"
        for name in ("__init__", "__main__", "bootstrap")
        if not (room / f"{name}.py").exists()
    ]
    doc = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    lines = re.findall(r"^(in|out|state|rule) {1,5}\S", doc, re.MULTILINE)
    return missing + (
        [] if lines == ["in", "out", "state", "rule"] else [f"{room.name}'s docstring has the lines {lines}"]
    )


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_service_is_the_same_room(room: Path) -> None:
    assert room_faults(room) == []


def test_a_room_that_is_not_finished_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""A service.\n\nin     a\nstate  b\n"""\n')
    assert len(room_faults(tmp_path)) == 3


def test_every_room_is_in_the_wheel() -> None:
    project = tomllib.loads((TOP_LEVEL / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == sorted(["shared/headrace", *(f"services/{room.name}" for room in ROOMS)])
