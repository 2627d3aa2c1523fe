# Every habit has a target. Needs Go and make; what else the tests and the demo
# use (mkfs, blkid, ...) is installed by apt when run as root on Debian.
GO      ?= go
FUZZTIME ?= 10s
STRESSTIME ?= 60s
EBSTIME ?= 0.5
CSIKIT_CRASH_SAMPLE ?= all
CSIKIT_KILL_LOOP ?= 60s
CSIKIT_CRASH_SEEDS ?= 1000
PACKAGES ?= ./...

# mkfs and losetup are in /sbin, which the PATH of an ordinary user lacks.
export PATH := $(PATH):/usr/sbin:/sbin

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK    = github.com/kisielk/errcheck@v1.30.0
ERRORLINT   = github.com/polyfloyd/go-errorlint@v1.8.0
MISSPELL    = github.com/golangci/misspell/cmd/misspell@v0.8.0

# One command for each Debian package that is needed.
TOOLS    = mkfs.ext4 resize2fs mkfs.xfs xfs_growfs mkfs.btrfs blkid losetup mount cryptsetup modprobe
DEBS     = e2fsprogs xfsprogs btrfs-progs util-linux mount cryptsetup-bin kmod

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools ## watch a real driver provision, mount, grow, snapshot, clone (root)
	$(GO) run ./examples/local/demo

.PHONY: demo-ebs
demo-ebs: tools ## the EBS driver's walkthrough on an emulated EC2, with real disks: no account (root)
	$(GO) test ./examples/ebs -run TestWalkthrough -v -count=1

.PHONY: test
test: tools ## all tests; without root those that need it are skipped with a reason
	$(GO) test -timeout 20m $(PACKAGES)

.PHONY: test-root
test-root: tools ## all tests, uncached, and refuse to skip what needs root
	@test "$$(id -u)" = 0 || { echo "test-root: run it as root: it makes loop devices and mounts" >&2; exit 1; }
	$(GO) test -count=1 -timeout 20m $(PACKAGES)

.PHONY: test-vm
test-vm: tools ## the privileged tests and faults of device-mapper and NVMe, in a throw-away virtual machine
	@bash internal/vm/test.sh

.PHONY: race
race: tools ## tests with the race detector (needs a C compiler); not those of other processes
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(RACEFLAGS) $$($(GO) list $(PACKAGES) | grep -v -e /internal/crashtest$$ -e /internal/vm$$)

.PHONY: lint
lint: ## gofmt, vet, staticcheck, errcheck, errorlint, spelling, house rules
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "not formatted (gofmt -w):"; echo "$$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(ERRCHECK) -ignoretests -exclude .ci/errcheck.txt ./...
	$(GO) run $(ERRORLINT) -asserts=false ./...
	$(GO) run $(MISSPELL) -error $$(find . -name '*.go' -o -name '*.md' | grep -v '^./.git/')
	$(GO) test ./internal/houserules

.PHONY: stress
stress: tools ## 64 goroutines on 8 volumes for STRESSTIME (60s), real mounts (root)
	CSIKIT_STRESS=$(STRESSTIME) $(GO) test -count=1 -v -run '^TestStress' -timeout 20m ./csi/csitest ./backends/local

.PHONY: test-crash
test-crash: tools ## kill the driver before each step of each sequence of RPCs; CSIKIT_CRASH_SAMPLE=150s runs a sample (root)
	@test "$$(id -u)" = 0 || { echo "test-crash: run it as root: it makes loop devices and mounts" >&2; exit 1; }
	CSIKIT_CRASH_SAMPLE=$(CSIKIT_CRASH_SAMPLE) CSIKIT_KILL_LOOP=$(CSIKIT_KILL_LOOP) $(GO) test -count=1 -v -timeout 6h -run 'Crash|KillLoop' ./internal/crashtest
	$(GO) test -count=1 -tags csikit_crash -run 'Crash|BeforeEachStep' ./mount ./fs ./backends/local

.PHONY: crash-ebs
crash-ebs: ## kill the EBS controller at random in CSIKIT_CRASH_SEEDS (1000) emulated regions: nothing lost, nothing doubled
	CSIKIT_CRASH_SEEDS=$(CSIKIT_CRASH_SEEDS) $(GO) test -count=1 -v -timeout 1h -run '^TestCrash_' ./backends/ebs

