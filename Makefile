# What one does with this project. `make` alone lists it.

CARGO ?= cargo
ARGS ?=
FUZZ_SECONDS ?= 30
SECONDS ?= 600
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
MACHINE := $(shell uname -m)
MUSL := $(MACHINE)-unknown-linux-musl
GNU := $(MACHINE)-unknown-linux-gnu
STATIC := target/static/httprs

.PHONY: help run test test-tls lint static fuzz fuzz-build fuzz-check replay differential sim soak clients network test-tokio test-websocket bench bench-parser bench-router bench-websocket clean ci components

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## build and start the server: make run ARGS='--port 9000 ./site'
	$(CARGO) run --release -- $(ARGS)

# With --all-targets, cargo builds examples as tests alone; a test runs one as a program. Most tests
# wait for something most of the time: two for each core take half as long as one.
test: ## all tests
	$(CARGO) build --bins --examples
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(CARGO) test --all-targets
	$(CARGO) test --doc

# A crate of its own makes HTTPS of what is public; rustls is a dependency of that crate alone.
test-tls: ## HTTPS as a transport, to rustls, curl and Chromium; needs the registry once
	@if $(CARGO) fetch --quiet --locked --manifest-path tests/tls/Cargo.toml 2>/dev/null; then \
	  CARGO_TARGET_DIR="$(abspath $(TARGET_DIR))/tls" \
	    $(CARGO) test --quiet --locked --manifest-path tests/tls/Cargo.toml; \
	else echo "test-tls: rustls cannot be had; skipped"; fi

lint: components ## formatting, clippy and the documentation, warnings denied
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --check --manifest-path tests/tokio/Cargo.toml
	$(CARGO) fmt --check --manifest-path tests/tls/Cargo.toml
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps

# Tools are installed in CI alone, or by a target that asks for them. Elsewhere a person reads what
# is missing. A distribution's cargo comes with its own packages.
components:
	@for tool in fmt clippy; do \
	  $(CARGO) $$tool --version >/dev/null 2>&1 && continue; \
	  name=$$([ $$tool = fmt ] && echo rustfmt || echo clippy); \
	  if [ -n "$${CI:-}" ] && rustup component add $$name && $(CARGO) $$tool --version >/dev/null; \
	  then continue; \
	  else echo "lint: $$name is missing: rustup component add $$name" >&2; exit 1; fi; \
	done

# Where the musl target is installed it is used, because glibc warns that parts of it are never
# quite static; we use none of those parts, so glibc will do.
static: ## a static, stripped binary at target/static/httprs
	@set -eu; mkdir -p $(dir $(STATIC)); \
	libdir=$$(rustc --print target-libdir --target $(MUSL) 2>/dev/null || true); \
	if [ -n "$$libdir" ] && ls "$$libdir"/libstd-*.rlib >/dev/null 2>&1; then \
	  target=$(MUSL); flags="$${RUSTFLAGS:-}"; \
	else \
	  target=$(GNU); flags="$${RUSTFLAGS:-} -C target-feature=+crt-static"; \
	fi; \
	RUSTFLAGS="$$flags" $(CARGO) build --release --bin httprs --target $$target; \
	cp "$(TARGET_DIR)/$$target/release/httprs" $(STATIC); \
	if command -v readelf >/dev/null 2>&1; then \
	  if readelf -lW $(STATIC) | grep -q INTERP; then echo "$(STATIC) is not static" >&2; exit 1; fi; \
	elif command -v ldd >/dev/null 2>&1; then \
	  if ldd $(STATIC) 2>&1 | grep -q '=>'; then echo "$(STATIC) is not static" >&2; exit 1; fi; \
	fi; \
	./$(STATIC) --version >/dev/null; \
	echo "$(STATIC): $$(wc -c < $(STATIC)) bytes, static ($$target)"

FUZZ_TOOLS = $(CARGO) +nightly --version >/dev/null 2>&1 && $(CARGO) fuzz --version >/dev/null 2>&1 \
	&& command -v c++ >/dev/null

# Installs what is missing where that can be had. libFuzzer is C++.
fuzz-build: ## install what fuzzing needs and build the fuzz targets
	@set -eu; \
	$(CARGO) +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal || true; \
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked || true; \
	$(MAKE) --no-print-directory fuzz-check

fuzz-check: # build the fuzz targets; without nightly, check on stable what can be
	@set -eu; \
	if $(FUZZ_TOOLS); then $(CARGO) +nightly fuzz build; \
	else \
	  echo "fuzz: nightly, cargo-fuzz or c++ is missing (make fuzz-build installs the first two)"; \
	  if command -v c++ >/dev/null; then $(CARGO) check --manifest-path fuzz/Cargo.toml; \
	  else $(CARGO) check --manifest-path fuzz/Cargo.toml --no-default-features --lib; fi; \
	fi

replay: differential # every seed of the corpora, on stable
	$(CARGO) test --test corpus

# The one corpus that needs a package besides libc: httparse, which we are compared with.
differential:
	@if $(CARGO) fetch --quiet --manifest-path fuzz/Cargo.toml 2>/dev/null; then \
	  $(CARGO) test --manifest-path fuzz/Cargo.toml --no-default-features --lib differential; \
	else echo "fuzz: httparse cannot be had; what is compared with it was not replayed"; fi

