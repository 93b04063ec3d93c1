# make demo   the demo shop and its worker, ready in a browser (Ctrl-C stops both)
# make sandbox-demo   the same shop on the hosted providers' adapters, against a local server that speaks like them
# make test   linters, types, layers and the whole test suite
# make prove  the long proofs, which are not part of the suite
# All do all their own set-up in .venv; nothing else is needed but Python 3.11+ and make.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
MANAGE := $(PY) manage.py

.PHONY: demo sandbox-demo test prove lint format clean

demo: $(VENV)/.demo
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) tryon_setup
	@$(MANAGE) load_demo
	@$(MANAGE) run_demo --port $(PORT)

sandbox-demo: $(VENV)/.demo
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) tryon_setup
	@$(MANAGE) load_demo
	@$(MANAGE) run_demo --sandbox --port $(PORT)

test: lint
	@$(PY) tests/run.py

prove: $(VENV)/.dev
	@$(PY) -m pytest -q --prove

lint: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/mypy
	@DJANGO_SETTINGS_MODULE=tests.settings $(MANAGE) makemigrations --check --dry-run

format: $(VENV)/.dev
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "Installing the demo shop into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -e ".[local]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing the development tools into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@DJANGO_SETTINGS_MODULE=tests.settings $(MANAGE) tryon_setup --only models
	@touch $@

clean:
	rm -rf $(VENV) var
