# `make help` lists the targets. Everything runs in .venv, made from the locked requirements.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Where it is set, each of the many processes that the tests start compiles all of its imports again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: nightly help setup setup-gpu audit demo bench test check lint types tests coverage test-vllm test-servers test-machines test-npm test-pages fuzz notebooks docs docs-site pictures lock wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.stamp ## create .venv with all development packages, from the locked requirements

.venv/.stamp: requirements/uv.txt requirements/build.txt requirements/dev.txt requirements/public.txt requirements/public-compiled.txt pyproject.toml scripts/install.sh
	@PYTHON=$(PYTHON) scripts/install.sh dev

.venv/.run-stamp: requirements/uv.txt requirements/build.txt requirements/run.txt pyproject.toml scripts/install.sh
	@PYTHON=$(PYTHON) scripts/install.sh run

setup-gpu: .venv-gpu/.stamp ## make .venv-gpu for an NVIDIA machine: gapbench, vLLM with CUDA and NVML, all locked (several GB; x86_64 Linux)

.venv-gpu/.stamp: requirements/gpu.txt pyproject.toml
	@echo "making .venv-gpu from requirements/gpu.txt: several GB, once"
	@$(PYTHON) -m venv .venv-gpu
	@.venv-gpu/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/gpu.txt
	@.venv-gpu/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

demo: .venv/.run-stamp ## run the quickstart suite against simulated models (no key, no GPU, no download), and show the answer
	@$(BIN)/bench run tasks/suites/quickstart.yaml --yes
	@echo "The article's claims, checked against published data: .venv/bin/bench article --brief"

test: lint types tests ## lint, types, and every test that needs no third-party server

lint: setup ## ruff, and import-linter for the layers of packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup ## mypy --strict
	@$(BIN)/mypy

tests: setup ## pytest, on all cores; with COV=1 line and branch coverage is held to the floor in pyproject.toml, and hypothesis draws new examples
	@$(BIN)/pytest -n auto -m "not vllm and not servers and not chromium and not machines" $(if $(COV),--cov --cov-report=term:skip-covered --hypothesis-profile random)

coverage: ## the tests with COV=1
	@$(MAKE) --no-print-directory tests COV=1

check: test docs ## test, and that the generated parts of the documents are fresh

nightly: setup ## the nightly job against its baseline, on a GPU; with CPU=1 on real vLLM with a small model
	@CPU=$(CPU) scripts/nightly.sh

test-vllm: setup ## real vLLM on the CPU and LiteLLM, driven through the four clients
	@scripts/setup_vllm_cpu.sh
	@$(BIN)/pytest -m vllm tests/vllm -v

test-servers: setup ## model servers of other projects (transformers serve, llama.cpp, llmock, aimock), over every protocol
	@scripts/setup_servers.sh
	@$(BIN)/pytest -m servers tests/servers -v

test-machines: setup ## load from a Ray cluster of three nodes on this machine; installs Ray (75 MB)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/machines.txt
	@$(BIN)/pytest -m machines tests/machines -v

test-npm: setup ## the vendors' JavaScript clients against the simulated provider; needs node and npm
	@npm install --prefix tests/gapbench_runners/npm_clients --ignore-scripts --no-package-lock --no-audit --no-fund
	@$(BIN)/pytest tests/gapbench_runners/sim_server/test_npm_clients.py -v

test-pages: setup ## open the pages in a headless Chromium; installs Debian's where there is none and we are root
	@scripts/setup_chromium.sh
	@$(BIN)/pytest -m chromium tests/pages

fuzz: setup ## fuzz the readers by coverage for MINUTES (60) of CPU time on JOBS (2) cores; installs atheris, Linux only
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/fuzz.txt
	@$(BIN)/python benchmarks/fuzz.py --minutes $(or $(MINUTES),60) --jobs $(or $(JOBS),2)

bench: setup ## time the harness against itself, a server of known truth and installed peers; on a quiet machine
	@for name in saturated streams scored sim_events memory peers; do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done

notebooks: setup ## execute the notebooks on the reference run and store their outputs
	@$(BIN)/python scripts/run_notebooks.py

docs: setup ## write the generated parts of the reference pages
	@$(BIN)/python scripts/generate_docs.py

docs-site: setup ## build the documentation site into site/; a broken link or a missing page fails it
	@$(BIN)/mkdocs build --strict

pictures: setup ## draw the README's pictures from the reference run (the page needs Chromium)
	@$(BIN)/python scripts/make_pictures.py

lock: setup ## resolve the requirements again (needs a package index)
	@scripts/lock.sh

audit: ## check every locked package for known vulnerabilities (needs the network)
	@PYTHON=$(PYTHON) scripts/audit.sh

wheel: setup ## build the wheel
	@$(BIN)/python -m hatchling build -t wheel

clean: ## remove the environments and caches
	@rm -rf .venv .venv-servers .venv-vllm .venv-litellm .venv-gpu .venv-audit dist site .pytest_cache .mypy_cache .ruff_cache
