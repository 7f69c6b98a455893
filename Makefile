.DEFAULT_GOAL := help
.PHONY: help run demo test test-quick lab bench fuzz screenshot fmt lint

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build what is missing and open the window (RUN_ARGS="--demo" and the like go to the app)
	@scripts/run.sh $(RUN_ARGS)

demo: ## the window with the demo fleet
	@scripts/run.sh --demo $(RUN_ARGS)

screenshot: ## a picture of the window that runs without a display (PICTURE=out/screenshot.png)
	@scripts/screenshot.sh $(PICTURE)

test: ## everything: lints, tests, real servers, the UI, the real window
	@scripts/test.sh all

test-quick: ## no servers and no window
	@scripts/test.sh quick

lab: ## real Consul servers and a Kubernetes cluster for a person to connect to, until Ctrl-C (LAB_ARGS="shop": services with breakers)
	@cargo run --quiet --locked --package binnacle-tests --bin lab -- $(LAB_ARGS)

bench: ## measure against peers (BENCH_ARGS="keys picture idle metrics breakers prometheus cluster window crowd" names parts)
	@scripts/bench.sh $(BENCH_ARGS)

fuzz: ## feed the readers of metrics, event streams and dialects with any bytes (FUZZ_SECONDS=60 each)
	@scripts/fuzz.sh

fmt: ## format all Rust
	@cargo fmt --all

lint: ## formatting, clippy, and what must hold for the tree as a whole
	@cargo fmt --all --check
	@scripts/ui.sh build
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/hygiene.sh
