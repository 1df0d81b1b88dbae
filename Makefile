# One word for each chore; each works on a fresh checkout by itself.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
PROCESSES ?= 3
# compiled modules are kept, whatever the shell says: tests begin hundreds of processes
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-fast coverage docs serve ci bench figures monthly rehearse lint types \
	arrows soak lock bento client editor wheel clean

$(VENV)/.ready: $(LOCK) requirements/uv.txt pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11" >&2; exit 3; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes $(LOCK)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e . -e ./client
	touch $@

setup: $(VENV)/.ready

demo: setup
	$(BIN)/leadscore demo

# by files, in the order of tests/conftest.py: long ones first
SHARED := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: setup
	$(BIN)/python -m pytest $(SHARED)

# rooms by themselves: no servers, no trained home, nothing slow
FAST := $(addprefix tests/,architecture decisions domain features files measures monitoring quality \
	registry scoring signals simulation)

test-fast: setup
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal -m "not (whole or slow or soak)" $(FAST)

coverage: setup
	$(BIN)/python -m pytest $(SHARED) --cov --cov-report=html --cov-report=term:skip-covered
	$(BIN)/python -m tests.docs.coverage_page

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

serve: setup
	$(BIN)/leadscore serve

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 --output-sync types arrows

types: setup
	$(BIN)/mypy

arrows: setup
	$(BIN)/lint-imports

# types and arrows are looked at beside the tests
ci: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=none types arrows test

bench: setup
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-disable-gc

rehearse: setup
	$(BIN)/python -m tests.rehearsal.verdicts --write $(LONG)
	$(BIN)/python -m tests.rehearsal.alarms --write $(LONG)

figures: setup
	$(BIN)/python -m tests.benchmarks.figures

monthly: setup
	$(BIN)/python -m tests.benchmarks.monthly

soak: setup
	LEADSCORE_SOAK=1 $(BIN)/python -m pytest -m soak
	@$(MAKE) --no-print-directory rehearse LONG=--long

bento: setup
	$(BIN)/leadscore bundle
	$(BIN)/bentoml build

client: setup
	$(BIN)/uv build --quiet --wheel --no-build-isolation --out-dir build/client client

# the console's editor of policies' graphs: the one thing here that takes Node
EDITOR := build/editor
editor:
	@command -v npm >/dev/null || { echo "npm is needed, with Node 20.19 or newer" >&2; exit 3; }
	mkdir -p $(EDITOR) && cp -R console/editor/. $(EDITOR)
	cd $(EDITOR) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $(EDITOR) && EDITOR_OUT=$(CURDIR)/console/static/editor npm run --silent build

wheel: setup editor
	$(BIN)/uv build --quiet --wheel --no-build-isolation --out-dir build/wheel .

lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --python-version 3.11 --no-emit-index-url --quiet -o $(LOCK)
	$(BIN)/uv pip compile pyproject.toml --extra bus --extra mcp --extra serve -c $(LOCK) --generate-hashes --python-version 3.11 --no-emit-index-url --quiet -o requirements/serve.txt
	grep -A99 '^uv==' $(LOCK) | awk 'NR==1 || /^    --hash/ {print} NR>1 && !/^    --hash/ {exit}' | sed '$$ s/ \\$$//' > requirements/uv.txt

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
