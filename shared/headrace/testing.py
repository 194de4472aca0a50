"""Fakes that pass the same suites as the real things, for Headrace's own tests and its users'."""

import json


class MemoryRegistry:
    """A schema registry in memory: equal schemas have equal ids, whatever the subject."""

    def __init__(self) -> None:
        self._schemas: list[str] = []

    async def register(self, subject: str, schema: str) -> int:
        """The id of a schema; ids count from 1."""
        canonical = json.dumps(json.loads(schema), sort_keys=True)
        if canonical not in self._schemas:
            self._schemas.append(canonical)
        return self._schemas.index(canonical) + 1

    async def schema(self, schema_id: int) -> str | None:
        """The schema with this id as JSON text; None when there is none."""
        return self._schemas[schema_id - 1] if 0 < schema_id <= len(self._schemas) else None
