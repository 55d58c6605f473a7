# What developers run. `make help` lists it. Tools are pinned in tools/, and built into .tmp/bin when they are needed.

BIN := .tmp/bin
IMAGE := .tmp/sheaf.binpb
BENCH_IMAGE := .tmp/bench.binpb
PROTOS := proto examples/storefront/proto examples/pocketbase/proto examples/social/proto
OWN := --path sheaf --path shop --path library --path social --path provider
FUZZTIME ?= 10s

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: all
all: generate lint test ## generate, lint and test

$(BIN)/protoc-gen-go: tools/go.mod
	go build -C tools -o $(CURDIR)/$(BIN)/ google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
	@touch $@

$(BIN)/buf: tools/buf/go.mod
	go build -C tools/buf -o $(CURDIR)/$@ github.com/bufbuild/buf/cmd/buf
	@touch $@

$(BIN)/golangci-lint: tools/lint/go.mod
	go build -C tools/lint -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

.PHONY: image
image:
	@mkdir -p .tmp
	go run ./internal/protoimage $(IMAGE) $(PROTOS)
	go run ./internal/protoimage $(BENCH_IMAGE) bench/project/proto

.PHONY: generate
generate: $(BIN)/buf $(BIN)/protoc-gen-go image ## fill gen/ from the protos
	$(BIN)/buf generate $(IMAGE) $(OWN)
	$(BIN)/buf generate $(BENCH_IMAGE) --template bench/buf.gen.yaml
	go run ./internal/jsonschema/generate $(IMAGE) gen/jsonschema

.PHONY: checkgenerate
checkgenerate: generate ## fail if gen/ is stale
	@test -z "$$(git status --porcelain -- gen bench/gen)" || { git --no-pager diff -- gen bench/gen; git status --short -- gen bench/gen; echo "gen/ is stale: run make generate, and commit it"; exit 1; }

.PHONY: breaking
breaking: $(BIN)/buf image ## fail if a proto breaks clients of the newest release
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null) || { echo "no release yet, so there is nothing that could break"; exit 0; }; \
	rm -rf .tmp/released && mkdir -p .tmp/released && git archive $$tag proto | tar -x -C .tmp/released && \
	go run ./internal/protoimage .tmp/released.binpb .tmp/released/proto && \
	$(BIN)/buf breaking $(IMAGE) --against .tmp/released.binpb --path sheaf

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/buf image ## check form and style
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	go vet -tags slow,jaeger ./...
	$(BIN)/golangci-lint run --allow-parallel-runners
	cd bench && go vet ./... && ../$(BIN)/golangci-lint run --allow-parallel-runners
	$(BIN)/buf lint $(IMAGE) $(OWN)

.PHONY: test
test: ## run the tests, with the race detector
	go test -race ./...

.PHONY: slowtest
slowtest: $(BIN)/buf ## run the tests that need programs from elsewhere, too
	go test -race -tags slow ./...

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		grep -hoE '^func Fuzz[A-Za-z]+' $$dir/*_test.go | sed 's/func //' | while read -r target; do \
			echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
		done || exit 1; \
	done

.PHONY: bench
bench: ## measure compile, policy, projection, JSON, upstreams and whole runs
	go test -run '^$$' -bench . -benchmem ./internal/compile ./internal/policy ./internal/projection ./internal/wirejson ./aggregate ./upstreams

.PHONY: golden
golden: ## rewrite the expected output of golden tests; read the diff
	go test ./internal/compile ./internal/source ./internal/docstest ./internal/faulttest ./internal/edgetest ./aggregate ./cmd/sheaf -update

.PHONY: jaeger
jaeger: ## look at one RPC's spans in a real Jaeger
	bash .ci/jaeger

.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities; needs the network
	go run -C tools golang.org/x/vuln/cmd/govulncheck -C $(CURDIR) ./...
