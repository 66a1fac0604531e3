# The only list of commands. `make` shows it.
.DEFAULT_GOAL := help
.PHONY: help setup pages build demo test check fmt lint bench bench-audio speech-model endpoint-model audit expect deb clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the system packages that are missing (apt on Debian and Ubuntu)
	@scripts/setup

pages: ## Build the web pages into web/dist, if they have changed
	@scripts/pages

build: setup pages ## Build the optimised program: target/release/agentphone
	cargo build --locked --release

demo: build ## Install, build and make one whole call, here, with no account anywhere
	target/release/agentphone demo

deb: pages ## Make the Debian package in target/debian
	@scripts/setup deb
	cargo build --locked --release
	@scripts/deb target/release/agentphone target/debian

test: ## Run all tests
	@scripts/setup test
	@scripts/pages test
	@scripts/tool cargo-deb >/dev/null
	@# Much of their time is waiting for real peers, so three at once are not too many for two processors.
	RUST_TEST_THREADS=$$(n=$$(nproc); echo $$((n > 3 ? n : 3))) cargo test --locked --workspace --no-fail-fast

check: fmt lint test ## All that must pass before a change lands

fmt: ## Check the formatting
	cargo fmt --all --check

lint: setup ## Clippy, warnings denied
	cargo clippy --locked --workspace --all-targets -- -D warnings

bench: setup ## Time every stage of the sound path per 20 ms frame, and what each fault of a service costs the callee
	cargo bench --locked -p media
	cargo bench --locked --bench services

bench-audio: ## Gather recorded human voices for `agentphone bench` in target/bench-audio
	@scripts/bench-audio

speech-model: setup ## Make the recogniser's models again from their sources; some minutes
	@scripts/voices
	cargo run --locked -p speechmodel -- language
	cargo run --locked -p speechmodel -- dictionary
	cargo run --locked -p speechmodel -- repair
	cargo run --locked -p speechmodel -- adapt

endpoint-model: build bench-audio ## Fit the weights by which the end of a turn is decided
	target/release/agentphone bench fit --part tuning --line quiet --size 180

audit: ## Check the dependencies for known faults and licences; needs the advisory database of rustsec.org
	"$$(scripts/tool cargo-deny)" --locked check

expect: setup ## Rewrite the expected halves of the text fixtures; read the diff before you commit it
	UPDATE_EXPECT=1 cargo test --locked --workspace

clean: ## Remove what was built
	cargo clean
