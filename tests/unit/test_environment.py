"""`make setup`: what pip is told about its index, proxy and certificates holds for uv, which installs."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/environment.py"


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    spec = spec_from_file_location("environment", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def translated(environment: ModuleType, *lines: str) -> dict[str, str]:
    found: dict[str, str] = environment.translated("".join(f"{line}\n" for line in lines))
    return found


@pytest.mark.parametrize(("line", "variable", "value"), [
    ("global.index-url='https://near.example/simple'", "UV_DEFAULT_INDEX", "https://near.example/simple"),
    ("global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'", "UV_INDEX", "https://a.example https://b.example"),
    ("install.trusted-host='near.example'", "UV_INSECURE_HOST", "near.example"),
    (":env:.cert='/etc/near.pem'", "SSL_CERT_FILE", "/etc/near.pem"),
    ("global.proxy='http://proxy.example:3128'", "ALL_PROXY", "http://proxy.example:3128"),
    ("global.find-links='https://near.example/wheels'", "UV_FIND_LINKS", "https://near.example/wheels"),
])  # fmt: skip
def test_a_setting_of_pips_is_one_of_uvs(environment: ModuleType, line: str, variable: str, value: str) -> None:
    assert translated(environment, line) == {variable: value}


def test_what_uv_has_no_word_for_is_passed_over(environment: ModuleType) -> None:
    assert (
        translated(environment, ":env:.disable-pip-version-check='1'", "download.index-url='https://x.example'") == {}
    )


def test_a_variable_wins_over_a_file_wherever_it_is_listed(environment: ModuleType) -> None:
    lines = (":env:.index-url='https://v.example'", "global.index-url='https://file.example/simple'")
    assert translated(environment, *lines) == {"UV_DEFAULT_INDEX": "https://v.example"}


def test_a_folder_of_wheels_that_is_not_there_is_left_out(environment: ModuleType, tmp_path: Path) -> None:
    line = f"global.find-links='{tmp_path} {tmp_path}/missing'"
    assert translated(environment, line) == {"UV_FIND_LINKS": str(tmp_path)}
