# make needs Python 3.11 or newer with venv, and git. Everything else is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := $(BIN)/pytest
SOURCES := conftest.py src tests $(wildcard contracts scripts examples bench load torture fuzz)

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-slow coverage check format bench torture load docs contracts gas sync spec lock clean

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Valetkey needs Python 3.11 or newer (try: make PYTHON=python3.12)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned runtime into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "Installing the pinned development tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.dev  ## make .venv with the pinned runtime, the tools and the package

demo: $(VENV)/.runtime  ## play one delegated purchase from end to end on an embedded chain
	@$(BIN)/valetkey demo

dev: $(VENV)/.runtime  ## start chain, contracts, platform and console on loopback; Ctrl-C stops them
	@$(BIN)/valetkey dev

.PHONY: postgres
postgres:        # PostgreSQL's programs, installed when they are absent and this may be done
	@scripts/need_postgres.sh

.PHONY: chromium
chromium:        # the browser of the console's tests, likewise
	@scripts/need_chromium.sh

# Two cores are busy with two: more workers end no sooner, and what waits for a browser waits longer.
WORKERS ?= 2
# Each of some thousand processes would compile our sources again.
unexport PYTHONDONTWRITEBYTECODE

test: $(VENV)/.dev postgres chromium  ## the fast tier; WORKERS= says on how many workers
	@$(PYTEST) -n $(WORKERS) -q -m "not slow" --durations=25

test-slow: $(VENV)/.dev postgres chromium  ## the long runs as well
	@HYPOTHESIS_PROFILE=slow $(PYTEST) -n 2 -q

.PHONY: test-offline
test-offline: $(VENV)/.dev chromium  ## the console's tests, with every network but loopback taken away
	@PYTHON=$(BIN)/python scripts/offline.sh

coverage: $(VENV)/.dev  ## line and branch coverage of core, crypto and wire; below 95 % of either fails
	@$(PYTEST) -n 2 -q tests/unit/core tests/unit/crypto tests/unit/wire tests/vectors --cov=valetkey.core --cov=valetkey.crypto --cov=valetkey.wire --cov-branch --cov-report=term-missing:skip-covered --cov-report=json:.coverage.json
	@$(BIN)/python scripts/check_coverage.py .coverage.json 95 core crypto wire

check: $(VENV)/.dev  ## format, lint, types, arrows, generated files, house rules
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/generate_sync.py --check
	@$(BIN)/python scripts/generate_openapi.py --check
	@$(BIN)/python scripts/generate_cli.py --check
	@$(BIN)/python scripts/build_contracts.py --check
	@$(PYTEST) -q tests/tidy

format: $(VENV)/.dev  ## rewrite the sources in the house's format
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: $(VENV)/.dev postgres  ## print a table of speeds beside their floors and write bench/RESULTS.md and .json
	@$(BIN)/python -m bench

DURATION ?= 120
STORE ?= sqlite
torture: $(VENV)/.dev  ## kill -9, clock jumps, retries, restarts for DURATION=120 seconds on STORE=sqlite|postgres; SEED= repeats a plan
	@$(BIN)/python -m torture --store $(STORE) --seconds $(DURATION) $(if $(SEED),--seed $(SEED)) $(if $(RACY),--racy)

.PHONY: matrix
matrix: $(VENV)/.dev  ## ask every endpoint with every kind of credential, and write docs/reference/who-may-call.md
	@$(BIN)/python scripts/play_matrix.py

.PHONY: schemathesis
schemathesis: $(VENV)/.dev  ## run Schemathesis over the whole OpenAPI, as several callers, and write docs/reports/schemathesis.md
	@$(BIN)/python scripts/run_schemathesis.py

.PHONY: audit
audit: $(VENV)/.dev  ## list the licences of what is shipped, and ask for advisories where a network is
	@$(BIN)/python scripts/audit_pins.py

.PHONY: dist
dist: $(VENV)/.dev  ## build wheel and sdist into dist, the same bytes wherever this commit is built
	@$(BIN)/python scripts/build_dist.py

.PHONY: test-wheel
test-wheel: dist  ## the quick tests against the installed wheel, with the sources out of reach
	@$(BIN)/python scripts/test_wheel.py dist

PYTHONS ?= $(foreach minor,11 12 13,$(shell command -v python3.$(minor)))
.PHONY: pythons
pythons: dist    ## the wheel alone in an empty environment of each Python that is here, and each extra; PYTHONS= names others
	@$(BIN)/python scripts/try_wheel.py --extras dist/valetkey-*.whl $(PYTHONS)

load: $(VENV)/.dev postgres chromium  ## MINUTES=10 of mixed load on SQLite and on PostgreSQL (STORE= for one), into docs/reports
	@$(BIN)/python -m load --seconds $$(( $(or $(MINUTES),10) * 60 )) $(if $(filter command environment,$(origin STORE)),--store $(STORE))

JOBS ?= 2
.PHONY: fuzz
fuzz: $(VENV)/.dev  ## fuzz every parser for MINUTES=15 of CPU time each, JOBS=2 at once, and write docs/reports/fuzz.md; TARGET=name is one
	@$(BIN)/python -m fuzz --cpu-minutes $(or $(MINUTES),15) --jobs $(JOBS) $(if $(TARGET),--target $(TARGET)) $(if $(SEED),--seed $(SEED))

.PHONY: screenshots
screenshots: $(VENV)/.dev chromium  ## take the pictures of the console in docs/images/studio again
	@$(BIN)/python scripts/make_screenshots.py

docs: $(VENV)/.dev  ## run every snippet of README and docs
	@$(PYTEST) -q tests/docs

.PHONY: tutorial
tutorial: $(VENV)/.dev postgres  ## do what docs/tutorial.md says, in an empty folder, with the wheel of this tree
	@$(BIN)/python scripts/run_tutorial.py

.PHONY: site
site: $(VENV)/.dev  ## build the documentation as a site into build/site; a link that leads nowhere fails
	@$(BIN)/mkdocs build --quiet --strict

contracts: $(VENV)/.dev  ## compile contracts/*.vy into the committed artifacts
	@$(BIN)/python scripts/build_contracts.py

gas: $(VENV)/.dev  ## measure the contracts' gas against contracts/gas.json and print it beside the peers'
	@$(PYTEST) -q contracts/tests/test_gas.py
	@$(BIN)/python scripts/show_gas.py

sync: $(VENV)/.dev  ## write the sync twins from the async sources
	@$(BIN)/python scripts/generate_sync.py

spec: $(VENV)/.dev  ## write spec/openapi.json, and the commands of docs/reference/cli.md
	@$(BIN)/python scripts/generate_openapi.py
	@$(BIN)/python scripts/generate_cli.py

LOCK := pip-compile --quiet --generate-hashes --no-annotate --no-header --allow-unsafe --pre \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --build-deps-for editable
lock:            ## compile the lock files again (needs pip-tools on the PATH)
	$(LOCK) --extra all -o requirements.lock pyproject.toml
	$(LOCK) --extra dev -o requirements-dev.lock pyproject.toml

clean:           ## remove what make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
