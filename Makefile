# The commands of this repository. `make help` lists them.
GO            ?= go
BIN           := bin
FLYBALL       := $(BIN)/flyball$(shell $(GO) env GOEXE)
GOLANGCI_LINT := $(BIN)/golangci-lint
GOLANGCI_LINT_VERSION := v2.15.0
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PLATFORMS     := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# One of each system that tests and linters do not see: no code of ours knows the architecture.
VETTED        := darwin/arm64 windows/amd64
# Long arithmetic in one goroutine each: the race detector, which takes twenty times as long to find nothing there, sees the short tests only.
ARITHMETIC    := guard capacity policy/predictive policy/learned evaluate cmd/flyball record/sqlite neural rl rl/scaling app/training test/advised
# End to end, what the race detector watches: a controller and its replicas over their whole life.
RACED         := TestRun|TestController|TestDemoLeaves|TestKilled
# Packages whose tests have a Docker engine of their own, and those with tests of programs that scripts/test-binaries builds.
ENGINE_TESTS   = balancer/traefik deploy/stack $(shell git grep -l 'dockertest\.Main(m)' -- '*_test.go' | xargs -n 1 dirname | sort -u)
# Packages whose tests have a Kubernetes cluster of their own.
CLUSTER_TESTS  = $(shell git grep -l 'clustertest\.Main(m)' -- '*_test.go' | xargs -n 1 dirname | sort -u)
# Of these, whole programs beside the real HPA, at its pace, and everything that may happen to an operator: most of it is waiting.
SLOW_CLUSTER_TESTS := test/kube test/operator
# Of that, what is in make test all the same, four minutes: both scalers under one load, the exact HPA beside the live one; the operator with the rights that ship, and faults.
BESIDE_HPA     := TestBesideTheRealHPA
OPERATOR_HEART := TestADeploymentIsScaled|TestTheAPIServerComesBack|TestWatchesThatBreak|TestWhatIsRefusedTouchesNothing|TestAPrometheusThatIsWrong
LDFLAGS       := -s -w -X main.version=$(VERSION)

# One way to compile for build, tests, vet, linters and releases: every package is compiled once,
# and once more for the race detector, which needs C.
export GOFLAGS     := $(strip $(GOFLAGS) -trimpath)
export CGO_ENABLED := 0
RACE               := CGO_ENABLED=1 $(GO) test -race

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo setup-engine test test-units test-arithmetic test-live test-e2e test-docker test-kubernetes test-cluster test-short test-binaries soak lint generate check-generate ui bench setup clean vet-all release image

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/flyball
	$(GO) build -ldflags '$(LDFLAGS)' -o $(FLYBALL) ./cmd/flyball

demo: build ## real processes, real load, autoscaler and dashboard; needs only Go
	$(FLYBALL) demo $(ARGS)

setup: ## install what the tests need besides Go (Debian packages; names what it cannot install)
	@scripts/setup-tests
	@scripts/test-python
	@scripts/test-pgvector

setup-engine: # and an engine
	@scripts/setup-tests engine

# What waits for processes, containers and pods leaves most of two cores to what only computes.
test: setup setup-engine check-generate test-units ## unit, integration and end-to-end tests, on a Docker engine and a Kubernetes cluster of their own
	@scripts/beside '$(MAKE) test-arithmetic' '$(MAKE) test-live'

test-units: setup ## unit and integration tests, with the race detector
	$(GO) vet ./...
	$(RACE) -timeout 25m $$($(GO) list ./... | grep -v -e /test/e2e -e /test/observability -e /sim$$ -e /queueing$$ $(ARITHMETIC:%=-e /%$$) $(ENGINE_TESTS:%=-e /%$$) $(CLUSTER_TESTS:%=-e /%$$))
	$(RACE) -run WhateverRunsBeside ./sim
	$(RACE) -short -timeout 25m $(ARITHMETIC:%=./%) $(CLUSTER_TESTS:%=./%)
	$(GO) test -timeout 25m ./cmd/flyball

test-arithmetic: test-binaries ## what only computes: long tests, without the race detector
	$(GO) test -timeout 60m ./sim ./queueing $(patsubst %,./%,$(filter-out cmd/flyball,$(ARITHMETIC)))
	cd test/hpadiff && $(GO) test -timeout 25m ./...
	cd test/vpadiff && $(GO) test -timeout 25m ./...
	cd test/helm && $(GO) test -timeout 25m ./...

