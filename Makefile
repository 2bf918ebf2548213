# `make help` lists the targets. Everything that is made lies in .build/ (compiler) and .glossator/ (encoder, demo).

SHELL := /bin/bash
SWIFT ?= swift
ENCODER := .glossator/encoder/all-MiniLM-L6-v2
GLOSSATOR := .build/release/glossator

# The reference suites (GLOSSATOR_REFERENCE) need the real encoder.
export GLOSSATOR_ENCODER ?= $(CURDIR)/$(ENCODER)

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop demo-delete test bench bench-queue chaos simulate-month build packages encoder format lint schema ci clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: packages build encoder ## Everything once, on a PostgreSQL of its own: import, train, annotate, search
	@$(GLOSSATOR) demo --encoder $(ENCODER) --directory .glossator/demo

demo-stop: ## Stop the demo's PostgreSQL; its data stays
	@$(GLOSSATOR) demo --directory .glossator/demo --stop

demo-delete: ## Stop the demo's PostgreSQL and delete its data
	@$(GLOSSATOR) demo --directory .glossator/demo --delete

test: packages $(if $(GLOSSATOR_REFERENCE),encoder) ## Build and run all tests, with a PostgreSQL of their own
	@$(SWIFT) build -c release --build-tests
	@$(SWIFT) test -c release --skip-build

build: packages ## Build the program: .build/release/glossator
	@$(SWIFT) build -c release --product glossator

packages: ## Install the system packages that are missing (asks before sudo)
	@deploy/install-packages.sh

encoder: packages ## Obtain the encoder all-MiniLM-L6-v2
	@deploy/fetch-encoder.sh $(ENCODER)

format: ## Format all Swift sources in place
	@$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

bench: packages build encoder ## Measure engine, tokenizer and kernels, beside others where GLOSSATOR_PEERS_* are set (Tests/Peers)
	@$(GLOSSATOR) bench inference --model $(ENCODER)
	@$(GLOSSATOR) bench tokenizer --model $(ENCODER)
	@$(GLOSSATOR) bench kernels
	@if [ -n "$$GLOSSATOR_PEERS_SCRIPTS" ]; then python3 Tests/Peers/compare.py --binary $(GLOSSATOR) --tokenizer; fi

bench-queue: packages build ## Measure the queue beside bare SQL, on a PostgreSQL of its own
	@$(GLOSSATOR) bench queue --directory .glossator/bench

chaos: packages build ## Hurt real daemons and a real PostgreSQL, and count what is left
	@python3 Tests/Chaos/chaos.py --binary $(GLOSSATOR)

simulate-month: packages build encoder ## Thirty nights on real gold, some of it wrong (GLOSSATOR_REFERENCE; Tests/Month)
	@python3 Tests/Month/month.py --binary $(GLOSSATOR) --encoder $(GLOSSATOR_ENCODER)

lint: ## Check format, shell scripts and the rooms' borders
	@.ci/run format imports

schema: packages ## Write migrations/schema.sql: the dump after all migrations
	@deploy/schema-dump.sh

ci: ## What CI runs
	@.ci/run

clean: ## Delete what the compiler made (the demo and the encoder stay)
	@rm -rf .build
