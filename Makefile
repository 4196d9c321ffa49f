# Every target sets up what it needs in .venv; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
SOURCES := reconciler tests checks benchmarks

.PHONY: help demo test coverage lint format bench figures hops contract sandbox-contract corpus recorded crash-matrix chaos fleet previews second-platform fuzz mutants catalogue clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/made requirements.lock requirements-build.lock pyproject.toml
	$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q -j 0 reconciler
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/runtime ## plan and apply specs/ on the embedded sandbox, then break an app and watch it be rolled back
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash checks/demo.sh

test: $(VENV)/dev ## the whole test suite
	$(BIN)/pytest

# Named examples alone: what is drawn or walked would make the figure a matter of chance. -k leaves out the walk's other
# reader, and three tests that take a third of the time and reach nothing that others do not.
COVERING := tests/plan tests/rollout tests/plan/test_attribution.py tests/engine/test_fingerprints.py tests/engine/test_credentials.py tests/second_platform \
	-m "not hypothesis" --ignore=tests/rollout/test_walk.py \
	-k "not (document_shows_the_table or whatever_the_platform_does or outlasts_its_budget or forty_rollouts)"

coverage: $(VENV)/dev ## every branch of plan/ and rollout/ is taken by a test that names what it does
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(COVERING)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/dev ## ruff, mypy --strict, import-linter, action and workflow checks
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	bash checks/workflows.sh $(BIN)

format: $(VENV)/dev ## format the code
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/dev ## speed of a start and of fleets against the bare floor, and of the first difference, measured side by side
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.diff

figures: $(VENV)/dev ## how many files, how many lines, and how long files and functions are
	$(BIN)/python -m checks.figures

hops: $(VENV)/dev ## files that a plan, a failing deployment and a rotated secret pass on their way through the code
	$(BIN)/python -m checks.hops

contract: $(VENV)/dev ## hold the models against the vendor's description in ../shared/contract
	$(BIN)/python checks/contract.py ../shared/contract

sandbox-contract: $(VENV)/dev ## hold the served sandbox against the same description, with schemathesis
	$(BIN)/python checks/sandbox_contract.py ../shared/contract

corpus: $(VENV)/dev ## real specs in ../shared/corpus: validate, create on the sandbox, plan again, render with overlays, derive previews
	$(BIN)/python checks/corpus_validate.py ../shared/corpus
	$(BIN)/python checks/corpus_sandbox.py ../shared/corpus
	$(BIN)/python checks/corpus_overlays.py ../shared/corpus
	$(BIN)/python -m checks.corpus_previews ../shared/corpus

recorded: $(VENV)/dev ## recorded answers in ../shared/answers: read, imported, in sync; the sandbox's have their shape
	$(BIN)/python checks/recorded_answers.py ../shared/answers

crash-matrix: $(VENV)/dev ## die at every request of every scenario, race with others, kill -9: the next run mends it all
	$(BIN)/python -m checks.crash_matrix

chaos: $(VENV)/dev ## 200 apps while a tenth of the requests goes wrong, seed by seed
	$(BIN)/python -m checks.chaos

fleet: $(VENV)/dev ## create, update and partly break 200 and 1,000 apps within the token's rate limit
	$(BIN)/python -m checks.fleet

previews: $(VENV)/dev ## 500 histories of pull requests whose previews are made and end while requests fail and runs die
	$(BIN)/python -m checks.previews

second-platform: $(VENV)/dev ## every scenario against a second, independent fake of App Platform that misbehaves within its contract
	$(BIN)/python -m tests.second_platform

FUZZ ?= 5000

fuzz: $(VENV)/dev ## read four times FUZZ files of any content: specs, configurations, Git repositories
	RECONCILE_FUZZ=$(FUZZ) $(BIN)/pytest tests/desired/test_fuzz.py --dist load

mutants: $(VENV)/dev ## change the rollout's policy in every small way: a test must fail for each
	$(BIN)/python -m checks.mutants

catalogue: $(VENV)/dev ## run the tests of the catalogue's cases and write docs/catalogue.md
	$(BIN)/python checks/catalogue.py

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
