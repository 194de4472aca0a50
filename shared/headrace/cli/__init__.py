"""The command line, `headrace`: one module for each group of commands.

app.py        the program: its commands, its errors, its exit codes
stack.py      up, down, status, env
resources.py  apply
listing.py    get
deployed.py   what is deployed now
runs.py       run start, run watch, run show, audit show
demo.py       demo
hops.py       a run's records, one line each
summary.py    a run as a whole, from its log
path.py       the path that a run took, and why
graph.py      workflow graph
upgrade.py    workflow upgrade-check
session.py    what commands that talk to Kafka share
"""

import sys


def main() -> None:
    """The program. What it needs takes a moment to load, in which Ctrl-C is no mistake either."""
    try:
        from headrace.cli import app  # noqa: PLC0415  # see above

        app.main()
    except KeyboardInterrupt:
        sys.exit(130)
