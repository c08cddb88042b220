# Builds a workflow in C. A project's Makefile says what it is and includes this file:
#
#   NAME := order
#   SOURCES := order.c
#   include .../guest-sdk/c/workflow.mk
#
# `make` writes build/$(NAME).wasm, which the runtime takes as it is. `make test` builds TESTS for this machine, with the
# workflow and the test host, and runs them. A trap shows the functions it was in; with `make DEBUG=1` their lines too, for
# 1 MB more.

REPRISE_SDK := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
REPRISE_TOOLCHAINS ?= $(abspath $(REPRISE_SDK)/../../target/toolchains)
TOOLCHAIN := $(REPRISE_TOOLCHAINS)/c

# Any other compiler for WASI does too: make WASM_CC='clang --target=wasm32-wasi'.
WASM_CC ?= $(TOOLCHAIN)/zig/zig cc -target wasm32-wasi
NATIVE_CC ?= $(TOOLCHAIN)/zig/zig cc
CFLAGS ?= -Wall -Wextra
TESTS ?=
DEBUG ?=

# Compiled objects are kept there, by what they are made of.
export ZIG_GLOBAL_CACHE_DIR := $(TOOLCHAIN)/cache
export ZIG_LOCAL_CACHE_DIR := $(TOOLCHAIN)/cache

library := $(wildcard $(REPRISE_SDK)/src/*.c)
headers := $(wildcard $(REPRISE_SDK)/include/*.h $(REPRISE_SDK)/include/reprise/*.h $(REPRISE_SDK)/src/*.h)
flags := -std=gnu11 $(CFLAGS) -I$(REPRISE_SDK)/include -I$(TOOLCHAIN)/yyjson \
	-DYYJSON_DISABLE_UTILS=1 -DYYJSON_DISABLE_NON_STANDARD=1

.PHONY: all test clean FORCE
all: build/$(NAME).wasm

build/$(NAME).wasm: $(SOURCES) $(wildcard *.h) $(library) $(headers) build/debug | $(TOOLCHAIN)/versions
	$(WASM_CC) -Os -g1 -mexec-model=reactor $(flags) $(SOURCES) $(library) $(TOOLCHAIN)/yyjson/yyjson.c -o $@.new
	$(if $(DEBUG),,$(REPRISE_SDK)/strip $@.new)
	@mv $@.new $@

# What DEBUG was for the module that is there.
build/debug: FORCE
	@mkdir -p build
	@echo '$(DEBUG)' | cmp -s - $@ || echo '$(DEBUG)' >$@

test: $(TESTS:%.c=build/%)
	@set -e; for test in $^; do $$test; echo "ok $$test"; done

build/%: %.c $(SOURCES) $(wildcard *.h) $(library) $(headers) $(REPRISE_SDK)/testing/testing.c | $(TOOLCHAIN)/versions
	@mkdir -p $(@D)
	$(NATIVE_CC) -O1 -g $(flags) $< $(SOURCES) $(library) $(REPRISE_SDK)/testing/testing.c $(TOOLCHAIN)/yyjson/yyjson.c -o $@

$(TOOLCHAIN)/versions:
	$(REPRISE_SDK)/toolchain $(TOOLCHAIN)

clean:
	rm -rf build
