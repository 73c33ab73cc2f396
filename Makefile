# Two commands are all that a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More than there are cores: the end-to-end tests wait more than they compute.
JOBS ?= 4
# What `make soak` takes, and from where: the same seed makes the same texts.
MUTATIONS ?= 100000
SEED ?= 1
TESTS := PYTHONPATH=tests $(BIN)/python -m

.PHONY: demo test check format bench soak clean

demo: $(VENV)/installed
	@$(TESTS) demo

test: $(VENV)/installed
	$(TESTS) pytest -n $(JOBS)

check: test

format: $(VENV)/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/installed
	$(TESTS) bench

soak: $(VENV)/installed
	$(TESTS) pytest tests/e2e/promises --soak --timeout 3600
	$(TESTS) conformance.soak --mutations $(MUTATIONS) --seed $(SEED)

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/installed: pyproject.toml client/bin/dsqltok
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@
