"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages"""

from model_invoke.provider.wire.anthropic.answer import completion
from model_invoke.provider.wire.anthropic.request import body, headers, url
from model_invoke.provider.wire.anthropic.stream import assembly

__all__ = ["assembly", "body", "completion", "headers", "url"]
