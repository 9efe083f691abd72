# Every target sets up what it needs and runs in the one build environment of scripts/env.sh. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

CARGO := scripts/cargo

# What `make demo` hands to `argosy up`: make demo DEMO_ARGS='--for 60s --chaos'
DEMO_ARGS ?=
# The folder with the two openb files, and what `make replay` hands on: make replay TRACE=../openb REPLAY_ARGS='--json out.json'
TRACE ?= openb
REPLAY_ARGS ?=
# How many cases the proof of the engine runs, from which seed, on how many threads: make engine-proof CASES=1000000 SEED=7
CASES ?= 10000
SEED ?= 1
THREADS ?= $(shell nproc)
# What the benchmarks take: make bench-commit BENCH_ARGS='--batch 1000 --json out.json'
BENCH_ARGS ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

##@ Set up
.PHONY: setup packages rocksdb components tools
setup: packages rocksdb components tools ## Install all that a build, a test or a check needs (about 30 minutes on a new machine)

packages: ## Install missing Debian packages
	@scripts/setup.sh packages

rocksdb: packages ## Build the RocksDB archive, once per version (about 21 minutes)
	@scripts/setup.sh rocksdb

components: packages ## Install missing parts of the Rust toolchain: rustfmt and clippy
	@scripts/setup.sh components

tools: packages ## Build mdbook and cargo-deny, once per version
	@scripts/setup.sh tools

##@ Run
.PHONY: build demo demo-gpu replay
# Two calls: in one, cargo gives both the union of their features, and what the worlds of argosy-lab ask of tokio (a clock that can be
# stopped) would be in the argosy that ships.
build: rocksdb ## Build the release binaries argosy and argosy-lab
	@$(CARGO) build --release --locked --package argosy-cli
	@$(CARGO) build --release --locked --package argosy-lab

demo: rocksdb ## Run three regions on this machine with a simulated provider and clusters; Ctrl-C ends it
	@$(CARGO) build --release --locked --package argosy-cli
	@. scripts/env.sh; exec "$$CARGO_TARGET_DIR/release/argosy" up $(DEMO_ARGS)

demo-gpu: rocksdb ## A pool of GPU machines with real agents: a GPU breaks, its machine is drained and replaced; ends by itself
	@$(CARGO) build --release --locked --package argosy-cli
	@$(CARGO) build --release --locked --package argosy-nvml-standin
	@. scripts/env.sh; exec "$$CARGO_TARGET_DIR/release/argosy" up --gpu --for 60s $(DEMO_ARGS)

replay: build ## Replay the openb trace on a three-node fleet; TRACE=folder says where it lies
	@. scripts/env.sh; exec "$$CARGO_TARGET_DIR/release/argosy-lab" replay \
	    --nodes "$(TRACE)/openb_node_list_all_node.csv" --tasks "$(TRACE)/openb_pod_list_default.csv" --clusters 3 $(REPLAY_ARGS)

##@ Check
.PHONY: test coverage engine-proof engine-plants lint fmt fmt-check clippy deny audit docs
test: rocksdb ## Run all tests
	@$(CARGO) test --workspace --locked

.PHONY: test-gpu
test-gpu: ## Run the agent's checks against the real GPUs of this machine; fails where there are none
	@$(CARGO) run --locked --package argosy-agent --example gpu_check

coverage: ## Line coverage of the pure crates by their own tests and the proof's; fails under 95 % in all
	@scripts/coverage.sh

engine-proof: ## Hold the engine to the reference: CASES=N generated cases from SEED=S on THREADS=T; ends at the first difference
	@$(CARGO) run --release --locked --package argosy-proof --example engine_proof -- \
	    --cases $(CASES) --seed $(SEED) --threads $(THREADS)

engine-plants: ## Plant each bug on record and show the test that catches it
	@$(CARGO) test --locked --package argosy-proof --test rows plants -- --nocapture 2>/dev/null | grep -E 'caught by|test result'

lint: fmt-check clippy ## Check formatting and lints; a warning is an error

fmt: components ## Format the code
	@$(CARGO) fmt --all

fmt-check: components
	@$(CARGO) fmt --all --check

clippy: rocksdb components
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

deny: tools ## Check dependencies: licences, bans, duplicate versions, sources
	@$(CARGO) deny --locked check bans licenses sources

audit: tools ## Check dependencies for known vulnerabilities (downloads the advisory database)
	@scripts/audit.sh

docs: tools ## List new error pages and decision records in the book, and build it
	@scripts/book.sh

