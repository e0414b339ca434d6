# What people and CI type. `make test` needs Rust, Python 3.10 or newer, a C compiler and nothing else.

PYTHON ?= python3
PYTEST := .venv/bin/pytest tests/acceptance
# The acceptance tests wait more than they compute.
WORKERS ?= 4
DENY := $(or $(shell command -v cargo-deny),target/tools/bin/cargo-deny)

.PHONY: run build test unit acceptance lint clean

run: ## Serve, with what is there in ./raincloud-data
	cargo run --release

build: ## Build target/release/raincloud
	cargo build --release

test: unit acceptance ## Everything

unit: ## Unit, contract, door and documentation tests
	cargo test --workspace --all-features

acceptance: .venv/stamp ## Real clients against the running program; `make acceptance TESTS=user/test_login.py`
	cargo build --workspace --all-features
	$(PYTEST)$(if $(TESTS),/$(TESTS)) -n $(WORKERS)

lint: $(DENY) ## Form, clippy, documentation, length of files, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	find . -name '*.rs' ! -path './target/*' ! -path '*/tests/*' -exec awk '$(LONG)' {} +
	$(DENY) check bans licenses sources
	@if $(DENY) fetch db 2>/dev/null; then $(DENY) check advisories; \
	else echo "lint: NOT checked: the advisory database cannot be fetched"; fi

# At most 500 lines before a file's own tests.
define LONG
FNR == 1 { lines = tests = 0 } \
/^#\[cfg\(test\)\]/ { maybe = FNR + 1 } \
FNR == maybe && /^mod tests/ { tests = 1 } \
!tests && ++lines == 501 { print FILENAME ": more than 500 lines: split it by verb"; long = 1 } \
END { exit long }
endef

# Only where the system has none: it takes a few minutes once.
target/tools/bin/cargo-deny:
	cargo install cargo-deny --locked --version 0.20.2 --root target/tools

.venv/stamp: tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 10) and sys.exit("Python 3.10 or newer is needed: make PYTHON=...")'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

clean: ## Remove what was built; data stays
	cargo clean
	rm -rf .venv

# --- AWS; docs/deploy.md says how.
FUNCTIONS := user-api node-api node-events
LAMBDA := $(or $(CARGO_TARGET_DIR),target)/lambda

.PHONY: functions
functions:
	cargo build --profile lambda --locked --package user --package node --features user/lambda,node/lambda --bins

# `sam build` asks for build-UserApi and so on: everything is built already.
build-%:
	cp $(LAMBDA)/$$(echo $* | sed 's/\([a-z]\)\([A-Z]\)/\1-\2/' | tr A-Z a-z) "$(ARTIFACTS_DIR)/bootstrap"
