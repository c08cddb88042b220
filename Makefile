# Two commands do everything on a fresh Debian-like machine with Rust (rustup): `make demo` and `make test`.

CARGO ?= cargo
BUILT = $${CARGO_TARGET_DIR:-target}/debug

# Languages with an SDK beside Rust.
LANGUAGES := python js go c
TOOLCHAINS = $(CURDIR)/target/toolchains

.PHONY: help demo test soak lint bench guests tools test-tools test-languages languages services

help:
	@echo "make demo      see Reprise do its job: success, rollback, kill -9 and recovery (SQLite, free ports, temporary folder)"
	@echo "make test      lint, build and run every test, in five languages, on private PostgreSQL, MariaDB, Redis and etcd servers"
	@echo "make test-languages  of these, the same workflows in Python, JavaScript, Go and C against Rust's journals"
	@echo "make services  keep such servers running while you test: it prints the variables that name them"
	@echo "make soak      ten minutes of transfers between four databases while everything is killed"
	@echo "make bench     measure (release build, a few minutes); docs/performance.md explains the figures"

# What the build needs beside Rust itself.
tools:
	@command -v cc >/dev/null || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
	@{ command -v protoc && ls /usr/include/google/protobuf/descriptor.proto || [ -n "$$PROTOC" ]; } >/dev/null 2>&1 || { \
	  apt-get update && apt-get install -y --no-install-recommends protobuf-compiler libprotobuf-dev; }
	@rustup target list --installed | grep -q wasm32-wasip2 || rustup target add wasm32-wasip2

# The servers that tests need; as root, or with sudo.
test-tools:
	@tests/services/install

# What builds guests in other languages, at pinned versions; quick when it is there. Tests do it by themselves.
languages:
	@for language in $(LANGUAGES); do guest-sdk/$$language/toolchain $(TOOLCHAINS)/$$language || exit 1; done

demo: tools
	@echo "Building (the first time takes some minutes) ..."
	@$(CARGO) build -q --workspace --bins
	@$(BUILT)/reprise-demo

lint: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# REPRISE_LANGUAGES=rust leaves out the other languages and their toolchains.
test: lint test-tools
	$(CARGO) build -q --workspace --bins
	$(BUILT)/with-services $(CARGO) test --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps -q

# Of all tests, those of the languages.
test-languages: tools languages
	$(CARGO) test --workspace --test conformance

# REPRISE_SOAK_SECONDS=3600 for an hour; REPRISE_SEED=NUMBER repeats a run.
soak: export REPRISE_SOAK_SECONDS ?= 600
soak: tools test-tools
	$(CARGO) test --workspace --test invariant -- --nocapture

services: tools test-tools
	@$(CARGO) build -q --workspace --bins
	@$(BUILT)/with-services

bench: tools
	$(CARGO) run --release -p reprise-bench -- all
