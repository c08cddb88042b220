# Two commands do everything on a fresh Debian-like machine with Rust (rustup): `make demo` and `make test`.

CARGO ?= cargo

.PHONY: help demo test lint bench guests tools

help:
	@echo "make demo   see Reprise do its job: success, rollback, kill -9 and recovery (SQLite, free ports, temporary folder)"
	@echo "make test   lint, build and run every test"
	@echo "make bench  measure (release build, a few minutes); docs/performance.md explains the figures"

# What the build needs beside Rust itself.
tools:
	@command -v cc >/dev/null || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
	@rustup target list --installed | grep -q wasm32-wasip2 || rustup target add wasm32-wasip2

demo: tools
	@echo "Building (the first time takes some minutes) ..."
	@$(CARGO) build -q --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/debug/reprise-demo

lint: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

test: lint
	$(CARGO) test --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps -q

bench: tools
	$(CARGO) run --release -p reprise-bench -- all
