"""The command line. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a part of the stack does not answer."""

import sys

import typer

from headrace.cli import demo, listing, resources, runs, stack, usage, versions
from headrace.cli.text import printable
from headrace.errors import (
    HeadraceError,
    JournalUnavailable,
    KafkaUnavailable,
    RegistryUnavailable,
    StackError,
    StoreUnavailable,
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Prompts and models as infrastructure.")
for commands in (stack, resources, listing, versions, runs, usage, demo):
    commands.register(app)
AWAY = StackError | RegistryUnavailable | KafkaUnavailable | JournalUnavailable | StoreUnavailable


def main() -> None:
    """Run a command; an error that we understand is one sentence on standard error."""
    try:
        app()
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {printable(str(error))}\n")
        sys.exit(3 if isinstance(error, AWAY) else 1)
