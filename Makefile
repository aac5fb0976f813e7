# Centrala. `make help` lists what there is; CI runs the same commands.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PORT := $(or $(CENTRALA_PORT),8080)

.DEFAULT_GOAL := help
.PHONY: help install up test test-fast k8s-test check sim sim-theory generate lock clean

help: ## Show the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14

install: $(VENV)/installed ## Make .venv and install what requirements.lock names, if it changed

$(VENV)/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Centrala needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing)."; \
	  echo "Name another one: make $(or $(MAKECMDGOALS),up) PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module does not work here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
	@echo "Installing what requirements.lock names into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

up: install ## Start Centrala with a demo desk on http://127.0.0.1:8080 (CENTRALA_PORT); Ctrl-C stops it
	@$(PY) -m compileall -q clients proto services web # also where Python is told to keep no bytecode
	@exec $(PY) -m services.embedded --data data --port $(PORT) --demo

test: install ## Everything: style, types, generated files, all tests with real servers (about 13 minutes)
	@tools/install_servers.sh
	@$(MAKE) --no-print-directory check
	$(PY) -m pytest -q -m "not servers" -n auto --dist worksteal
	$(PY) -m pytest -q -m servers --ignore tests/chaos -n 2 --dist loadfile # two at a time: mostly they wait
	$(PY) -m pytest -q -m servers tests/chaos # each takes the whole machine

test-fast: install check ## Style, types and the tests that start nothing (a minute and a half)
	$(PY) -m pytest -q -m "not servers and not long" -n auto --dist worksteal

k8s-test: ## Every Kubernetes overlay on a real control plane (built without Docker: five minutes, once)
	@deploy/k8s/lab/test.sh

check: install ## Style, types, generated files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m tools.generate --check

sim: install ## Break things by seed, audited after every event: make sim SEED=8147
	$(PY) -m sim faults --seed $(or $(SEED),8147)

sim-theory: install ## Every queueing model through the real router, against theory (hours)
	$(PY) -m sim theory --jobs 2

generate: install ## Write what is generated: protobuf code and three pages of docs
	$(PY) -m tools.generate

lock: ## Resolve the dependencies of pyproject.toml anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --no-emit-index-url --generate-hashes -o requirements.lock

clean: ## Remove what was installed and made; the data directory stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
