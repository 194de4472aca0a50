"""Providers' formats: what is sent, and what an answer says. Pure; an answer is outside data, and checked as such.

format.py     what each format has
openai/       OpenAI-compatible chat completions
anthropic/    Anthropic's Messages
answer.py     what the answers have in common
fault.py      from what is no answer to a fault
"""

from collections.abc import Mapping

from model_invoke.provider.wire import anthropic, openai
from model_invoke.provider.wire.fault import fault_of
from model_invoke.provider.wire.format import Assembly, Format

__all__ = ["FORMATS", "Assembly", "Format", "fault_of"]

FORMATS: Mapping[str, Format] = {"openai": openai, "anthropic": anthropic}
"""By the `provider` of a model."""
