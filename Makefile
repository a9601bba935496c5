# Two commands from a fresh checkout: `make demo` and `make test`. Each sets up what it needs, once.
# Needed beforehand: make, and Python 3.11 or newer that can make virtual environments.

PYTHON ?= python3
WORKERS ?= 2

# Many tests start programs of their own; without bytecode on disk each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench docs lint format clean again

help: ## show this list
	@echo "brinell: what make can do here"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do printf '  make %-8s %s\n' "$$target" "$$text"; done
	@echo "Options for a command go into ARGS, as in: make demo ARGS=\"--help\""

# --- environments -----------------------------------------------------------------------------------------------
# A stamp is written when an installation is complete, and holds the folder that it was made for. It counts for
# nothing once the checkout was moved or copied, or the Python behind the environment is gone.
current = $(shell grep -qsxF '$(CURDIR)' $(1)/.stamp-* && $(1)/bin/python -c '' 2>/dev/null && echo yes)

# $(call environment,FOLDER): make a virtual environment there, unless one that works stands already.
define environment
@if $(1)/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exit 0; fi; \
for python in $(PYTHON) python3.13 python3.12 python3.11 none; do \
  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
done; \
if [ "$$python" = none ]; then \
  echo "brinell needs Python 3.11 or newer; $(PYTHON), python3.13, python3.12 and python3.11 are missing or older. Install one, or name it: make PYTHON=/path/to/python ..." >&2; exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "$$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
fi; \
echo "Making a virtual environment in $(1) ($$("$$python" --version))"; \
rm -rf $(1) && "$$python" -m venv $(1)
endef

# The development environment can do all that the demo's can.
ready := $(if $(wildcard .venv/.stamp-dev),.venv/.stamp-dev,.venv/.stamp-demo)

.venv/.stamp-demo .venv/.stamp-dev: .venv/.stamp-%: pyproject.toml constraints.txt $(if $(call current,.venv),,again)
	$(call environment,.venv)
	@echo "Installing brinell[$*] into .venv: once; the first time takes minutes, most of them PyTorch's"
	@.venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[$*]"
	@echo "$(CURDIR)" > $@

# The peers' own requirements contradict each other, so their list is complete and is installed as it stands.
.bench-venv/.stamp-bench: pyproject.toml constraints.txt benchmarks/requirements.txt $(if $(call current,.bench-venv),,again)
	$(call environment,.bench-venv)
	@echo "Installing brinell and its peers into .bench-venv: once; the first time takes minutes"
	@.bench-venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".[demo]"
	@.bench-venv/bin/python -m pip install --disable-pip-version-check --no-deps --requirement benchmarks/requirements.txt
	@echo "$(CURDIR)" > $@

# --- what people type -------------------------------------------------------------------------------------------
demo: $(ready) ## train, break, harden and audit a small network on real digits (3 minutes)
	@.venv/bin/python .venv/bin/brinell demo $(ARGS)

test: export OMP_NUM_THREADS := 1
test: lint ## everything that has to hold: lint, types, import rules, tests with branch coverage
	@echo "== pytest: tests, snippets of README and docs, branch coverage"
	@.venv/bin/python -m pytest --numprocesses $(WORKERS) --dist worksteal --cov --cov-fail-under=90 $(ARGS)

bench: .bench-venv/.stamp-bench ## cost and strength beside other toolkits, in an environment of its own
	@.bench-venv/bin/python benchmarks/run.py $(ARGS)

docs: export OMP_NUM_THREADS := 1
docs: .venv/.stamp-dev ## the guide, with its pictures: a folder of pages to open in a browser
	@echo "Building the guide; the first time takes a minute or two, since its pictures are measured"
	@.venv/bin/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html $(ARGS)
	@echo "The guide: file://$(CURDIR)/docs/_build/html/index.html"

lint: .venv/.stamp-dev ## only the checks that run nothing: ruff, mypy, import-linter
	@echo "== ruff: rules"
	@.venv/bin/python -m ruff check
	@echo "== ruff: format"
	@.venv/bin/python -m ruff format --check
	@echo "== mypy: strict types"
	@.venv/bin/python -m mypy
	@echo "== import-linter: a room imports only from rooms below it"
	@.venv/bin/python .venv/bin/lint-imports --no-logo

format: .venv/.stamp-dev ## bring the code into one format, and mend what ruff can mend
	@.venv/bin/python -m ruff check --fix
	@.venv/bin/python -m ruff format

clean: ## remove environments and caches; runs and data stay
	rm -rf .venv .bench-venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage dist docs/_build docs/reference docs/pictures
	find . -name __pycache__ -prune -exec rm -rf {} +
