# make demo   the demo shop and its worker, ready in a browser (Ctrl-C stops both)
# make sandbox-demo   the same shop on the hosted providers' adapters, against a local server that speaks like them
# make test   linters, types, layers and the whole test suite
# make prove  the long proofs, which are not part of the suite
# make looks  pictures of every state of the widget and the shopper's pages, in var/looks, for people to look at
# All do all their own set-up in .venv; nothing else is needed but Python 3.11+ and make.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
MANAGE := $(PY) manage.py

.PHONY: demo sandbox-demo test prove looks lint format clean

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

looks: $(VENV)/.dev
	@for prove in "" --prove; do TRYON_LOOKS=var/looks $(PY) -m pytest -q $$prove tests/browser/test_widget_access.py tests/browser/test_private_pages.py -k "1280 or 390" || exit $$?; done

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
	@command -v npm >/dev/null && npm install --silent --no-audit --no-fund --prefix $(VENV)/node fashn@0.11.1 || \
		echo "No npm: the test with FASHN's JavaScript client will not run."
	@touch $@

clean:
	rm -rf $(VENV) var
