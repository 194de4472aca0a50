"""What commands that talk to Kafka share: where it is, who asks, and how answers are printed."""

import getpass
import json
import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from headrace.bodies import BodyStore
from headrace.claims import Claims
from headrace.client import Client
from headrace.errors import KafkaUnavailable, RegistryUnavailable, StackError
from headrace.event import Event
from headrace.kafka import KafkaSettings
from headrace.object_store.settings import LOCAL_SECRET, StoreSettings
from headrace.settings import ServiceSettings
from headrace.stack.home import Home

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PROPOSED = 4
"""Exit code of a command whose change waits for somebody else's approval."""
JSON_FIELDS = frozenset({"input", "output", "payload", "spec", "config"})
"""Fields of events that hold JSON text; commands print what is in them."""


def settings() -> ServiceSettings:
    """Where things are: the environment says, then the stack of this folder or of one above. Raises StackError."""
    home = Home.default()
    running = home.running()
    if running is None and not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        raise StackError(
            f"no stack is running in {home.path}, and neither KAFKA_BOOTSTRAP_SERVERS nor HEADRACE_HOME names another; "
            "`headrace up` starts one"
        )
    local = {name: value for name, value in running.env.items() if not os.environ.get(name)} if running else {}
    return ServiceSettings(kafka=KafkaSettings(**local), **local)  # type: ignore[arg-type]  # pydantic reads text


def database_url() -> str:
    """Where Postgres is: the environment says, then the stack of this folder or of one above. Raises StackError."""
    running = Home.default().running()
    if url := os.environ.get("DATABASE_URL") or (running.env.get("DATABASE_URL") if running else None):
        return url
    raise StackError(f"no stack is running in {Home.default().path}, and DATABASE_URL names no Postgres")


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client of the installation that `settings` names. Raises KafkaUnavailable and RegistryUnavailable."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters is raised, and said in one sentence
    found = settings()
    try:
        async with Client.connect(found.kafka, found.schema_registry_url) as client:
            yield client
    except KafkaUnavailable as error:
        raise KafkaUnavailable(f"{error}{_named('KAFKA_BOOTSTRAP_SERVERS')}") from error
    except RegistryUnavailable as error:
        raise RegistryUnavailable(f"{error}{_named('SCHEMA_REGISTRY_URL')}") from error


def _named(variable: str) -> str:
    """Who named an address that does not answer, if the environment did."""
    if not os.environ.get(variable):
        return ""
    return f" ({variable} in the environment names it; `unset {variable}` to use the stack of this folder)"


def body_store() -> BodyStore:
    """Bodies of prompts, with the caller's own credentials there."""
    return BodyStore(_store_settings())


def claims() -> Claims:
    """Values that are too large to travel, with the caller's own credentials there."""
    return Claims(_store_settings())


def _store_settings() -> StoreSettings:
    """The object store that the environment names, or the stack.

    The local stack's store takes any: who has none is lent some.
    """
    running = Home.default().running()
    local = {name: value for name, value in running.env.items() if not os.environ.get(name)} if running else {}
    found = StoreSettings(**local)  # type: ignore[arg-type]  # pydantic reads text
    ours = running is not None and "s3" in running.parts and found.endpoint_url == running.env["S3_ENDPOINT_URL"]
    if ours and not os.environ.get("AWS_ACCESS_KEY_ID"):
        found = found.model_copy(update={"access_key_id": LOCAL_SECRET, "secret_access_key": LOCAL_SECRET})
    return found


def program() -> str:
    """How this command can be typed here: `headrace`, or the path that was typed when that is not found."""
    typed = sys.argv[0]
    return typed if Path(typed).name == "headrace" and not shutil.which("headrace") else "headrace"


def actor() -> str:
    """Who asks, for the audit trail: HEADRACE_ACTOR, or the user's login."""
    return os.environ.get("HEADRACE_ACTOR") or getpass.getuser()


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """One JSON value on standard output; None as indent keeps it on one line."""
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(event: Event) -> dict[str, Any]:
    """An event for people and `jq`: its name, bytes as hexadecimal, JSON text as what it holds."""
    fields = msgspec.to_builtins(event, builtin_types=(bytes,))
    return {"event": event.NAME, **{name: _plain(name, value) for name, value in fields.items()}}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return json.loads(value) if name in JSON_FIELDS and isinstance(value, str) else value
