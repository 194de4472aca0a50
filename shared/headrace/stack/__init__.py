"""The local stack: real parts on loopback, without Docker.

home.py        where it lives: one folder, its ports, what is running
downloads.py   Java parts and model weights, by name and sha256
parts.py       every part: its command, its health, what it waits for
supervisor.py  starts, watches, restarts, stops
model_server.py  a language model behind an OpenAI-compatible API
"""
