# Targets for working on the project; `make` alone lists them.
#
# demo, test and bench need a Julia: $JULIA if it is set, else `julia` on PATH, else one that .ci/get-julia makes. It is
# looked for only by these targets, when they run.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help build demo test test-epoll bench lint suite-lib suite-doc

with_julia = julia=$$(.ci/get-julia); export JULIA="$$julia"; echo "Julia: $$JULIA" >&2;

# One suite after the other: `make test jobs=2` takes less time where there are processors to spare. What a suite prints comes at
# its end; the others go on where one fails.
jobs ?= 1
several = $(MAKE) --jobs=$(jobs) --keep-going --output-sync=target

# Every suite may start conductors but these. The others must pass with both of the conductor's ways to wait: `test-epoll` says so of
# all, `test` of those that are about them most (what processes needs of a conductor beside, daemon has with both).
without_conductor := layers tidy thin toolchains worker
# The long ones first.
long := apps_add branches differential daemon repl processes
suites := $(long) $(filter-out $(long),$(patsubst tests/%.rs,%,$(wildcard tests/*.rs)) $(patsubst tests/%/main.rs,%,$(wildcard tests/*/main.rs)))
conductor_suites := $(filter-out $(without_conductor),$(suites))

scripts := .ci/get-julia .ci/run examples/demo

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

build: ## the programs, into target/release
	cargo build --release

demo: ## a script and an app-like package, cold and warm, beside plain Julia
	@$(with_julia) cargo build --release; examples/demo

test: ## all tests, on a real Julia; the conductor's own also with epoll
	@$(with_julia) \
	cargo build --bins; \
	cargo test --no-run; \
	$(several) suite-lib suite-doc $(addprefix suite-,$(filter-out processes,$(suites))) epoll-daemon epoll-processes; \
	JULIA_DEPOT_PATH="$$PWD/target/depot" "$$JULIA" --startup-file=no --project=examples/Rot13 examples/Rot13/test/runtests.jl

test-epoll: ## every suite that starts a conductor, with epoll
	@$(with_julia) cargo test --no-run; $(several) $(addprefix epoll-,$(conductor_suites))

# With `again=1` a suite that failed is run once more, and says so: a machine that others use too can be too slow for a test. What
# is broken fails twice.
again ?=
try = run() { $(1); }; run || { test -n "$(again)" && echo "FAILED ONCE: $@; once more" >&2 && run; }

suite-lib suite-doc: suite-%:
	@cargo test --$*

suite-%:
	@$(call try,JULIA_DAEMON_IO=uring cargo test --test $*)

epoll-%:
	@$(call try,JULIA_DAEMON_IO=epoll cargo test --test $*)

bench: ## latency and memory: a table, and docs/launch.svg
	@$(with_julia) cargo build --release; cargo bench --bench launch

lint: ## formatting, clippy with and without the features, shellcheck
	cargo fmt --check
	cargo clippy --lib --bins --benches -- -D warnings
	cargo clippy --tests -- -D warnings -A clippy::pedantic -A clippy::print_stderr -A clippy::print_stdout # tests say what they skip
	cargo clippy --no-default-features --bin juliaclient --bin jlshim -- -D warnings
	@if type -P shellcheck >/dev/null; then shellcheck $(scripts); \
	else echo 'lint: shellcheck is not installed, scripts were not checked' >&2; fi