.PHONY: bench
bench: tools ## create to publish through gRPC, beside the command-line tools (root)
	$(GO) test -run '^$$' -bench . -benchmem -timeout 20m $(PACKAGES)

.PHONY: bench-node
bench-node: tools ## ours, mount-utils and bare system calls among 10, 1,000, 5,000 mounts, one table (root)
	$(GO) test -run '^$$' -bench '^BenchmarkNode$$' -benchtime 1x -timeout 20m ./csi

.PHONY: bench-ebs
bench-ebs: ## EC2 calls and latency of each RPC of the EBS driver at 1, 10, 100, 1,000 at once, and its memory, one table
	CSIKIT_BENCH_EBS=$(EBSTIME) $(GO) test -run '^$$' -bench '^BenchmarkEBS$$' -benchtime 1x -timeout 20m ./examples/ebs

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
		grep -hos '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | sed 's/^func //' | while read -r f; do \
			echo "== $$dir $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || exit 1; \
		done || exit 1; \
	done

.PHONY: cover
cover: tools ## coverage per function, total last; cover.out for go tool cover -html
	$(GO) test -coverpkg=./csi/...,./mount/...,./fs/...,./backends/...,./internal/... -coverprofile=cover.out $(PACKAGES)
	$(GO) tool cover -func=cover.out

# Examples that ship their manifests.
DEPLOYED = $(patsubst examples/%/deploy,%,$(wildcard examples/*/deploy))
HELM     = helm.sh/helm/v3/cmd/helm@v3.22.0

.PHONY: manifests
manifests: ## write examples/*/deploy anew, from what the drivers can do
	@for e in $(DEPLOYED); do \
		$(GO) run ./examples/$$e manifests --form=kustomize --into=examples/$$e/deploy && \
		$(GO) run ./examples/$$e manifests --form=helm --into=examples/$$e/deploy/chart && \
		$(GO) run ./examples/$$e manifests --samples --into=examples/$$e/deploy || exit 1; \
	done

.PHONY: lint-charts
lint-charts: ## lint the Helm charts with Helm itself (builds it: minutes the first time)
	@for e in $(DEPLOYED); do $(GO) run $(HELM) lint --strict examples/$$e/deploy/chart || exit 1; done

.PHONY: loc
loc: ## lines of Go per package, tests apart
	@find . -name '*.go' -not -path './.git/*' | sort | xargs awk -f .ci/loc.awk

.PHONY: tools
tools: ## install the host tools that are missing (Debian, root), else say how
	@missing=; for t in $(TOOLS); do command -v $$t >/dev/null || missing="$$missing $$t"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "missing host tools:$$missing"; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBS); \
	else \
		echo "install them with: sudo apt-get install -y $(DEBS)"; \
	fi

# Examples with a Dockerfile.
IMAGES = $(patsubst examples/%/Dockerfile,%,$(wildcard examples/*/Dockerfile examples/*/*/Dockerfile))

.PHONY: images
images: ## container images of the examples, with docker or buildah
	examples/images/build.sh docker $(IMAGES)

.PHONY: image-archives
image-archives: ## the same as OCI archives in build/, without either (root, debootstrap)
	examples/images/build.sh archive $(IMAGES)

# What make e2e needs to know; see internal/e2e/doc.go.
E2E ?= local,ebs
CLUSTER ?= ../shared/cluster

.PHONY: e2e
e2e: ## tests with kubectl in the cluster of KUBECONFIG, which must have the drivers E2E (local,ebs)
	CSIKIT_E2E=$(E2E) $(GO) test ./internal/e2e -count=1 -v -timeout 60m

.PHONY: e2e-local-cluster
e2e-local-cluster: tools ## the same in a real one-node Kubernetes that CLUSTER starts here (root)
	CLUSTER=$(CLUSTER) internal/e2e/local-cluster.sh test

.PHONY: kind-up kind-demo kind-down
kind-up: ## a kind cluster with a driver (EXAMPLE=local), installed by its manifests
	examples/kind/kind.sh up
kind-demo: ## claims and pods on it, and what became of them
	examples/kind/kind.sh demo
kind-down: ## delete it
	examples/kind/kind.sh down
