# The only door: every command of this project is a target here. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
PYTEST_ARGS ?=
WORKERS ?= 2

# Without its caches, Python would compile every test anew in every process.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check lint types imports unit bench chaos sabotage docs lock format clean \
	testbed-up testbed-down testbed-openstack-up testbed-openstack-down console-test

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'

run: ## set everything up and start the service on this machine
	@scripts/environment run
	@scripts/console || echo "Muster starts without its web console." >&2
	@exec $(BIN)/muster serve

test: ## set everything up and run every test that this machine can
	@scripts/environment dev
	@scripts/debian-packages
	@$(MAKE) --no-print-directory lint types imports
	@failed=0; \
	$(MAKE) --no-print-directory console-test || failed=1; \
	$(BIN)/pytest -rs -n $(WORKERS) --dist loadfile -m "not chaos and not incus and not openstack" $(PYTEST_ARGS) || failed=1; \
	games=$$(mktemp); \
	nice -n 15 $(BIN)/pytest -rs -m "chaos and not incus and not openstack" $(PYTEST_ARGS) >$$games 2>&1 & chaos=$$!; \
	trap 'kill $$chaos; rm -f $$games; exit 130' INT TERM; \
	echo "Servers are being killed at random moments meanwhile; what came of that is told at the end."; \
	$(BIN)/pytest -rs -m "incus or openstack" $(PYTEST_ARGS) || failed=1; \
	wait $$chaos || failed=1; cat $$games; rm -f $$games; \
	exit $$failed

check: ## lint, types, imports and the fast tests: the inner loop, under a minute
	@scripts/environment dev
	@$(MAKE) --no-print-directory lint types imports unit

lint:
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/ruff format --check src tests benchmarks scripts

types:
	$(BIN)/mypy

imports:
	@$(BIN)/lint-imports --no-logo

unit:
	HYPOTHESIS_PROFILE=check $(BIN)/pytest -n $(WORKERS) --dist loadfile -p no:schemathesis -p no:faker -m "not slow and not postgresql and not system and not chaos" $(PYTEST_ARGS)

console-test: ## build the web console and run its own tests: types, units, size
	@scripts/environment dev
	@scripts/console; built=$$?; \
	if [ $$built = 0 ]; then scripts/console test; built=$$?; fi; \
	if [ $$built = 3 ]; then echo "SKIPPED the console's tests: see above" >&2; exit 0; fi; \
	exit $$built

bench: ## measure, print ratios and figures
	@scripts/environment dev
	@$(BIN)/python -m benchmarks

chaos: ## kill servers at random moments for longer (CHAOS_MOMENTS=n, CHAOS_KILLS=n, CHAOS_SEED=n)
	@scripts/environment dev
	CHAOS_MOMENTS=$${CHAOS_MOMENTS:-2000} CHAOS_KILLS=$${CHAOS_KILLS:-50} $(BIN)/pytest -m chaos -rs -s $(PYTEST_ARGS)

testbed-up: ## put up a cluster of Incus members in namespaces (root; MEMBERS=3, OVN=1)
	@scripts/environment dev
	@scripts/debian-packages
	@PYTHONPATH=tests $(BIN)/python -m testbed.incus up $${MEMBERS:-3} $${OVN:+ovn}

testbed-down: ## take it down, whatever is left of it
	@PYTHONPATH=tests $(BIN)/python -m testbed.incus down

testbed-openstack-up: ## put up a cloud of OpenStack on this machine (root; PROFILE=compute|all)
	@scripts/environment dev
	@scripts/debian-packages
	@PYTHONPATH=tests $(BIN)/python -m testbed.openstack up $${PROFILE:-all}

testbed-openstack-down: ## take it down, whatever is left of it
	@PYTHONPATH=tests $(BIN)/python -m testbed.openstack down

sabotage: ## break rules one by one, and see which test notices (WORDS="storm token": those only)
	@scripts/environment dev
	@WORKERS=$(WORKERS) $(BIN)/python -m scripts.sabotage $(WORDS)

docs: ## make the reference pages from the code, and pictures of the console
	@scripts/environment dev
	@$(BIN)/python -m scripts.reference
	@scripts/console || echo "The pictures stay as they are." >&2
	@$(BIN)/python -m scripts.pictures

format: ## put the code into shape
	@$(BIN)/ruff check --fix src tests benchmarks scripts
	@$(BIN)/ruff format src tests benchmarks scripts

lock: ## choose newest versions and lock them
	@scripts/environment dev
	@scripts/lock

clean: ## remove what can be made again
	rm -rf .venv .testbed .console src/muster/console_files* console/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
