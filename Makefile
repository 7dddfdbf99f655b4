# SPDX-License-Identifier: Apache-2.0
# Each target makes .venv/ and build/ current first; as root on Debian or Ubuntu that includes the packages it needs.
.DEFAULT_GOAL := help
CHECKS := check-files check-ruff check-types check-imports check-c check-cross check-sanitizers check-fuzz
.PHONY: help demo test check $(CHECKS) soak fuzz bench test-oracle clean

export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON := $(CURDIR)/.venv/bin/python
PYTEST := $(PYTHON) -m pytest
CTEST := ctest --output-on-failure --no-tests=error

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

demo: ## boot three remote cores, talk to them, kill one (under two minutes)
	@tools/setup build
	.venv/bin/rproc demo

test: ## run the C tests and the Python tests, with a short soak
	@tools/setup test
	$(CTEST) --test-dir build
	RPROC_SOAK_CYCLES=$${RPROC_SOAK_CYCLES:-25} $(PYTEST) tests/

check: ## run every check: lint, types, import contracts, sanitizers, fuzzing (60 s each), cross-compilation
	@tools/setup check
	$(MAKE) --no-print-directory --keep-going $(CHECKS)

# Parts of check, which assume that `tools/setup check` has run.
check-files:
	$(PYTHON) tools/check_files.py

check-ruff:
	ruff check
	ruff format --check

check-types:
	mypy

check-imports:
	lint-imports --no-cache

check-c:
	tools/check_c build

check-sanitizers:
	tools/check_sanitizers asan address,undefined
	tools/check_sanitizers tsan thread

check-fuzz:
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} tools/fuzz

check-cross:
	tools/check_cross

soak: ## boot, echo and stop each kind of core 1000 times, then look for anything left over
	@tools/setup test
	RPROC_SOAK_CYCLES=$${RPROC_SOAK_CYCLES:-1000} $(PYTEST) tests/ -m soak --timeout=7200 -o faulthandler_timeout=7000

fuzz: ## fuzz on all CPUs for FUZZ_MINUTES (20); FUZZ_SECONDS instead is for each target, TARGETS="fuzz_image" for some
	@tools/setup check
	tools/fuzz $(TARGETS)

# BENCH="--quick" takes half a minute, BENCH="--full --compare benchmarks/results/results.json" tells what changed.
BENCH ?= --full
bench: ## measure everything beside its floors and rivals (10 minutes); the report goes to benchmarks/results/
	@tools/setup test
	rpmsg bench $(BENCH) --output benchmarks/results
	$(PYTEST) benchmarks/ --benchmark-only

test-oracle: ## compare with other software: the loaders of Linux 6.1 and 6.12 on 100,000 files, readelf, pyelftools
	@tools/setup oracle
	$(PYTEST) tests/ -m oracle -rP -o faulthandler_timeout=590

clean: ## remove .venv/, build/ and caches
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
