"""The benchmark: `make bench` measures the engine beside the raw floor, in one run, and prints a table."""
