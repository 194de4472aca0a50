"""Keeps a credential out of everything that a provider says."""

import json
import re

REDACTED = "[credential]"


class Redaction:
    """Takes one credential out of texts; an empty one is none."""

    def __init__(self, credential: str) -> None:
        escaped = json.dumps(credential)[1:-1]  # as it stands in JSON
        self._needles = sorted({credential, escaped} - {""}, key=len, reverse=True)
        self._longest = max(map(len, self._needles), default=1)
        self._pattern = re.compile("|".join(map(re.escape, self._needles)) or "(?!)")

    def __call__(self, text: str) -> str:
        """The text without the credential."""
        return self._pattern.sub(REDACTED, text)

    def open_end(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of the credential."""
        closed = (match.end() for match in self._pattern.finditer(text) if not self._begins(text[match.start() :]))
        longest = min(len(text) - max(closed, default=0), self._longest - 1)
        return next((n for n in range(longest, 0, -1) if self._begins(text[-n:])), 0)

    def _begins(self, text: str) -> bool:
        return any(len(text) < len(needle) and needle.startswith(text) for needle in self._needles)


class RedactedPieces:
    """The same for a text that comes in pieces: what may be the beginning of the credential waits for what follows.

    The pieces that are let through make the redacted text, when the rest is added.
    """

    def __init__(self, redact: Redaction) -> None:
        self._redact = redact
        self._held = ""

    def take(self, piece: str) -> str:
        """What can be said by now."""
        text = self._held + piece
        end = len(text) - self._redact.open_end(text)
        self._held = text[end:]
        return self._redact(text[:end])

    def rest(self) -> str:
        """What was held back, after the last piece."""
        rest, self._held = self._held, ""
        return self._redact(rest)
