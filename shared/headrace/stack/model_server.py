"""A language model behind an OpenAI-compatible API on loopback: `python -m headrace.stack.model_server FILE PORT`.

llama.cpp's own server, in this process.
"""

import signal
import sys
import threading

import xllamacpp

CONTEXT_TOKENS = 8_192
SLOTS = 2
THREADS = 2


def main(file: str, port: int) -> None:
    """Serve until SIGTERM."""
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    params.warmup = False
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = xllamacpp.Server(params)
    sys.stderr.write(f"serving {file} at {server.listening_address}\n")
    stop.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
