# make run     the demo: builds, and starts PostgreSQL, auth-server, resource-api and nginx on 127.0.0.1:8080; Ctrl-C stops it
#              INSTANCES=2: two of each service behind nginx
# make test    every test: Swift tests on a throw-away PostgreSQL cluster, then the whole stack through the gateway
# make doctor  what endangers the running stack, and what cures it
# make fuzz    the parsers of queries and CSV under libFuzzer, FUZZ_SECONDS each (60)
# make bench   load, with the machine's own limits beside it
# make bench-scale     what grows with the number of tenants and people
# make test-overload   rolling restarts, five times the sustainable load, slow clients: on release binaries
# make release, make install DESTDIR=…, make package    the services with their units, the gateway's templates, scripts and documents
# make backup, make restore                 copies of a running stack's database, and back (scripts/backup says how)
# make test-packaging, make test-compose    an installation under systemd, backups and rotation; and compose.yaml: for real (Tests/Packaging)
# make test-upgrade PREVIOUS=REF            that release and this one on one database; without PREVIOUS, the newest tag
# make test-documents  every command of docs/OPERATIONS.md, typed on machines with systemd
# make docs    docs/CONFIGURATION.md, from what the programs say of themselves
# make format, make lint, make clean

SHELL := /bin/sh
SWIFT ?= swift
# One file to copy: the runtime is part of the binary. Generic code of every package is specialised where it is used: a tenth of a token's time.
RELEASE := -c release --static-swift-stdlib -Xswiftc -cross-module-optimization
SOURCES := Services Shared Database Tests Package.swift
ACCEPTANCE ?= Tests/Acceptance

.PHONY: run build docs test test-swift test-acceptance test-overload test-faults test-faults-short test-packaging test-compose test-upgrade test-documents release install package backup restore doctor fuzz bench bench-scale format lint clean

BIN_DIR ?= .build/release
PREFIX ?= /usr
UNITS := $(DESTDIR)$(PREFIX)/lib/systemd/system
LIBRARY := $(DESTDIR)$(PREFIX)/lib/sallyport
DOCUMENTS := $(DESTDIR)$(PREFIX)/share/doc/sallyport

run:
	@scripts/install-packages run
	@scripts/stack check
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	@exec scripts/stack run

build:
	@scripts/install-packages build
	$(SWIFT) build

docs: build
	scripts/document-settings --programs .build/debug

release:
	@scripts/install-packages build
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api

