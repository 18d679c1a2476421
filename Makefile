# Two commands: `make demo` shows the whole way, `make test` runs the tests that need nothing but pip.
PYTHON ?= python3
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test docs clean

demo: .venv/installed
	.venv/bin/landweave demo -o demo/

test: .venv/installed-dev
	.venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not (real or spark or browser or postgres or gpu)"

docs: .venv/installed-dev
	.venv/bin/python docs/generate.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "given: $$($(PYTHON) --version). expected: Python 3.11 (tested), 3.12 or 3.13. to do: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[dev]'
	@touch .venv/installed $@

clean:
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
