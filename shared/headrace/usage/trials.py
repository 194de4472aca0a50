"""Which runs only try a prompt, so that no split is judged by them. Pure."""

LONGEST_NAME = 63


def trial_of(prompt: str) -> str:
    """The name of the workflow that tries a prompt."""
    return f"try-{prompt}"[:LONGEST_NAME].rstrip("-")


def is_trial(workflow: str, prompt: str) -> bool:
    """Whether a call was made by `headrace prompt try`; both are references, `name@3`."""
    return workflow.partition("@")[0] == trial_of(prompt.partition("@")[0])
