"""What is said of a value that does not fit: tables from a finding to words, and nothing that decides."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Words(NamedTuple):
    """What must hold, with `{}` for the limits that were found, and how to mend it.

    shows: whether the value is worth repeating.
    """

    must: str
    hint: str = ""
    shows: bool = True


WHOLE_NUMBER = Words("must be a whole number")
NUMBER = Words("must be a number")
TEXT = Words("must be text")
TRUTH = Words("must be true or false")
AMOUNT = Words("must be an amount such as 0.25", "write digits and a point only, such as 1000.5")
DAY = Words("must be a day, such as 2027-01-31")
LIST = Words("must be a list", "write it in [ ]")
MAPPING = Words("must be a mapping")
ELSE = Words("is not valid here")

FINDINGS: Mapping[str, Words] = {
    "int_type": WHOLE_NUMBER,
    "int_parsing": WHOLE_NUMBER,
    "int_parsing_size": Words("is too large a number"),
    "int_from_float": WHOLE_NUMBER,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": NUMBER,
    "string_type": TEXT,
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "decimal_type": AMOUNT,
    "decimal_parsing": AMOUNT,
    "decimal_max_digits": Words("must have at most {max_digits} digits"),
    "decimal_max_places": Words("must have at most {decimal_places} digits behind the point"),
    "decimal_whole_digits": Words("must have at most {whole_digits} digits before the point"),
    "date_type": DAY,
    "date_parsing": DAY,
    "date_from_datetime_parsing": DAY,
    "date_from_datetime_inexact": DAY,
    "list_type": LIST,
    "dict_type": MAPPING,
    "model_type": MAPPING,
    "model_attributes_type": MAPPING,
    "greater_than": Words("must be more than {gt}"),
    "greater_than_equal": Words("must be at least {ge}"),
    "less_than": Words("must be less than {lt}"),
    "less_than_equal": Words("must be at most {le}"),
    "too_short": Words("must not be empty", shows=False),
    "too_long": Words("must have at most {max_length} entries, it has {actual_length}", shows=False),
    "string_too_short": Words("must not be empty", shows=False),
    "string_too_long": Words("must have at most {max_length} characters", shows=False),
}
"""Words by the kind of finding."""

EXAMPLES: Mapping[str, str] = {
    "Secret": "write { secret: MY_API_KEY }: the environment variable that holds the key, never the key",
    "Endpoint": "write { url: https://api.example.com/v1 }, or { env: MODEL_BASE_URL }",
    "Limits": "write { context_window: 4096, max_output_tokens: 512 }",
    "Costs": "write { currency: USD, input_per_1k: 0.15, output_per_1k: 0.6 }",
    "Message": "write { role: user, template: ... }",
    "Variable": "write { schema: { type: string } }",
    "Scope": "write { tenant: acme }",
    "EdgeSpec": "write { from: a, to: b }",
    "NodeSpec": "write { type: ..., config: ..., input: ... }",
    "Retry": "write { attempts: 3 }",
    "Metadata": "write { name: ... }",
    "StoredBody": "write text or messages; `headrace apply` stores them",
}
"""How a part looks, by the name of its model."""

_MOVE_IT = "put the value itself into that variable"
_VARIABLE = Words("must name an environment variable in capital letters, such as MY_API_KEY", _MOVE_IT)
_URL = "write it as https://api.example.com/v1"

PATTERNS: Mapping[str, Words] = {
    r"^[A-Z]{3}$": Words("must be the three capital letters of a currency (ISO 4217), such as USD"),
    r"^[A-Z][A-Z0-9_]*$": _VARIABLE,
    r"^https?://[^/@\s?#]+(/[^@\s?#]*)?$": Words("must be a URL that begins with http:// or https://", _URL),
    r"^[A-Za-z_][A-Za-z0-9_]*$": Words("must be a name of A-Z, a-z, 0-9 and _, without a digit in front"),
    r"^[A-Za-z_][A-Za-z0-9_]{0,62}$": Words("must be 1-63 of A-Z, a-z, 0-9 and _, without a digit in front"),
    r"^[A-Za-z0-9_-]{1,64}$": Words("must be 1-64 of A-Z, a-z, 0-9, _ and -"),
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": Words("must be 1-100 of A-Z, a-z, 0-9, ., _ and -, a letter or digit first"),
    r"^[0-9a-f]{64}$": Words("must be a SHA-256 in 64 digits 0-9 and a-f"),
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$": Words("must be 1-63 of a-z, 0-9 and -, not at its ends"),
}
"""What a text must look like, by the pattern that it does not match."""

REASONS: Mapping[str, tuple[tuple[str, Words], ...]] = {
    r"^https?://[^/@\s?#]+(/[^@\s?#]*)?$": (
        (r".*@", Words("must have no user or password in it", "name the key under credential")),
        (r".*\s", Words("must have no blanks or ends of lines in it", _URL)),
        (r"https?://.*[?#]", Words("must end before ? or #", _URL)),
        (r"https?://(/|$)", Words("must name a host", _URL)),
    ),
}
"""What is said instead when the text looks like this: the first that fits."""


ELSEWHERE: Mapping[str, str] = {
    "tools": "did you mean function_calling?",
    "vision": "did you mean image_input?",
    "human": "did you mean user?",
    "ai": "did you mean assistant?",
    "content": "did you mean template?",
    **dict.fromkeys(
        ("input_per_1m", "output_per_1m", "cached_per_1m"),
        "prices are per 1,000 tokens: divide by 1000, and end in _1k",
    ),
}
"""What is meant by words that providers and other libraries use."""


def shown(value: Any) -> str:
    """A value as its file has it, shortly; of what holds others, only its kind."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"{value!r:.80}"
    return f"{json.dumps(value, default=str):.80}"
