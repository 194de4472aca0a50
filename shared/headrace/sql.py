"""SQL in `.sql` files: statements by name."""

from pathlib import Path


def load_queries(path: Path) -> dict[str, str]:
    """The statements of a file by name; each begins with a line `-- name: <name>`."""
    queries: dict[str, str] = {}
    for block in path.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, statement = block.partition("\n")
        queries[name.strip()] = statement.strip()
    return queries
