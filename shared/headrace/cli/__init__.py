"""The command line, `headrace`: one module for each group of commands.

app.py        the program: its commands, its errors, its exit codes
stack.py      up, down, status, env
resources.py  apply, get
runs.py       run start, run watch, run show, audit show
demo.py       demo
hops.py       how a run is shown
session.py    what commands that talk to Kafka share
"""
