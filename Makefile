# make demo: a simulated fleet, real Prometheus and Alertmanager, one lost key, one letter. No Docker.
# make test: everything that proves it. Both set up what they need in .venv/ and .tools/.

SHELL := /bin/sh
VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SERVERS := .tools/servers
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/$(SERVERS)/bin:$(PATH):/usr/sbin:/sbin

.PHONY: setup demo test lint rules pytest e2e bench bench-quick lock docs clean

setup: $(READY) $(SERVERS)/.ready

demo: $(READY) $(SERVERS)/.ready
	@smart simulate demo $(if $(ONCE),--once)

# The tests run promtool on the rules too; `make rules` alone is for who writes them.
test: lint pytest e2e

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	sh -n tools/*.sh .ci/run

rules: $(READY) $(SERVERS)/.ready
	promtool check rules rules/*.yml
	promtool test rules rules/tests/*.yml

pytest: $(READY) $(SERVERS)/.ready .tools/.test-packages
	pytest -n 2 -m "not e2e"

e2e: $(READY) $(SERVERS)/.ready .tools/.test-packages
	pytest -m e2e

bench: $(READY) $(SERVERS)/.ready .tools/.bench-packages
	python -m benchmarks

bench-quick: $(READY) $(SERVERS)/.ready .tools/.bench-packages
	python -m benchmarks --quick

docs: $(READY)
	smart render docs --output docs

# Runs pip-compile of pip-tools; commit the result together with pyproject.toml.
lock: $(READY)
	$(BIN)/pip install --quiet pip-tools
	pip-compile --quiet --generate-hashes --strip-extras --extra dev --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@sh tools/need-packages.sh python3-venv:ensurepip-module curl:curl
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(SERVERS)/.ready: tools/get-servers.sh
	@mkdir -p $(SERVERS)
	@sh tools/get-servers.sh $(SERVERS)
	@touch $@

.tools/.test-packages:
	@mkdir -p .tools
	@sh tools/need-packages.sh curl:curl postgresql:postgres-server util-linux:unshare openssl:openssl
	@touch $@

.tools/.bench-packages: .tools/.test-packages
	@sh tools/need-packages.sh prometheus-pushgateway:prometheus-pushgateway
	@touch $@

clean:
	rm -rf $(VENV) .tools .demo build
