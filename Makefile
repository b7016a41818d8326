# Everything is set up inside the checkout: .tools/ (uv), .venv/ (Python packages), .peers/ (real PBXs for tests).
# The system is left as it is; nothing here needs root.

UV_VERSION := 0.13.9
PYTHON     ?= python3.11
UV         := .tools/bin/uv
BIN        := .venv/bin
PEERS      := .peers/.ready

.PHONY: setup peers demo test check fast format docs bench soak lock clean

setup: .venv/.ready

$(UV):
	@echo "linegram: installing uv $(UV_VERSION) into .tools/"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools 'uv==$(UV_VERSION)'

.venv/.ready: requirements.lock pyproject.toml | $(UV)
	@echo "linegram: installing the Python packages of requirements.lock into .venv/"
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# The lock is a hashed requirements file: uv's own lock format names the package index, which differs between sites.
lock: | $(UV)
	$(UV) pip compile --quiet --generate-hashes --no-header --no-annotate --universal --upgrade \
	    --extra ntgcalls --extra demo --group dev pyproject.toml --output-file requirements.lock

peers: $(PEERS)

$(PEERS): tools/peers.sh
	@bash tools/peers.sh

demo: setup
	@$(BIN)/linegram demo

# The fast part: what a commit must pass.
check: setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -n 2 -m 'not slow and not soak and not peer' tests

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

# Pages that are drawn from the code; a test says when this is due.
docs: setup
	@$(BIN)/python tools/draw_states.py
	@$(BIN)/python tools/draw_voice.py

# One file of the slow tests stays in one process: it shares its PBX. Two processes, for two cores.
test: check peers
	@$(BIN)/pytest -n 2 --dist loadfile -m '(slow or peer) and not soak' tests

bench: setup
	@$(BIN)/python -m bench

soak: setup peers
	@$(BIN)/pytest -m soak --timeout 3600 tests

clean:
	rm -rf .venv .tools .peers .cache demo-out