.PHONY: chaos chaos-proof chaos-night chaos-hosts
# What the chaos targets hand on: make chaos CHAOS_ARGS='--seeds 1..50 --json out.json'
CHAOS_ARGS ?= --seeds 1..201 --minutes 9
CHAOS_NIGHT_ARGS ?= --minutes 600 --require-failpoints
CHAOS_PROOF_ARGS ?= --seeds 1..1001 --jobs 2
chaos: rocksdb ## Run the real replicas in simulated worlds under faults, ten minutes at most (CHAOS_ARGS='--seeds 1..50')
	@$(CARGO) run --release --locked --package argosy-lab -- chaos run --jobs 2 $(CHAOS_ARGS)

chaos-proof: rocksdb ## Plant bugs in the worlds, and see which seed finds which
	@$(CARGO) run --release --locked --package argosy-lab -- chaos proof $(CHAOS_PROOF_ARGS)

# What the plays take: make chaos-hosts HOSTS_ARGS='--play kill --rounds 30 --json out.json'
HOSTS_ARGS ?=
chaos-hosts: build ## Break real processes on network namespaces, and judge them; needs root (HOSTS_ARGS='--play kill --html out.html')
	@scripts/setup.sh hosts || echo "chaos-hosts: what could not be installed is left out"
	@. scripts/env.sh; exec "$$CARGO_TARGET_DIR/release/argosy-lab" chaos hosts $(HOSTS_ARGS)

# What it takes: make agents-load AGENTS_ARGS='--agents 20000 --streams 2000 --json out.json'
.PHONY: agents-load
AGENTS_ARGS ?=
agents-load: build ## Connect 100,000 node agents to one real node, and measure what that costs it (AGENTS_ARGS='--agents 20000')
	@. scripts/env.sh; exec "$$CARGO_TARGET_DIR/release/argosy-lab" agents $(AGENTS_ARGS)

chaos-night: rocksdb ## The same for a night
	@$(CARGO) run --release --locked --package argosy-lab -- chaos run --jobs 2 $(CHAOS_NIGHT_ARGS)

.PHONY: stress
stress: rocksdb ## The API under stress over real processes for some minutes: 500 calls at once, storms, SIGTERM amid it, leaks
	@$(CARGO) build --release --locked --package argosy-cli
	@. scripts/env.sh; data="$$(mktemp -d "$$ARGOSY_CACHE/stress-XXXXXX")"; trap 'rm -rf "$$data"' EXIT; \
	    $(CARGO) run --release --locked --package argosy-localfleet --example api_stress -- "$$CARGO_TARGET_DIR/release/argosy" "$$data"

.PHONY: sim
sim: ## Run simulated fleets on virtual time: scripted, closed loop, random worlds, soak
	@$(CARGO) run --release --locked --package argosy-sim --example fleet_sim

# Which scenario, a file or the name of one that ships, and where its report goes: make rehearse SCENARIO=my.yaml
SCENARIO ?= zone-outage
REPORT ?= runs/$(notdir $(basename $(SCENARIO)))
.PHONY: rehearse
rehearse: ## Rehearse a scenario on virtual time, by default a zone outage of 5,000 GPU machines, and write its report
	@$(CARGO) run --release --locked --package argosy-sim --example rehearse -- "$(SCENARIO)" file --out "$(REPORT)"

##@ Measure
.PHONY: bench-hot bench-hot-10m bench-baselines bench-commit bench-failover
bench-hot: rocksdb ## Decide, apply and snapshots at 100k and 1M machines beside this machine's limits; gated by instructions
	@scripts/bench.sh gate $(BENCH_ARGS)

bench-hot-10m: rocksdb ## The same at 10 million machines (some 10 GiB of memory); timed only
	@scripts/bench.sh time --sizes 10000000 $(BENCH_ARGS)

bench-baselines: rocksdb ## Store the counted instructions as the baselines of bench-hot
	@scripts/bench.sh store

bench-commit: rocksdb ## Commit latency and decisions/s of one shard with three replicas and real fsync
	@. scripts/env.sh; data="$$(mktemp -d "$$ARGOSY_CACHE/bench-XXXXXX")"; trap 'rm -rf "$$data"' EXIT; \
	    $(CARGO) run --release --locked --package argosy-raft --example commit_bench -- "$$data" $(BENCH_ARGS)

bench-failover: rocksdb ## Time from the loss of a leader to the next commit
	@$(CARGO) run --release --locked --package argosy-raft --example failover_bench -- $(BENCH_ARGS)