test-live: test-e2e test-docker test-kubernetes ## what drives programs, engines and a cluster

test-e2e: setup build ## whole programs, real load, a real browser
	$(GO) test -timeout 25m -count=1 -p 1 -skip '$(RACED)' ./test/e2e/... ./test/observability
	$(RACE) -timeout 25m -count=1 -p 1 -run '$(RACED)' ./test/e2e/...

test-docker: setup-engine ## what drives a Docker engine, beside one of its own, and Traefik
	@scripts/test-binaries compose traefik
	$(RACE) -count=1 -p 2 -timeout 25m $(filter-out ./test/containers,$(ENGINE_TESTS:%=./%))
	# Under load, where latencies are judged: the race detector would be what is measured.
	$(GO) test -count=1 -timeout 25m ./test/containers

test-kubernetes: ## what needs a Kubernetes cluster, on one of its own, but most of test-cluster's (its programs: six minutes of two cores, once)
	@scripts/setup-tests cluster
	@scripts/test-binaries cluster
	$(GO) test -count=1 -p 1 -timeout 40m $(filter-out $(SLOW_CLUSTER_TESTS:%=./%),$(CLUSTER_TESTS:%=./%))
	$(GO) test -count=1 -timeout 20m -run '$(BESIDE_HPA)' ./test/kube -phase 0.8 -steps 2
	$(GO) test -count=1 -timeout 20m -run '$(OPERATOR_HEART)' ./test/operator
	@scripts/test-keda

# Not part of test: all together would take longer on two cores than it may.
test-cluster: test-kubernetes ## and the operator, and whole programs beside the real HPA (twenty minutes)
	$(GO) test -count=1 -p 1 -timeout 40m -skip '$(OPERATOR_HEART)' $(SLOW_CLUSTER_TESTS:%=./%)

test-short: ## the inner loop: unit tests, under two minutes
	$(GO) test -short $$($(GO) list ./... | grep -v -e /test/e2e -e /test/observability)

test-binaries: ## programs of others for the tests: Compose, Traefik, a Kubernetes cluster (a quarter of an hour of two cores, once)
	@scripts/test-binaries

soak: setup-engine ## every target behind every balancer, ten minutes each under load (three hours)
	@scripts/test-binaries compose traefik
	$(GO) test -count=1 -v -timeout 5h -run TestEveryPairUnderLoad ./test/containers -lasts 10m

measure-step: setup-engine ## time from a load step to a new container that answers, per target (ten minutes; ARGS="-step-sync 15s")
	@scripts/test-binaries compose traefik
	$(GO) test -count=1 -v -timeout 1h -run TestTimeFromLoadStep ./test/containers -step-runs 5 -step-sync 1s $(ARGS)

lint: $(GOLANGCI_LINT) vet-all ## format, vet for every system, linters, shell scripts
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these'; exit 1; }
	$(GOLANGCI_LINT) run --allow-parallel-runners ./...
	@if command -v shellcheck >/dev/null; then shellcheck $$(git ls-files scripts .ci bench | xargs grep -lE '^#!.*(ba)?sh'); else echo 'shellcheck: not installed, skipped'; fi

$(GOLANGCI_LINT):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

vet-all: ## vet for every system
	@scripts/vet-all $(VETTED)

release: ## dist/: archives for every system, and their checksums; the same commit gives the same bytes
	@scripts/release $(PLATFORMS)

image: ## container image from scratch (IMAGE=name:tag; docker, podman or buildah)
	@scripts/image

generate: ui ## write generated files anew: JSON schema, built front end
	$(GO) generate ./...

ui: ## build the dashboard's front end (needs npm; the result is checked in)
	cd web/ui && npm ci --no-audit --no-fund && npm run build

check-generate: ## fail when a generated file is stale
	@scripts/check-generate

bench: build ## benchmarks; figures and how to read them in docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchmem ./...
	@for script in bench/*.sh; do [ ! -e "$$script" ] || "$$script"; done

clean: ## remove what was built
	rm -rf $(BIN) dist
