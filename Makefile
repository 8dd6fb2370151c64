# Dunnock's chores. Building, testing and the demo need Go and make only;
# `make lint` builds its own linter once, and `make race` needs a C compiler.

GO       ?= go
FUZZTIME ?= 5s
# What `demo`, `bench`, `bench-rivals`, `paper` and `chaos` are given on their command line.
ARGS     ?=

BIN      := bin/dunnock
# Stamped by hand, since the toolchain's own stamping may be switched off and knows nothing of tags.
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# The tools of tools/go.mod are built once for each content of tools/go.sum and
# each Go release: a linter cannot read the export data of a newer compiler.
TOOLSKEY := $(shell { cat tools/go.mod tools/go.sum; $(GO) env GOVERSION; } 2>/dev/null | cksum | cut -d' ' -f1)
TOOLS    := .cache/bin/$(TOOLSKEY)
LINT     := GOLANGCI_LINT_CACHE='$(CURDIR)/.cache/golangci-lint' $(TOOLS)/golangci-lint
# The same for the module bench/, from there.
LINTBENCH := GOLANGCI_LINT_CACHE='$(CURDIR)/.cache/golangci-lint' ../$(TOOLS)/golangci-lint

# The packages that have benchmarks; bench/ and tools/ are modules of their own.
BENCHMARKED = $(shell grep -rl --include='*_test.go' --exclude-dir=bench --exclude-dir=tools '^func Benchmark' . | sed 's,/[^/]*$$,,' | sort -u)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo test race fuzz lint fmt check counts bench bench-accept bench-rivals rivals paper chaos mutants clean

help: # itself is not worth a line
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build bin/dunnock
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(BIN) ./cmd/dunnock

demo: build ## start a fleet, search the files here with it, show the result (ARGS='--pattern RE PATH')
	$(BIN) demo $(ARGS)

test: ## run the tests
	CGO_ENABLED=0 $(GO) test -timeout 10m ./...

race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

fuzz: ## run every fuzz target for FUZZTIME=5s
	GO='$(GO)' sh tools/fuzz.sh $(FUZZTIME)

lint: $(TOOLS)/golangci-lint ## check style, imports and go.mod (builds the linter the first time)
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(LINT) run
	$(LINT) fmt --diff
	$(GO) -C bench mod tidy -diff
	cd bench && $(LINTBENCH) run && $(LINTBENCH) fmt --diff

fmt: $(TOOLS)/golangci-lint ## format the code
	$(LINT) fmt

check: lint test race fuzz rivals counts ## all that CI runs

rivals: # that nothing in bench/ rots: each contender runs for a moment
	CGO_ENABLED=0 $(GO) -C bench test -v -timeout 10m ./...

counts: $(TOOLS)/golangci-lint # that no benchmark rots, and no task costs more: each runs once, and counts are compared with the baseline
	CGO_ENABLED=0 $(GO) test -short -run '^$$' -bench . -benchtime 1x -timeout 10m $(BENCHMARKED)
	CGO_ENABLED=0 $(GO) run ./internal/counts -benchstat $(TOOLS)/benchstat

bench-accept: # what is counted now becomes the baseline
	CGO_ENABLED=0 $(GO) run ./internal/counts -accept

bench: counts ## compare counts with the committed baseline, then measure tasks/s, CPU per task, job latency of a fleet here
	CGO_ENABLED=0 $(GO) run ./internal/bench $(ARGS)

bench-rivals: ## measure it beside NATS, gRPC, fasthttp, Redis on this machine: 45 minutes (ARGS=--help)
	CGO_ENABLED=0 $(GO) -C bench build -trimpath -ldflags '-X main.version=$(VERSION)' -o ../bin/bench-rivals .
	bin/bench-rivals $(ARGS)

paper: build ## measure a fleet on this machine beside the simulator, draw docs/results/live.svg (ARGS=--quick)
	CGO_ENABLED=0 $(GO) run ./internal/paper --dunnock $(BIN) $(ARGS)

chaos: build ## break a fleet of real processes, check that nothing is lost (as root; ARGS='--duration 10m --seed 2')
	CGO_ENABLED=0 $(GO) run ./internal/chaos --dunnock $(BIN) $(ARGS)

mutants: ## take out one protection at a time, and see that a checker notices (ARGS='--only fence')
	CGO_ENABLED=0 $(GO) run ./internal/mutants $(ARGS)

clean: ## remove what was built (the linter stays, in .cache)
	rm -rf bin

# `tool` stands for every tool of tools/go.mod. An older set is of no use any more.
$(TOOLS)/golangci-lint:
	@echo "building golangci-lint, once: a minute or two on 2 cores" >&2
	rm -rf .cache/bin
	CGO_ENABLED=0 nice $(GO) build -C tools -mod=readonly -trimpath -ldflags '-s -w' -o ../$(TOOLS)/ tool
