"""What is installed is what is locked, what is locked is what is declared, and what is imported is declared."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from headrace.stack import downloads, maven

TOP_LEVEL = Path(__file__).parents[2]
LOCKS = {path.stem: path for path in (TOP_LEVEL / "deploy/lock").glob("*.lock")}
EVERY_LOCK = [*LOCKS.values(), maven.LOCK, downloads.MODEL_LOCK]
PROJECT = tomllib.loads((TOP_LEVEL / "pyproject.toml").read_text(encoding="utf-8"))
HASH = r"--hash=sha256:[0-9a-f]{64}"
ENTRY = re.compile(rf"(\S+==\S+)(?: ; ([^\\]+?))?((?: \\\s+{HASH})+)\n((?:    #.*\n)*)")


def declared(*extras: str) -> list[Requirement]:
    """pyproject's requirements: to run, and those of the extras."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for name in extras for line in project["optional-dependencies"][name])]
    return [Requirement(line) for line in lines]


def locked(name: str) -> dict[str, set[tuple[str, str]]]:
    """Versions, each with the marker of the machines that it is for, by package."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pin, marker, _, _ in ENTRY.findall(LOCKS[name].read_text(encoding="utf-8")):
        package, version = pin.split("==")
        found.setdefault(package, set()).add((version, marker))
    return found


def asked_for(name: str) -> set[str]:
    """Packages that a lock holds because pyproject asks for them, as its annotations say."""
    entries = ENTRY.findall(LOCKS[name].read_text(encoding="utf-8"))
    return {pin.split("==")[0] for pin, _, _, via in entries if "headrace (pyproject.toml)" in via}


def test_there_is_a_lock_for_each_purpose() -> None:
    assert set(LOCKS) == {"dev", "run", "embedding", "tools"}


@pytest.mark.parametrize("path", EVERY_LOCK, ids=lambda path: path.name)
def test_a_lock_names_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"\w+://|--index|--extra-index|--find-links|--trusted-host|\S+@\S+", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_version_with_hashes(name: str) -> None:
    # given a lock without its entries and comments
    text = LOCKS[name].read_text(encoding="utf-8")
    rest = re.sub(r"^ *#.*\n", "", ENTRY.sub("", text), flags=re.MULTILINE)
    # then nothing is left, such as a range, an option or a package without a hash
    assert rest == ""
    assert locked(name)


def test_every_java_part_has_a_digest() -> None:
    for artifact in maven.artifacts():
        assert re.fullmatch(r"[0-9a-f]{64}", artifact.sha256), artifact


def test_every_part_of_the_model_has_a_digest() -> None:
    lines = downloads.MODEL_LOCK.read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(rf"[\w-]+==[\w.]+ {HASH}", line)] == []


@pytest.mark.parametrize(("name", "extras"), [("dev", ("local", "dev")), ("run", ())])
def test_a_lock_holds_what_is_declared_and_nothing_else_is_asked_for(name: str, extras: tuple[str, ...]) -> None:
    # given what pyproject declares
    wanted = {canonicalize_name(requirement.name): requirement for requirement in declared(*extras)}
    # then the lock was made from just that, and its versions are allowed
    assert asked_for(name) == set(wanted), "run make lock"
    versions = locked(name)
    for package, requirement in wanted.items():
        for version, _ in versions[package]:
            assert requirement.specifier.contains(version, prereleases=True), f"{package} {version}: run make lock"


@pytest.mark.parametrize("name", ["run", "embedding", "tools"])
def test_a_part_of_the_development_lock_has_its_versions(name: str) -> None:
    everything, part = locked("dev"), locked(name)
    versions = {package: {version for version, _ in pins} for package, pins in part.items()}
    assert versions == {package: {version for version, _ in everything[package]} for package in part}, "run make lock"


def test_the_tools_can_build_the_project_without_an_index() -> None:
    build = {canonicalize_name(Requirement(line).name) for line in PROJECT["build-system"]["requires"]}
    assert build | {"uv", "editables"} <= set(locked("tools"))


def test_every_service_is_in_the_wheel() -> None:
    packages = {str(path.parent.relative_to(TOP_LEVEL)) for path in (TOP_LEVEL / "services").glob("*/__init__.py")}
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == {"shared/headrace", *packages}


def test_this_environment_is_the_locked_one() -> None:
    # given the entries that are meant for this machine
    here = {
        package: version
        for package, pins in locked("dev").items()
        for version, marker in pins
        if not marker or Marker(marker).evaluate()
    }
    # then each is installed in just that version
    installed = {str(canonicalize_name(found.name)): found.version for found in distributions()}
    different = {package: installed.get(package) for package in here if installed.get(package) != here[package]}
    assert different == {}, "run make setup"


def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {name.name.partition(".")[0] for name in names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.partition(".")[0])
    return found


@pytest.mark.parametrize(("folder", "extras"), [
    ("services", ()),
    ("shared", ()),
    ("shared/headrace/stack", ("local",)),  # runs on a person's machine, never in a service's container
    ("tests", ("local", "dev")),
])  # fmt: skip
def test_what_is_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    # given the modules of a folder, and the distributions that may stand behind their imports
    modules = [path for path in (TOP_LEVEL / folder).rglob("*.py") if folder != "shared" or "stack" not in path.parts]
    allowed = {canonicalize_name(requirement.name) for requirement in declared(*extras)}
    ours = {"headrace", "tests", *(path.stem for path in (TOP_LEVEL / "services").iterdir())}
    # when each import is traced to its distribution
    known = packages_distributions()
    undeclared = [
        f"{path.relative_to(TOP_LEVEL)}: {package}"
        for path in modules
        for package in sorted(imported(path) - sys.stdlib_module_names - ours)
        if not {canonicalize_name(name) for name in known.get(package, ())} & allowed
    ]
    # then none relies on a package that came by chance, with another
    assert undeclared == []
