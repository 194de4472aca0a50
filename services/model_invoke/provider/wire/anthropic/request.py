"""What Anthropic is sent."""

from typing import Any

from headrace.prompting import ChatMessage
from headrace.resource.prompt import Tool
from model_invoke.model import ChatRequest

VERSION = "2023-06-01"
CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def url(base: str) -> str:
    """See Format; the base may have the API's version, or not."""
    return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages"


def headers(credential: str) -> dict[str, str]:
    """See Format."""
    return {"anthropic-version": VERSION, **({"x-api-key": credential} if credential else {})}


def body(request: ChatRequest, *, streamed: bool) -> dict[str, Any]:
    """See Format. What the system says stands apart from the messages."""
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    sent: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": message.role, "content": _content(message)}
            for message in request.messages
            if message.role != "system"
        ],
        "max_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        sent["temperature"] = request.temperature
    if system:
        sent["system"] = system
    if request.stop:
        sent["stop_sequences"] = list(request.stop)
    if request.response:
        sent["output_config"] = {"format": {"type": "json_schema", "schema": request.response.schema}}
    if request.tools:
        choice = {"type": CHOICES[request.tool_choice]}
        sent |= {"tools": [_tool(tool) for tool in request.tools], "tool_choice": choice}
    if streamed:
        sent["stream"] = True
    return sent


def _content(message: ChatMessage) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*({"type": "image", "source": _source(image)} for image in message.images), *text]


def _source(image: str) -> dict[str, str]:
    """An image's data, or where they are."""
    opening, _, data = image.partition(";base64,")
    if opening.startswith("data:") and data:
        return {"type": "base64", "media_type": opening.removeprefix("data:"), "data": data}
    return {"type": "url", "url": image}


def _tool(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
