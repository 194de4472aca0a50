"""A prompt and values become the messages that a model gets. Pure.

loaded.py     a prompt as a run is bound to it, with its body, and with the prompts that it uses
uses.py       what keeps a prompt from using another one
variables.py  what is given against what is declared: missing, unknown, mistyped
images.py     variables to the images that a message shows
rendering.py  templates to messages
messages.py   messages, and about how many tokens they are
questions.py  the same of everything that is sent with them
"""

from headrace.prompting.images import MOST_IMAGES
from headrace.prompting.loaded import Loaded, PinnedPrompt, assemble
from headrace.prompting.messages import BYTES_PER_TOKEN, FORMULA, ChatMessage, estimated_input, estimated_tokens
from headrace.prompting.questions import estimated_question, most_question
from headrace.prompting.rendering import render_prompt
from headrace.prompting.uses import misused
from headrace.prompting.variables import MOST_FAULTS, Variables, compile_variables, why_not

__all__ = [
    "BYTES_PER_TOKEN",
    "FORMULA",
    "MOST_FAULTS",
    "MOST_IMAGES",
    "ChatMessage",
    "Loaded",
    "PinnedPrompt",
    "Variables",
    "assemble",
    "compile_variables",
    "estimated_input",
    "estimated_question",
    "estimated_tokens",
    "misused",
    "most_question",
    "render_prompt",
    "why_not",
]
