"""A provider of your own, so that you can switch one off: an OpenAI-compatible API that always says the same.

Give it a port and what to say: `python3 provider.py 18473 "What it says."`
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Completions(BaseHTTPRequestHandler):
    """POST /v1/chat/completions."""

    def do_POST(self) -> None:  # as the standard library calls it
        """Answer, and count about as many tokens as there are words."""
        answer = sys.argv[2]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = sum(len(str(message["content"]).split()) for message in asked["messages"])
        body = json.dumps(
            {
                "model": asked["model"],
                "choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": words, "completion_tokens": len(answer.split())},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Completions).serve_forever()
