"""A prompt and values become the messages that a model gets. Pure.

variables.py  what is given against what is declared: missing, unknown, mistyped
messages.py   templates to messages, and about how many tokens they are
"""

from headrace.prompting.messages import FORMULA, ChatMessage, estimated_input, estimated_tokens, rendered
from headrace.prompting.variables import MOST_FAULTS, Variables, compile_variables, why_not

__all__ = [
    "FORMULA",
    "MOST_FAULTS",
    "ChatMessage",
    "Variables",
    "compile_variables",
    "estimated_input",
    "estimated_tokens",
    "rendered",
    "why_not",
]
