"""A language model on loopback: `python -m headrace.stack.model_server FILE PORT SLOTS`.

llama.cpp's own OpenAI-compatible server, in this process.
"""

import signal
import sys
import threading

import xllamacpp

CONTEXT_TOKENS = 4_096
"""For each slot."""
THREADS = 2


def main(file: str, port: int, slots: int) -> None:
    """Serve until SIGTERM."""
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS * slots
    params.n_parallel = slots
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    params.cpuparams.poll = params.cpuparams_batch.poll = 0  # a thread that waits by spinning takes the core of another
    params.warmup = False
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = xllamacpp.Server(params)
    sys.stderr.write(f"serving {file} at {server.listening_address}\n")
    stop.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
