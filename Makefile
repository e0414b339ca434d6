# What people and CI type. `make test` needs Rust, Python 3.10 or newer, a C compiler and nothing else.

PYTHON ?= python3
PYTEST := .venv/bin/pytest tests/acceptance
# The acceptance tests wait more than they compute.
WORKERS ?= 4
DENY := $(or $(shell command -v cargo-deny),target/tools/bin/cargo-deny)

.PHONY: run build test unit acceptance lint clean deploy destroy purge redrive deploy-test functions

run: ## Serve, with what is there in ./raincloud-data
	cargo run --release

build: ## Build target/release/raincloud
	cargo build --release

test: unit acceptance deploy-test ## Everything

unit: .venv-aws/stamp ## Unit, contract, door and documentation tests
	cargo test --workspace --all-features

# With all targets it has the same features as the unit tests, so that little is compiled again.
ALL := cargo build --workspace --all-features --all-targets

acceptance: .venv/stamp ## Real clients against the running program; `make acceptance TESTS=user/test_login.py`
	$(ALL)
	$(PYTEST)$(if $(TESTS),/$(TESTS)) -n $(WORKERS)

lint: $(DENY) .venv-aws/stamp ## Form, clippy, documentation, length of files, templates, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	find . -name '*.rs' ! -path './target/*' ! -path '*/tests/*' -exec awk '$(LONG)' {} +
	.venv-aws/bin/cfn-lint --regions us-east-1 --template $(TEMPLATES)
	for template in $(TEMPLATES); do \
		AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 .venv-aws/bin/sam validate --lint --language-extensions --template $$template || exit 1; done
	$(DENY) check bans licenses sources
	@if $(DENY) fetch db 2>/dev/null; then $(DENY) check advisories; \
	else echo "lint: NOT checked: the advisory database cannot be fetched"; fi

TEMPLATES := template-base.yaml template-core.yaml addons/template.yaml $(wildcard functions/*/template.yaml)

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

# The acceptance tests' clients, and the local AWS emulator with the tools that deploy to it.
.venv/stamp: tests/requirements.txt
.venv-aws/stamp: tests/emulator/requirements.txt
.venv/stamp .venv-aws/stamp:
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 10) and sys.exit("Python 3.10 or newer is needed: make PYTHON=...")'
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

clean: ## Remove what was built; data stays
	cargo clean
	rm -rf .venv .venv-aws .aws-sam

# --- AWS; docs/deploy.md says how.

LAMBDA ?= $(or $(CARGO_TARGET_DIR),target)/lambda
FUNCTIONS := user node access ota
PROGRAMS := $(foreach function,$(FUNCTIONS),$(function)-api $(function)-events)

deploy: functions .venv-aws/stamp ## Make or update the cloud in an AWS account; asks what it must know
	.venv-aws/bin/python deploy/deploy.py

destroy: .venv-aws/stamp ## End what runs there, keep the data
	.venv-aws/bin/python deploy/destroy.py

purge: .venv-aws/stamp ## Delete all of it, data too
	.venv-aws/bin/python deploy/purge.py

redrive: .venv-aws/stamp ## Hand what could not be handled to its function once more
	.venv-aws/bin/python deploy/redrive.py

deploy-test: functions .venv/stamp .venv-aws/stamp ## Deploy to a local emulator of AWS and test what is there
	$(ALL)
	.venv-aws/bin/python tests/deploy

functions: ## Build target/lambda, for Lambda on this machine's architecture
	cargo build --profile lambda --locked $(PROGRAMS:%=--bin %) $(foreach function,$(FUNCTIONS),--package $(function) --features $(function)/lambda)
	deploy/check_glibc.sh $(PROGRAMS:%=$(LAMBDA)/%)

# `sam build` asks for build-UserApi and so on; all is built already.
build-%: program = $(LAMBDA)/$(shell echo $* | sed 's/\B[A-Z]/-&/' | tr A-Z a-z)
build-%:
	cp $(or $(wildcard $(program)/bootstrap),$(program)) "$(ARTIFACTS_DIR)/bootstrap"
