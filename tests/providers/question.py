"""A question that any chat provider can be asked."""

from typing import Literal

from headrace.prompting import ChatMessage
from headrace.resource.model import Endpoint
from headrace.resource.prompt import Tool
from model_invoke.model import ChatRequest

KEY = "sk-live-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
TOOL = Tool(
    name="depth",
    description="How deep a river is",
    parameters={"type": "object", "properties": {"river": {"type": "string"}}, "required": ["river"]},
)
PATIENCE_S = 120.0
"""For a small model on a busy machine."""

Provider = Literal["openai", "anthropic"]


def question(url: str, text: str = "Is water wet? Answer in one word.", provider: Provider = "openai") -> ChatRequest:
    return ChatRequest(
        endpoint=Endpoint(url=url),
        credential=None,
        model="a-model",
        messages=(ChatMessage("system", "You are brief."), ChatMessage("user", text)),
        temperature=0.0,
        max_tokens=16,
        provider=provider,
    )
