"""A prompt's version is tried before a pointer moves, on the real stack and a real language model."""

from pathlib import Path

from tests.e2e.commands import Run, printed
from tests.support.names import unique

PROMPT = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec:
  variables: {{ word: {{ schema: {{ type: string }} }} }}
  messages: [{{ role: user, template: "{text} {{{{ word }}}}" }}]
  parameters: {{ max_output_tokens: 8 }}
"""
MODEL = """
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ env: MODEL_BASE_URL }}
  model: qwen2.5-coder-0.5b-instruct
  limits: {{ context_window: 4096, max_output_tokens: 16 }}
  costs: {{ currency: USD, input_per_1k: "0.5", output_per_1k: "1" }}
"""


def deploy(headrace: Run, file: Path, text: str, *arguments: str) -> None:
    file.write_text(text, encoding="utf-8")
    done = headrace("apply", "-f", str(file), *arguments)
    assert done.returncode == 0, done.stderr


def test_two_versions_answer_side_by_side_and_no_pointer_moves(headrace: Run, tmp_path: Path) -> None:
    name, model, file = unique("say"), unique("model"), tmp_path / "r.yaml"
    deploy(headrace, file, MODEL.format(name=model))
    deploy(headrace, file, PROMPT.format(name=name, text="Repeat this word:"))
    deploy(
        headrace, file, PROMPT.format(name=name, text="Please repeat this one word, and nothing else:"), "--pointer", ""
    )

    tried = printed(
        headrace(
            *(
                "prompt",
                "try",
                f"{name}@v2",
                "--compare",
                "production",
                "--model",
                model,
                "--var",
                "word=tree",
                "--json",
            )
        )
    )

    assert [(one["prompt"], one["status"], one["models"]) for one in tried] == [
        (f"{name}@2", "completed", [f"{model}@1"]),
        (f"{name}@1", "completed", [f"{model}@1"]),
    ]
    longer, shorter = (one["usage"] for one in tried)
    assert longer["input_tokens"] > shorter["input_tokens"] > 0
    assert float(longer["cost"]) > float(shorter["cost"]) > 0
    assert all(one["answer"]["text"] and one["ms"] > 0 for one in tried)
    assert printed(headrace("run", "show", tried[0]["run"], "--json"))["workflow"].startswith(f"try-{name}@")
    heads = printed(headrace("get", "prompt", name, "--json"))
    assert heads["pointers"] == {"production": 1}


def test_a_trial_says_what_is_missing_before_it_calls_anybody(headrace: Run, tmp_path: Path) -> None:
    name, file = unique("say"), tmp_path / "p.yaml"
    deploy(headrace, file, PROMPT.format(name=name, text="Repeat:"))
    for arguments, words in (
        ((f"{name}@v9", "--model", "m"), "no version 9 of Prompt"),
        ((name, "--model", "no-such-model"), "is named 'no-such-model'"),
        ((name, "--compare", "staging", "--model", "m"), "has no pointer 'staging'"),
    ):
        done = headrace("prompt", "try", *arguments, "--var", "word=tree")
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_a_trial_without_a_variable_sends_nothing_and_one_without_an_answer_fails(
    headrace: Run, tmp_path: Path
) -> None:
    name, model, file = unique("say"), unique("model"), tmp_path / "r.yaml"
    deploy(headrace, file, MODEL.format(name=model).replace("MODEL_BASE_URL", "NOBODY_SETS_THIS"))
    deploy(headrace, file, PROMPT.format(name=name, text="Repeat:"))

    none = headrace("prompt", "try", name, "--model", model)
    assert (none.returncode, "variable word is missing; nothing was sent" in none.stderr) == (1, True), none.stderr
    assert headrace("get", "workflow", f"try-{name}").returncode == 1

    failed = headrace("prompt", "try", f"{name}@latest", "--compare", "production", "--model", model, "--var", "word=a")
    assert (failed.returncode, "latest and production are both version 1" in failed.stderr) == (1, True), failed.stderr
    assert "failed: " in failed.stdout
