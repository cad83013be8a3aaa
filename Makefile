# Everything a fresh machine with Python 3.11 and make needs:
#   make compare   set up, then print where Llama 2 70B can be served and for how much;
#                  what the README's five minutes need is installed then
#   make test      set up, then run the tests: about five minutes on two cores
#   make test-long the long ones: whole stories on the simulated clouds, faults, kills, notebooks
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Short tests compute, and each worker reads all of them first: one worker more than cores. Long
# tests mostly wait for simulated clouds: two workers a core.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')
LONG_WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
# Python compiles what is imported, when it is; compiling all of the clouds' SDKs beforehand takes
# longer than downloading them, and 170 MB.
PIP    := --quiet --no-compile
# Every test process would compile the clouds' SDKs again: the tests took twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: compare test test-long browser matrix test-engine check bench docs format clean
.DELETE_ON_ERROR:

compare: $(VENV)/.installed
	@$(BIN)/planner compare llama-2-70b

test: $(VENV)/.dev $(VENV)/.borrowed browser
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not long"

test-long: $(VENV)/.dev $(VENV)/.borrowed browser
	$(BIN)/python -m pytest -q -n $(LONG_WORKERS) --dist worksteal -m long

# Tests of pages want Debian's Chromium. Where it cannot be installed they are skipped, and say so.
browser:
	@command -v chromium >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "Installing Chromium for the tests of pages ..." >&2 && apt-get update -qq >/dev/null && \
	  apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || true

# What tests judge with and nobody installs: the image data of AWS's SDK (9 MB of its 300) and, on
# Debian, the schema of cloud-init and Caddy. What cannot be fetched is skipped, and says so.
$(VENV)/.borrowed: $(VENV)/.dev
	@mkdir -p $(VENV)/borrowed
	@$(BIN)/python -m pip install $(PIP) --no-deps --target $(VENV)/borrowed/sagemaker-core 'sagemaker-core>=2.27' || true
	@cd $(VENV)/borrowed && for package in cloud-init caddy; do \
	  { command -v apt-get >/dev/null && \
	  { apt-get download -qq $$package || { apt-get update -qq && apt-get download -qq $$package; }; } && \
	  dpkg-deb -x $${package}_*.deb $$package; } >/dev/null 2>&1 || true; done
	@touch $@

# Break every call of a deploy in every way; in `make test-long` the ways take turns.
matrix: $(VENV)/.dev
	PLANNER_FULL_MATRIX=1 $(BIN)/python -m pytest -q -n $(LONG_WORKERS) -k fault_matrix tests/endpoints

# Deploy in the sandbox with real vLLM for CPU behind it: 3.5 GB in an environment of its own.
test-engine: $(VENV)/.dev .venv-engine/.installed
	PLANNER_ENGINE_PYTHON=$(CURDIR)/.venv-engine/bin/python $(BIN)/python -m pytest -q tests/engine

.venv-engine/.installed: tests/engine/install.sh
	PYTHON=$(PYTHON) sh tests/engine/install.sh .venv-engine
	@touch $@

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs site
	@echo "site/index.html"

# A stamp is written last, so that an interrupted install is done again.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "planner needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing planner into $(VENV) (about a minute the first time) ..." >&2
	$(BIN)/python -m pip install $(PIP) --editable '.[report,sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	@echo "Installing the test and check tools into $(VENV) ..." >&2
	$(BIN)/python -m pip install $(PIP) --group dev
	@touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.dev
	@echo "Installing the documentation tools into $(VENV) ..." >&2
	$(BIN)/python -m pip install $(PIP) --group docs
	@touch $@

clean:
	rm -rf $(VENV) .venv-engine build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
