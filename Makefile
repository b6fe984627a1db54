# make app    the dashboard            make test   all but the slow tests
# make lint   ruff                     make types  mypy
# make bench  speed, ten minutes       make bench ARGS=--quick  one minute
# make browser  all journeys in Chromium
# PYTHON=python3.12 make app           another interpreter

VENV := .venv
# The first Python from 3.11 up; a venv's own once it is there.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; \
	done)
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# On all cores at once; pip compiles on one, a minute longer. Some packages carry old files.
COMPILE := $(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true

.DEFAULT_GOAL := help
.PHONY: help app test browser fuzz faults load audit bench lint types messages screenshots serve clean

help:
	@sed -n '1,5s/^# //p' Makefile

app: $(RUNTIME)
	$(BIN)/python -m core app $(ARGS)

test: $(DEVELOPMENT)
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile $(ARGS)

browser: $(DEVELOPMENT)
	$(BIN)/python -m pytest -q -m browser tests/browser $(ARGS)

fuzz: $(DEVELOPMENT)
	$(BIN)/python -W ignore -m tests.hostile.fuzz $(ARGS)

faults: $(DEVELOPMENT)
	$(BIN)/python -W ignore -m tests.faults $(ARGS)

load: $(DEVELOPMENT)
	$(BIN)/python -m benchmarks.load $(ARGS)

audit: $(DEVELOPMENT)
	$(BIN)/bandit -q -c pyproject.toml -r core api ui pages streamlit_app.py
	$(BIN)/python -m tests.security.audit

bench: $(DEVELOPMENT)
	$(BIN)/python -m benchmarks.bench $(ARGS)

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVELOPMENT)
	$(BIN)/mypy

messages: $(RUNTIME)
	$(BIN)/python -m ui.messages

screenshots: $(DEVELOPMENT)
	$(BIN)/python docs/make_screenshots.py $(ARGS)

serve: $(RUNTIME)
	@test -f api/main.py || { echo "The service is not part of this version."; exit 1; }
	$(BIN)/python -m core serve $(ARGS)

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "GliaLens needs Python 3.11 or newer. Received: none on the path."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "GliaLens needs Python 3.11 or newer. Received: $$($(PYTHON) --version)."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt into $(VENV) (a few minutes the first time) …"
	$(PIP) -r requirements.txt
	@$(COMPILE)
	@touch $@

$(DEVELOPMENT): requirements.txt requirements-cluster.txt \
		requirements-export.txt requirements-onnxruntime.txt \
		requirements-dev.txt | $(BIN)/python
	@echo "Installing requirements-dev.txt into $(VENV) (a few minutes the first time) …"
	$(PIP) -r requirements-dev.txt
	@$(COMPILE)
	@touch $(RUNTIME) $@
