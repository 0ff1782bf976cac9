# GNU make 3.81 or later, and any POSIX shell. Data in var/ and logs/ is never removed.

VENV = .venv
BIN = $(VENV)/bin
RUNTIME = $(VENV)/requirements.stamp
PASS = $(VENV)/pass.stamp
ANALYSIS = $(VENV)/requirements-analysis.stamp
DEVELOPMENT = $(VENV)/requirements-dev.stamp
DOCUMENTATION = $(VENV)/requirements-docs.stamp
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
BENCHMARKS = $(subst /,.,$(sort $(basename $(wildcard benchmarks/*.py))))
SECONDS = 5
PIP_AUDIT = 2.10.1
MINUTES = 30
SEED = 1

.PHONY: help run setup test test-postgres check audit format lock bench bench-quick experiment chaos chaos-selftest screenshots docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: $(PASS) ## start the server, the generator and three clients; Ctrl-C stops all
	@$(BIN)/python -m tools.run

setup: $(DEVELOPMENT) ## create .venv with the packages that the other targets need

test: $(DEVELOPMENT) ## run every test
	$(BIN)/python -m pytest --numprocesses auto

test-postgres: $(DEVELOPMENT) ## run every test that uses the database on a PostgreSQL of its own
	BLOCKFEED_TEST_DATABASE=postgresql $(BIN)/python -m pytest --numprocesses auto tests/integration

check: $(DEVELOPMENT) ## lint, formatting, types, layers, migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

audit: $(DEVELOPMENT) ## look for known vulnerabilities in the locked packages, at pypi.org
	$(BIN)/uvx --quiet pip-audit==$(PIP_AUDIT) --strict --require-hashes --disable-pip $(addprefix --requirement ,$(wildcard locks/*.txt))

format: $(DEVELOPMENT) ## format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## pin the version and hashes of every required package
	$(LOCK) requirements.txt -o locks/run.txt
	$(LOCK) -c locks/run.txt clientapp/requirements-analysis.txt -o locks/analysis.txt
	$(LOCK) -c locks/run.txt requirements-postgres.txt -o locks/postgres.txt
	$(LOCK) -c locks/run.txt requirements-dev.txt -o locks/development.txt
	$(LOCK) -c locks/development.txt requirements-docs.txt -o locks/documentation.txt

bench: $(DEVELOPMENT) ## run every benchmark, SECONDS=5 per figure
	@for name in $(BENCHMARKS); do \
		echo "$$name"; $(BIN)/python -m "$$name" --seconds $(SECONDS) || exit 1; \
	done

experiment: $(ANALYSIS) ## repeat the measurement of docs/explanation/analysis.md
	@$(BIN)/python -m tools.experiment

bench-quick: $(DEVELOPMENT) ## compare with the fastest servers, in under 3 minutes
	@$(BIN)/python -m benchmarks.compare --quick --seconds 2 --rounds 1

chaos: $(DEVELOPMENT) ## cause faults for MINUTES=30 in the order of SEED=1; or CUTS=50, or HOSTS=1
	@$(BIN)/python -m tools.chaos --minutes $(MINUTES) --seed $(SEED) $(if $(CUTS),--cuts $(CUTS)) $(if $(HOSTS),--hosts $(HOSTS))

chaos-selftest: $(DEVELOPMENT) ## damage good logs and reports in every way; all damage must be noticed
	@$(BIN)/python -m tools.chaos --selftest

screenshots: $(DEVELOPMENT) ## take pictures of every page and terminal for docs/gallery.md and the README
	@$(BIN)/python -m tools.screenshots

docs: $(DOCUMENTATION) ## build the documentation as a site, build/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo 'built; to read it: $(BIN)/python -m http.server --directory build/site 8080'

clean: ## remove .venv, compiled files and caches
	rm -rf $(VENV) build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@sh tools/venv.sh $(VENV)

$(RUNTIME): locks/run.txt $(BIN)/python
	@echo "installing requirements.txt, as locks/run.txt fixes it"
	@$(PIP_INSTALL) -r locks/run.txt
	@touch $@

$(PASS): feeds/fanout/pass.c tools/compile.py $(RUNTIME)
	@if $(BIN)/python -m tools.compile; then touch $@; fi

$(ANALYSIS): locks/analysis.txt $(PASS)
	@echo "installing clientapp/requirements-analysis.txt, as locks/analysis.txt fixes it"
	@$(PIP_INSTALL) -r locks/analysis.txt
	@touch $@

$(DEVELOPMENT): locks/development.txt $(ANALYSIS)
	@echo "installing requirements-dev.txt, as locks/development.txt fixes it"
	@$(PIP_INSTALL) -r locks/development.txt
	@touch $@

$(DOCUMENTATION): locks/documentation.txt $(DEVELOPMENT)
	@echo "installing requirements-docs.txt, as locks/documentation.txt fixes it"
	@$(PIP_INSTALL) -r locks/documentation.txt
	@touch $@