# Needs neither root nor the network with DESTDIR; files that an operator may have changed are left as they are.
install:
	@for program in auth-server resource-api; do \
	    test -x $(BIN_DIR)/$$program || { echo "$(BIN_DIR)/$$program is not there: make release builds it." >&2; exit 1; }; done
	install -d $(DESTDIR)$(PREFIX)/bin $(UNITS) $(LIBRARY)/scripts/sallystack $(LIBRARY)/nginx $(DOCUMENTS) $(DESTDIR)/etc/sallyport
	install -d $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 755 $(BIN_DIR)/auth-server $(BIN_DIR)/resource-api $(DESTDIR)$(PREFIX)/bin
	strip --strip-debug $(DESTDIR)$(PREFIX)/bin/auth-server $(DESTDIR)$(PREFIX)/bin/resource-api
	install -m 644 scripts/sallystack/*.py $(LIBRARY)/scripts/sallystack
	install -m 755 scripts/backup scripts/gateway scripts/gateway-spans $(LIBRARY)/scripts
	install -m 755 deploy/systemd/take-certificate $(LIBRARY)/scripts
	install -m 755 deploy/systemd/sallyport-exec $(DESTDIR)$(PREFIX)/bin
	ln -sf ../lib/sallyport/scripts/backup $(DESTDIR)$(PREFIX)/bin/sallyport-backup
	ln -sf ../lib/sallyport/scripts/gateway $(DESTDIR)$(PREFIX)/bin/sallyport-gateway
	ln -sf ../lib/sallyport/scripts/gateway-spans $(DESTDIR)$(PREFIX)/bin/sallyport-gateway-spans
	install -m 644 deploy/systemd/*.service deploy/systemd/*.timer deploy/systemd/*.target $(UNITS)
	install -m 644 deploy/systemd/sallyport.env $(LIBRARY)
	install -m 644 deploy/systemd/sallyport.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/sallyport.conf
	install -m 644 deploy/systemd/sallyport.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sallyport.conf
	install -m 644 nginx/*.conf $(LIBRARY)/nginx
	install -m 644 README.md LICENSE CHANGELOG.md docs/*.md $(DOCUMENTS)
	test -e $(DESTDIR)/etc/sallyport/sallyport.env || install -m 644 deploy/systemd/sallyport.env $(DESTDIR)/etc/sallyport

# What `make install` installs, as one file to unpack on another machine; settings are made there by systemd-tmpfiles where there are none.
package: release
	rm -rf .build/package
	$(MAKE) --no-print-directory install DESTDIR=.build/package PREFIX=/usr
	rm -r .build/package/etc
	tar --create --gzip --file .build/sallyport.tar.gz --owner root --group root --directory .build/package .
	rm -r .build/package

# Of the running demo, into .run/backups; scripts/backup has the rest: other places, base backups, encryption.
backup:
	@scripts/install-packages backup
	scripts/backup dump

# BACKUP=DIRECTORY, and for base backups UNTIL='2026-03-01 12:00:00+00'
restore:
	@scripts/install-packages backup
	scripts/backup restore $(BACKUP) $(if $(UNTIL),--until '$(UNTIL)')

test: test-swift test-acceptance test-faults-short

test-swift:
	@scripts/install-packages test
	$(SWIFT) build --build-tests
	scripts/stack with-database scripts/test-swift $(SWIFT) test --skip-build --skip LeakTests
	# Alone and one after the other, because they watch the memory of the whole process.
	scripts/test-swift $(SWIFT) test --skip-build --no-parallel --filter LeakTests

test-acceptance: .venv/installed
	$(SWIFT) build
	.venv/bin/python -m pytest $(ACCEPTANCE)

test-overload: .venv/installed
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	OVERLOAD=full BIN_DIR=.build/release .venv/bin/python -m pytest -s Tests/Overload

# One of each fault that is soon over.
test-faults-short: .venv/installed
	$(SWIFT) build
	.venv/bin/python -m pytest Tests/Faults -s

test-faults: .venv/installed
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	BIN_DIR=.build/release FAULTS_RUNS=$${FAULTS_RUNS:-100} .venv/bin/python -m pytest Tests/Faults -s

test-packaging: .venv/packaging
	@scripts/install-packages packaging
	$(SWIFT) build
	.venv/bin/python -m pytest Tests/Packaging --ignore Tests/Packaging/test_compose.py --ignore Tests/Packaging/test_upgrade.py --ignore Tests/Packaging/test_operations.py --ignore Tests/Packaging/test_patroni.py

# The commands of docs/OPERATIONS.md, typed on machines of their own: some minutes, and root.
test-documents: .venv/packaging
	@scripts/install-packages packaging
	.venv/bin/python -m pytest Tests/Packaging/test_operations.py Tests/Packaging/test_patroni.py

# The images take the programs that are built here; FROM_SOURCE=1: they compile them, as docker compose up --build does.
test-compose: .venv/packaging
	@scripts/install-packages packaging
	$(if $(FROM_SOURCE),,$(SWIFT) build $(RELEASE) --product auth-server)
	$(if $(FROM_SOURCE),,$(SWIFT) build $(RELEASE) --product resource-api)
	BIN_DIR=.build/release .venv/bin/python -m pytest Tests/Packaging/test_compose.py

# From PREVIOUS (a tag, a commit; the newest tag before this commit) to this version, and back, on one database.
test-upgrade: .venv/installed
	$(SWIFT) build
	PREVIOUS_BIN_DIR=$$(Tests/Packaging/previous.py $(PREVIOUS)) && export PREVIOUS_BIN_DIR && .venv/bin/python -m pytest Tests/Packaging/test_upgrade.py

.venv/packaging: .venv/installed Tests/Packaging/requirements.txt
	.venv/bin/python -m pip install --quiet --requirement Tests/Packaging/requirements.txt
	@touch $@

.venv/installed: Tests/Acceptance/requirements.txt
	@scripts/install-packages test
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement $<
	@touch $@

doctor:
	@exec scripts/stack doctor

fuzz:
	@scripts/install-packages build
	Tests/Fuzz/run

bench:
	@scripts/install-packages bench
	$(SWIFT) build $(RELEASE) --product auth-server
	$(SWIFT) build $(RELEASE) --product resource-api
	Benchmarks/run $(BENCH)
	Benchmarks/people $(BENCH_PEOPLE)
	$(SWIFT) build $(RELEASE) --product revocation-index-benchmark
	Benchmarks/revocation $(BENCH_REVOCATION)

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
	sh -n deploy/systemd/sallyport-exec
	sh -n deploy/systemd/take-certificate
	python3 scripts/check-python

clean:
	scripts/stack clean
	rm -rf .build .venv
