# The few commands of this project. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run build test bench fuzz fmt lint schema costs signins soak chaos

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Set up what is missing, build, and start the server
	@exec scripts/run.sh

build: ## Build the server with the web client in it
	@scripts/build.sh release

test: ## Run all tests, the browser tests included
	@scripts/test.sh

chaos: ## Kill the server 200 times for each store while files are put
	@exec scripts/chaos.sh

fuzz: ## Throw random documents at the engine for some minutes
	@exec scripts/fuzz.sh

fmt: ## Format all sources
	@scripts/format.sh

lint: ## Check formatting, lints and types
	@scripts/lint.sh

schema: ## Write database/schema.sql anew from the migrations
	@scripts/schema.sh

costs: ## Write database/COSTS.md anew: what the main steps cost
	@exec scripts/costs.sh

bench: ## Measure the server beside what one could use instead
	@exec scripts/bench.sh

signins: ## Print what 2,000 sign-ins cost those who read meanwhile
	@exec scripts/signins.sh

soak: ## Upload 1 GB fifty times, and see that memory stays flat
	@exec scripts/soak.sh
