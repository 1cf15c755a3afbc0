# mariasnap: `make demo` shows it at work on a real machine, `make test` tests it, `make install` installs it.
# PREFIX moves the programs, units and pages. D-Bus and polkit look for their files below /usr/share only, and the programs
# for theirs in /etc/mariasnap, so those stay.
# Everything needed beyond Rust and apt is installed by the targets that need it.

DESTDIR ?=
PREFIX ?= /usr
LIBEXECDIR ?= $(PREFIX)/libexec
SHAREDIR ?= $(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
CARGO ?= cargo
RELEASE := target/release

.PHONY: help build ledger generated install uninstall deb container demo test test-fast test-long bench image clean

help:
	@echo "make build     release binaries, man pages and shell completions"
	@echo "make install   onto this machine (DESTDIR=, PREFIX= as usual)"
	@echo "make deb       target/mariasnap.deb"
	@echo "make container target/container: an OCI image for Kubernetes, as a layout and as a tar"
	@echo "make demo      the main job on a real machine in QEMU, from nothing, with a verdict"
	@echo "make test      all tests, from nothing; make test-fast leaves out the real machine"
	@echo "make test-long the proofs by number in full: 300 cuts at file level, 60 clones recovered and audited"
	@echo "make bench     how long commits stand still, ours beside the usual ways, in one run"
	@echo "make image     only the test machine's image"

build:
	$(CARGO) build --release --locked -p mariasnap -p mariasnap-zfs-helper
	@$(MAKE) --no-print-directory generated

ledger:
	$(CARGO) build --release --locked -p mariasnap-tests --features programs --bin ledger --bin cutprobe

# Man pages and completions come from the command line's own definition, so they can't drift from it.
generated: target/generated/stamp
target/generated/stamp: $(RELEASE)/mariasnap
	rm -rf target/generated
	mkdir -p target/generated/man target/generated/completions
	$(RELEASE)/mariasnap generate man target/generated/man
	$(RELEASE)/mariasnap generate completions target/generated/completions
	touch $@

install: build
	before=$$("$(PREFIX)/bin/mariasnap" --version 2>/dev/null); \
	packaging/stage "$(DESTDIR)" "$(PREFIX)" "$(LIBEXECDIR)" "$(SHAREDIR)" "$(UNITDIR)" && \
	if [ -z "$(DESTDIR)" ]; then packaging/deb/postinst configure "$$before"; fi

uninstall:
	packaging/unstage "$(DESTDIR)" "$(PREFIX)" "$(LIBEXECDIR)" "$(SHAREDIR)" "$(UNITDIR)"

deb: build
	packaging/build-deb "$(VERSION)"

container:
	@tests/host-packages build container
	@$(MAKE) --no-print-directory build
	packaging/container/build

image:
	@tests/host-packages machine
	tests/vm/vm image

demo:
	@tests/host-packages build machine
	tests/demo

test:
	@tests/host-packages build machine container checks
	tests/run all

test-fast:
	@tests/host-packages build container checks
	tests/run fast

test-long:
	@tests/host-packages build machine
	tests/long

bench:
	@tests/host-packages build machine
	tests/bench

clean:
	$(CARGO) clean
