# Every recipe of the project; CI runs `lint` and `test` as they stand here.
# Missing Debian packages are installed (scripts/need.sh). ARGS goes to the demo:
#   make demo ARGS="--seconds 20 --json"
#   make demo-shop ARGS="--kill --html shop.html"

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: demo demo-shop test lint bench train evaluate evaluate-live schemathesis onnxruntime fuzz

TARGET := $(or $(CARGO_TARGET_DIR),target)

# The whole workspace is selected everywhere, because cargo resolves features over the selected
# packages: another selection would compile Pingora and tokio a second time.

demo: ## Back ends, the proxy and a load on this machine, with a live view and a summary
	@scripts/need.sh cmake
	cargo build --locked --workspace --bin ai-loadbalancer --bin services-mock
	$(TARGET)/debug/ai-loadbalancer demo $(ARGS)

demo-shop: ## The whole shop behind the proxy for a minute, one cart instance degraded; ends with its books
	@scripts/need.sh cmake
	cargo build --locked --workspace --bins
	$(TARGET)/debug/demo-shop $(ARGS)

test: ## Every test, with a real Redis and PostgreSQL, a real ONNX Runtime and the Python of the example
	@scripts/need.sh cmake redis-server prometheus:promtool postgresql:pg_createcluster
	cargo build --locked --workspace --bins
	library="$$(scripts/onnxruntime.sh)"; python="$$(scripts/python.sh)"; \
	ORT_DYLIB_PATH="$$library" BYO_PYTHON="$$python" cargo test --locked --workspace

lint: ## Format, lints, documentation links, licences and sources of dependencies
	@scripts/need.sh cmake
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p lb-policy --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	scripts/cargo-deny.sh check --hide-inclusion-graph bans licenses sources

bench: ## Release benchmarks and instructions per proxied request
	@scripts/need.sh cmake
	cargo bench --locked --workspace --bench decision
	scripts/bench-instructions.sh

# The next version unless OUT names another; versions are never overwritten.
OUT ?= models/default/$(shell expr $$(ls models/default | grep -E '^[0-9]+$$' | sort -n | tail -1) + 1)
train: ## A new version of models/default from simulation: some 10 minutes on two cores
	cargo build --locked --release -p lb-trainer
	$(TARGET)/release/trainer train --out $(OUT) $(ARGS)

FAMILIES := $(addprefix simulator/scenarios/,families shift missing)
EVALUATION := target/evaluation
evaluate: ## All policies and the shipped model in simulation, on fresh seeds (SEEDS=10), with the gates: some 20 minutes
	cargo build --locked --release -p lb-simulator
	mkdir -p $(EVALUATION)
	$(TARGET)/release/simulator eval --scenarios $(FAMILIES) --policies all --model models/default \
		--seeds $(or $(SEEDS),10) --out $(EVALUATION)/report.json --html $(EVALUATION)/report.html $(ARGS)
	$(TARGET)/release/simulator gates $(EVALUATION)/report.json --markdown $(EVALUATION)/gates.md

evaluate-live: ## All policies on real HTTP in interleaved blocks: some 20 minutes on a quiet machine
	@scripts/need.sh cmake
	cargo build --locked --workspace --bins
	mkdir -p $(EVALUATION)
	$(TARGET)/debug/simulator eval --scenarios simulator/scenarios/live --policies all --model models/default \
		--brief --out $(EVALUATION)/live-simulated.json
	$(TARGET)/debug/evaluate-live --out $(EVALUATION)/live \
		--simulated healthy=$(EVALUATION)/live-simulated.json \
		--simulated degraded=$(EVALUATION)/live-simulated.json $(ARGS)

schemathesis: ## Requests made from the OpenAPI document of each commerce service; see scripts/schemathesis.sh
	scripts/schemathesis.sh $(ARGS)

onnxruntime: ## The ONNX Runtime library, into .tools/onnxruntime
	@scripts/onnxruntime.sh

fuzz: ## How to fuzz what comes from files and from the registry
	@scripts/fuzz-help.sh
