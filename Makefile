# Everything a person types; `make` lists it. All paths are relative, so that the folder's name may have spaces.

PYTHONS := python3.13 python3.12 python3.11 python3
FITS := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
BIN := .venv/bin
# The marker is named after the folder: a checkout that was moved is set up again.
READY := .venv/ready-$(shell pwd | cksum | tr ' ' '-')
FAST := $(wildcard tests/unit tests/contract tests/schemas tests/replay)

# All services import the same packages: keep what the first one compiled.
unexport PYTHONDONTWRITEBYTECODE

define python
set -- "$$PYTHON"; [ -n "$$1" ] || set -- $(PYTHONS); \
for name in "$$@"; do \
	if "$$name" -c '$(FITS)' >/dev/null 2>&1; then exec "$$name" $(1); fi; \
done; \
echo "none of $$* is Python 3.11 or newer with its venv module; install one (on Debian and Ubuntu python3-venv, too)," \
	"or name one: make setup PYTHON=/path/to/python" >&2; exit 1
endef

.PHONY: help setup demo check test prove bench lock schemas clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Install Headrace and all it needs into .venv, as locked; PYTHON=… names an interpreter

$(READY): deploy/environment.py deploy/lock/dev.lock deploy/lock/tools.lock pyproject.toml
	@$(call python,deploy/environment.py)
	@rm -f .venv/ready-*; touch $(READY)

demo: setup ## A question through Kafka to a language model and back; KEEP=1 leaves the stack running
	@$(BIN)/headrace demo $(if $(filter-out 0 no false,$(KEEP)),--keep)

check: setup ## Format, lint, types and the tests that need no stack: two minutes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@echo "$(BIN)/mypy, beside $(BIN)/pytest $(FAST) -m 'not stack'"
	@$(BIN)/mypy >.venv/mypy.txt 2>&1 & types=$$!; \
	$(BIN)/pytest $(FAST) -m 'not stack'; tests=$$?; \
	wait $$types; typed=$$?; cat .venv/mypy.txt; exit $$((tests | typed))

test: setup ## Everything, up to end-to-end on real parts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

PROPERTIES := $(addprefix tests/unit/test_,$(addsuffix _properties.py,workflow_proof run_core flow_proofs))

prove: setup ## 5,000 random workflows for each property of the engine and of the proofs, in a quarter of an hour
	HYPOTHESIS_PROFILE=prove $(BIN)/pytest --timeout 3600 $(PROPERTIES)

bench: setup ## Steps a second and latencies, beside the raw floor; writes .bench/latest.json
	@$(BIN)/python -m tests.bench

lock: ## Write deploy/lock/*.lock from pyproject.toml; UPGRADE=1 takes the newest of everything
	@$(call python,deploy/locks.py $(if $(filter-out 0 no false,$(UPGRADE)),--upgrade))

schemas: setup ## Write the event models from schemas/, and docs/schema from the resource models
	$(BIN)/python -m headrace.schema_models
	$(BIN)/python -m headrace.resource.published

clean: ## Stop this checkout's stack; remove its data, .venv and caches; downloads stay
	@[ ! -x $(BIN)/headrace ] || env -u HEADRACE_HOME $(BIN)/headrace down --wipe
	rm -rf .venv .headrace .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
