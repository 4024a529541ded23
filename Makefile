# `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
SOAK ?= 20
BIN := $(VENV)/bin
# Where it is forbidden to keep bytecode, each of the hundred processes that the tests start compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv run test sim sim-long mutants chaos fuzz promises soak lint typecheck bench bench-peers models fidelity clean lock

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Two stamps: running needs the runtime lock only, everything else the development one.
$(VENV)/.run: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q actors gateway  # so that the first start is no slower than the others
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

venv: $(VENV)/.dev ## Create .venv with everything for development

run: $(VENV)/.run ## Serve on 127.0.0.1, port LLM_GATEWAY_PORT (8080)
	@$(BIN)/llm-gateway serve

# What keeps real time runs by itself, after what can share the cores; it stands in these folders.
REAL_TIME := tests/sockets tests/speed

test: $(VENV)/.dev ## Run every test
	@$(BIN)/python -m pytest --numprocesses logical -m "not real_time"
	@$(BIN)/python -m pytest -m real_time $(REAL_TIME)

# A number that is not given takes its default.
SEEDS := 100
FIRST := 0
sim: $(VENV)/.dev ## Play SEEDS (100) disasters in virtual time, or one: SEED=42 TRACE=1; BARE=1 the actors alone
	@$(BIN)/python -m tests.sim --seeds $(SEEDS) --first $(FIRST) $(if $(SEED),--seed $(SEED)) $(if $(TRACE),--trace) \
		$(if $(BARE),--bare) $(if $(MUTANT),--mutant "$(MUTANT)")

mutants: $(VENV)/.dev ## Put one bug after the other into the code in memory, and see which seed sees it
	@$(BIN)/python -m tests.sim.mutation

chaos: $(VENV)/.dev ## The same disasters on real sockets, around a gateway process: SEEDS of them, half a minute each
	@$(BIN)/python -m tests.sim.chaos --seeds $(SEEDS) --first $(FIRST)

fuzz: $(VENV)/.dev ## Fuzz whatever reads bytes from outside, led by coverage, where atheris can be installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: atheris || true
	@$(BIN)/python -m tests.sim.fuzz

sim-long: $(VENV)/.dev ## Play 10,000 of them, and 10,000 of the actors alone: about an hour
	@$(BIN)/python -m tests.sim --seeds 10000
	@$(BIN)/python -m tests.sim --seeds 10000 --bare

promises: $(VENV)/.dev ## Measure what is promised and write it into tests/promises.md
	@$(BIN)/python -m pytest --promises=tests/promises.md

soak: $(VENV)/.dev ## The same with SOAK (20) times as much of everything, a quarter of an hour; fails where a figure of tests/promised.py is missing
	@$(BIN)/python -m pytest --promises=tests/promises.md --soak $(SOAK)

lint: $(VENV)/.dev ## Check style, formatting, the layers' imports, and that every locked package has its hashes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_locks.py

typecheck: $(VENV)/.dev ## Check types, strictly
	@$(BIN)/mypy

bench: $(VENV)/.dev ## Measure the gateway beside its yardsticks (needs wrk and nginx)
	@$(BIN)/python -m bench

bench-peers: $(VENV)/.dev ## Install other gateways into a throw-away environment, for bench to measure beside ours
	@$(BIN)/python -m bench.peers

models: $(VENV)/.dev ## Write what is known of models and prices anew, from the locked genai-prices
	@$(BIN)/python -m tests.providers.price_package

fidelity: $(VENV)/.dev ## Write the fidelity tables in ARCHITECTURE.md anew
	@$(BIN)/python -m tests.dialects.fidelity_page

lock: ## Renew the lock files from pyproject.toml
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(VENV)-lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --extra embedded --group build --output-file requirements.lock
	@$(VENV)-lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --extra embedded --group build --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
	@$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-header --group audit --output-file requirements-audit.lock
	@rm -rf $(VENV)-lock

.PHONY: audit
audit: ## Ask the advisories of the Python Packaging Authority about every locked package; where they are out of reach, check its hash
	@$(PYTHON) -m venv --clear $(VENV)-audit
	@$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@if $(VENV)-audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.lock \
		--progress-spinner off --format columns --output $(VENV)-audit/found; then echo "No locked package has a known hole."; \
	elif [ -s $(VENV)-audit/found ]; then cat $(VENV)-audit/found; exit 1; \
	else echo "The advisories are out of reach: each package is fetched and held against its hash instead."; \
		$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed --no-deps \
			--require-hashes -r requirements-dev.lock && echo "Every package is the one that was locked."; fi
	@rm -rf $(VENV)-audit

clean: ## Remove the environment and all caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
