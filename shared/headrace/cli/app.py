"""The command line. HELP says what its exit codes mean."""

import sys

import typer

from headrace.cli import demo, listing, resources, runs, stack, usage, versions
from headrace.cli.text import printable
from headrace.errors import (
    DatabaseUnavailable,
    HeadraceError,
    KafkaUnavailable,
    RegistryUnavailable,
    StackError,
    StoreUnavailable,
)

HELP = """Prompts and models as infrastructure.

Commands use the stack of this folder or of one above it, or what HEADRACE_HOME or KAFKA_BOOTSTRAP_SERVERS names.
HEADRACE_ACTOR says who you are in the audit trail; without it, your login does.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 a part of the stack does not answer, 4 only proposed:
somebody else must approve.
"""
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown", help=HELP)
for commands in (stack, resources, listing, usage, demo, runs, versions):
    commands.register(app)
AWAY = StackError | RegistryUnavailable | KafkaUnavailable | DatabaseUnavailable | StoreUnavailable


def main() -> None:
    """Run a command; an error that we understand is one sentence on standard error."""
    if unreadable := [given for given in sys.argv[1:] if given.encode(errors="ignore").decode() != given]:
        sys.stderr.write(f"headrace: {unreadable[0]!a:.80} is no UTF-8: write it in UTF-8\n")
        sys.exit(2)
    try:
        app()
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {printable(str(error))}\n")
        sys.exit(3 if isinstance(error, AWAY) else 1)
