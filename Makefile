# `make` lists what can be done. Each target makes the environment it needs in .venv.

.DEFAULT_GOAL := help
.PHONY: help demo run seed test check bench reference lock clean
MAKEFLAGS += --no-print-directory

# Handed to the command through the environment: a path may hold spaces, quotes and dollar signs.
override VIDEO := $(value VIDEO)
CALLER := $(PWD)
export VIDEO CALLER

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## Put a video in, get captions out (VIDEO=path; by default a small one)
	@deploy/bootstrap.sh runtime
	@if [ ! -e "$$VIDEO" ] && [ -f "$$CALLER/$$VIDEO" ]; then VIDEO=$$CALLER/$$VIDEO; fi; \
	exec .venv/bin/madang demo $${VIDEO:+"$$VIDEO"}

run: ## Serve the whole suite at 127.0.0.1:8000 (HOST, PORT, MADANG_HOME)
	@deploy/bootstrap.sh runtime
	@exec .venv/bin/madang run

seed: ## Make 20 test users, some with a captioned video
	@deploy/bootstrap.sh runtime
	@exec .venv/bin/madang seed

test: ## Run every test; sets up what they need (ARGS="-k cancel")
	@deploy/bootstrap.sh dev
	@exec .venv/bin/python -m pytest $(ARGS)

check: ## Check style, types and the rules of the architecture
	@deploy/bootstrap.sh dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m tests.lint

bench: ## Measure: gateway, sockets, events, start and memory, captions ... (ONLY=gateway)
	@deploy/bootstrap.sh dev
	@for one in $(or $(ONLY),gateway cache sockets passthrough chaos mock events suite claims logins accounts captions parts uploads jobs); do \
		.venv/bin/python -m tests.bench.$$one || exit; done

reference: ## Write the generated pages again
	@deploy/bootstrap.sh dev
	@.venv/bin/python -m deploy.reference

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes $(UPGRADE)
lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: ## Renew the lock files with uv (UPGRADE=--upgrade: to the newest versions)
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	@$(COMPILE) --group build -c requirements-dev.lock -o requirements-build.lock

clean: ## Remove the environment and all caches (no data: that is under MADANG_HOME)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
