# Every target that a person needs; `make help` lists them.
LINT_VERSION := $(shell sed -n '1s/^\# //p' .golangci.yml)
BIN := $(CURDIR)/.cache/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## the static binary ./hfwatch
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o hfwatch ./cmd/hfwatch

.PHONY: test
test: ## all tests
	go test ./...

.PHONY: race
race: ## all tests with the race detector, shuffled
	go test -race -shuffle=on ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## vet and the pinned linter
	go vet ./...
	$(BIN)/golangci-lint run ./...

$(BIN)/golangci-lint:
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: golden
golden: ## rewrite the golden files, to be reviewed
	go test ./... -run 'Golden|Schema' -update

.PHONY: fuzz
fuzz: ## ten seconds of each fuzz target
	./.ci/fuzz 10s

.PHONY: soak
soak: ## the long counts: kills, floods, thirty minutes of memory and of flaps; HFWATCH_ALERTMANAGER names an Alertmanager
	HFWATCH_SOAK=1 go test -count=1 -timeout 60m ./budget ./internal/daemon ./history
	HFWATCH_SOAK=1 go test -count=1 -timeout 60m -run ForLong ./cmd/hfwatch

.PHONY: check
check: lint race ## what a change must pass

.PHONY: image
image: ## the container image
	docker build --build-arg VERSION=$(VERSION) -t hfwatch .
