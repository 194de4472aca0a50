"""The OpenAI-compatible chat completions API: https://platform.openai.com/docs/api-reference/chat"""

from model_invoke.provider.wire.openai.answer import completion
from model_invoke.provider.wire.openai.request import body, headers, url
from model_invoke.provider.wire.openai.stream import assembly

__all__ = ["assembly", "body", "completion", "headers", "url"]
