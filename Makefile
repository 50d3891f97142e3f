# Everything a person does with this repository. `make try` and `make test` need Go, make and
# Debian; the rest is installed where it is needed.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED ?= 0

STATICCHECK = bin/staticcheck
LINT        = bin/golangci-lint

.PHONY: build try test unit race e2e lint fuzz mutants bench docs clean

## build: the one binary, bin/postern
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/postern ./cmd/postern

## try: everything running in one process, with a sample company
try: build
	@bin/postern try

## test: installs what the tests need, starts real servers, runs all
test: setup vet build unit race
	@echo "all tests passed"

.PHONY: setup vet
setup:
	scripts/setup-test.sh

vet: $(STATICCHECK)
	$(GO) vet ./...
	$(STATICCHECK) ./...

unit:
	$(GO) test -shuffle=on -timeout 15m ./...

# The packages whose goroutines share something, under the race detector; of app what runs at once,
# of store the embedded one.
RACE = CGO_ENABLED=1 $(GO) test -race -short -timeout 10m
race:
	$(RACE) ./limit ./recovery ./directory/... ./notify/... ./web/edge
	$(RACE) -run 'Fifty|Grant|Invitation' ./app
	$(RACE) -run 'SQLite|Queued|Close|Broken' ./store/sqlstore

## e2e: only the browser and the crash tests
e2e: setup
	$(GO) test -count=1 -timeout 15m ./e2e/...

## lint: the linters, at their pins
lint: $(LINT) vet
	$(LINT) run ./...

$(STATICCHECK):
	GOBIN=$(CURDIR)/bin $(GO) install honnef.co/go/tools/cmd/staticcheck@v0.8.2

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

## fuzz: every fuzz target for FUZZTIME each
FUZZTIME ?= 60s
fuzz:
	scripts/fuzz.sh $(FUZZTIME)

## mutants: breaks one line at a time and expects a test to fail
mutants:
	$(GO) run ./internal/mutants

## bench: complete resets against a real slapd, in ratios to slapd's own speed
bench: setup
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./bench ./e2e/oracle

## docs: the generated reference of the configuration
docs: build
	bin/postern config docs > docs/operate/postern.yaml

clean:
	rm -rf bin
