"""What OpenAI-compatible providers are sent."""

from typing import Any

from headrace.prompting import ChatMessage
from headrace.resource.prompt import Tool
from model_invoke.model import ChatRequest

PATH = "/chat/completions"


def url(base: str) -> str:
    """See Format."""
    return base + PATH


def headers(credential: str) -> dict[str, str]:
    """See Format."""
    return {"Authorization": f"Bearer {credential}"} if credential else {}


def body(request: ChatRequest, *, streamed: bool) -> dict[str, Any]:
    """See Format. `strict`: the provider binds the model to the schema or refuses it, never just tries."""
    sent: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": _content(message)} for message in request.messages],
        "max_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        sent["temperature"] = request.temperature
    if request.stop:
        sent["stop"] = list(request.stop)
    if request.response:
        named = {"name": request.response.name, "strict": True, "schema": request.response.schema}
        sent["response_format"] = {"type": "json_schema", "json_schema": named}
    if request.tools:
        sent |= {"tools": [_tool(tool) for tool in request.tools], "tool_choice": request.tool_choice}
    if streamed:
        sent |= {"stream": True, "stream_options": {"include_usage": True}}
    return sent


def _content(message: ChatMessage) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*text, *({"type": "image_url", "image_url": {"url": image}} for image in message.images)]


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