# What is found goes to fuzz/target and serves the next run; seeds with names are written by hand.
fuzz: ## fuzz each target for FUZZ_SECONDS (30)
	@set -eu; \
	if ! $(CARGO) +nightly --version >/dev/null 2>&1 || ! $(CARGO) fuzz --version >/dev/null 2>&1; then \
	  echo "fuzz: needs nightly and cargo-fuzz (make fuzz-build installs them); stable for now:"; \
	  $(CARGO) check --manifest-path fuzz/Cargo.toml; \
	  $(MAKE) --no-print-directory replay; \
	  exit 0; \
	fi; \
	$(CARGO) +nightly fuzz build; \
	for target in $$($(CARGO) +nightly fuzz list); do \
	  echo "fuzz: $$target for $(FUZZ_SECONDS) s"; \
	  found=fuzz/target/corpus-new/$$target; mkdir -p $$found; \
	  log=fuzz/target/corpus-new/$$target.log; \
	  if $(CARGO) +nightly fuzz run $$target $$found fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -dict=fuzz/http.dict -max_len=4096 >$$log 2>&1; then \
	    grep -E '\bcov: ' $$log | tail -n 1; tail -n 1 $$log; \
	  else \
	    cat $$log; echo "fuzz: $$target failed" >&2; exit 1; \
	  fi; \
	done

sim: ## 100,000 random histories of the supervisor: SEED=7 STEP=1 make sim shows one of them
	@HISTORIES=$${HISTORIES:-100000} $(CARGO) test --quiet --release --test sim random -- --nocapture

soak: ## load, killed workers, reloads and more or fewer workers for SECONDS (600); nothing may grow or fail
	@SOAK_SECONDS=$(SECONDS) $(CARGO) test --quiet --release --test it a_server_under_load_does_not_grow_and_fails_no_request_but_those_of_the_killed -- --ignored --nocapture

clients: ## a hundred kinds of slow, pausing, stalling and vanishing clients, and what each of them meets
	@command -v python3 >/dev/null || { echo "clients: python3 is missing (Debian's package python3)" >&2; exit 1; }
	@$(CARGO) build --quiet --bin httprs --example streams
	@python3 tests/clients/run.py

test-tokio: ## a server inside of a program of tokio, which is fetched once
	@if $(CARGO) fetch --quiet --locked --manifest-path tests/tokio/Cargo.toml 2>/dev/null; then \
	  CARGO_TARGET_DIR="$(abspath $(TARGET_DIR))/tokio" \
	    $(CARGO) test --quiet --locked --manifest-path tests/tokio/Cargo.toml; \
	else echo "test-tokio: tokio cannot be had; skipped"; fi

WEBSOCKET := $(abspath $(TARGET_DIR))/websocket

# A client that cannot be had is skipped, and a line says so.
test-websocket: ## WebSocket, asked by Python's websockets, Node's ws and Chromium, where they are
	@command -v python3 >/dev/null || { echo "test-websocket: python3 is missing (Debian's package python3)" >&2; exit 1; }
	@$(CARGO) build --quiet --bin httprs --example chat
	@if [ -n "$${CI:-}" ]; then \
	  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
	    --target $(WEBSOCKET)/python websockets || true; \
	  npm install --silent --no-fund --prefix $(WEBSOCKET) ws || true; \
	  command -v chromium >/dev/null || \
	    { apt-get update -qq && apt-get install -qq -y chromium; } >/dev/null 2>&1 || true; \
	fi
	@PYTHONPATH=$(WEBSOCKET)/python NODE_PATH=$(WEBSOCKET)/node_modules \
	  python3 tests/websocket/run.py $(TARGET_DIR)/debug

network: ## clients across a link with latency, loss and times when it is down, in namespaces
	@command -v python3 >/dev/null || { echo "network: python3 is missing (Debian's package python3)" >&2; exit 1; }
	@$(CARGO) build --quiet --bin httprs --example streams
	@python3 tests/clients/network.py

bench: ## processor time for each request, next to other servers and to the least there can be
	@command -v python3 >/dev/null || { echo "bench: python3 is missing (Debian's package python3)" >&2; exit 1; }
	@python3 tests/bench/run.py

# httparse has its vector instructions with its feature `std` alone, and one build has it or not.
bench-parser: ## nanoseconds to parse a head, next to httparse, without SIMD and with it
	@for simd in '' '--features simd'; do \
	  CARGO_TARGET_DIR="$(abspath $(TARGET_DIR))/bench-parser" $(CARGO) run --release --quiet --locked \
	    --manifest-path tests/bench/parser/Cargo.toml $$simd || exit 1; \
	done

bench-router: ## nanoseconds to find one of a hundred routes
	@$(CARGO) run --quiet --release --example bench_router

bench-websocket: ## processor time for an echo of 64 bytes over WebSocket, next to one over HTTP
	@$(CARGO) build --quiet --release --bin httprs --example bench_websocket
	@$(TARGET_DIR)/release/examples/bench_websocket $(TARGET_DIR)/release/httprs $(or $(ROUNDS),9)

clean: ## remove everything that was built
	$(CARGO) clean
	rm -rf target/static

# One after the other, also under `make -j`: the cheapest news first.
ci: ## test, lint, TLS, static, fuzz targets, replay, tokio, WebSocket; installs tools if CI is set
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-tls
	@$(MAKE) --no-print-directory static
	@$(MAKE) --no-print-directory $(if $(CI),fuzz-build,fuzz-check)
	@$(MAKE) --no-print-directory replay
	@$(MAKE) --no-print-directory test-tokio
	@$(MAKE) --no-print-directory test-websocket
