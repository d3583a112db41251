# make run     the demo: builds, and starts PostgreSQL, auth-server, resource-api and nginx on 127.0.0.1:8080; Ctrl-C stops it
#              INSTANCES=2: two of each service behind nginx
# make test    every test: Swift tests on a throw-away PostgreSQL cluster, then the whole stack through the gateway
# make fuzz    the parsers of queries and CSV under libFuzzer, FUZZ_SECONDS each (60)
# make bench   load, with the machine's own limits beside it
# make bench-scale     what grows with the number of tenants and people
# make test-overload   rolling restarts, five times the sustainable load, slow clients: on release binaries
# make format, make lint, make clean

SHELL := /bin/sh
SWIFT ?= swift
# One file to copy: the runtime is part of the binary. Generic code of every package is specialised where it is used: a tenth of a token's time.
RELEASE := -c release --static-swift-stdlib -Xswiftc -cross-module-optimization
SOURCES := Services Shared Database Tests Package.swift
ACCEPTANCE ?= Tests/Acceptance

.PHONY: run build test test-swift test-acceptance test-overload fuzz bench bench-scale format lint clean

run:
	@scripts/install-packages run
	@scripts/stack check
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	@exec scripts/stack run

build:
	@scripts/install-packages build
	$(SWIFT) build

test: test-swift test-acceptance

test-swift:
	@scripts/install-packages test
	$(SWIFT) build --build-tests
	scripts/stack with-database $(SWIFT) test --skip-build --skip LeakTests
	# Alone, because it watches the memory of the whole process.
	$(SWIFT) test --skip-build --filter LeakTests

test-acceptance: .venv/installed
	$(SWIFT) build
	.venv/bin/python -m pytest $(ACCEPTANCE)

test-overload: .venv/installed
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	OVERLOAD=full BIN_DIR=.build/release .venv/bin/python -m pytest -s Tests/Overload

.venv/installed: Tests/Acceptance/requirements.txt
	@scripts/install-packages test
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement $<
	@touch $@

fuzz:
	@scripts/install-packages build
	Tests/Fuzz/run

bench:
	@scripts/install-packages bench
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	Benchmarks/run $(BENCH)
	Benchmarks/people $(BENCH_PEOPLE)

bench-scale:
	@scripts/install-packages bench
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	Benchmarks/scale $(BENCH_SCALE)

format:
	$(SWIFT) format --in-place --recursive $(SOURCES)

lint:
	$(SWIFT) format lint --strict --recursive $(SOURCES)
	sh -n scripts/install-packages
	sh -n .ci/run
	python3 scripts/check-python

clean:
	scripts/stack clean
	rm -rf .build .venv
