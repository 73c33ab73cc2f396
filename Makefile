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

# The clients that no test of `make test` needs: pgAdmin, and what those of other languages need, each where its tool
# chain is there. The tests of the others are skipped.
CLIENTS := $(CURDIR)/.clients
GO := cd tests/clients/go && GOTOOLCHAIN=local go
FETCHED := $(if $(shell command -v npm 2>/dev/null),$(CLIENTS)/node/installed) \
    $(if $(shell $(GO) list -m 2>/dev/null),$(CLIENTS)/go/installed) \
    $(if $(shell command -v mvn 2>/dev/null),$(CLIENTS)/java/installed) $(CLIENTS)/pgadmin/installed

.PHONY: demo test test-clients check format bench soak clean

demo: $(VENV)/installed
	@$(TESTS) demo

test: $(VENV)/installed
	$(TESTS) pytest -n $(JOBS)

test-clients: $(VENV)/clients $(FETCHED)
	$(TESTS) pytest -n $(JOBS) --dist loadfile tests/clients

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
	rm -rf $(VENV) $(CLIENTS) dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/installed: pyproject.toml client/bin/dsqltok
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

$(VENV)/clients: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group clients
	touch $@

# A venv of its own, since it says exactly which versions of what it needs.
$(CLIENTS)/pgadmin/installed: tests/clients/pgadmin/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --no-cache-dir --use-pep517 --requirement $<
	touch $@

$(CLIENTS)/node/installed: tests/clients/node/package.json tests/clients/node/package-lock.json
	mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --no-progress --cache $(@D)/cache
	touch $@

# Compiled once as well, so that a test compiles its own few lines only.
$(CLIENTS)/go/installed: export GOPATH = $(@D)
$(CLIENTS)/go/installed: export GOCACHE = $(@D)/cache
$(CLIENTS)/go/installed: export GOFLAGS = -mod=readonly -modcacherw
$(CLIENTS)/go/installed: tests/clients/go/go.mod tests/clients/go/go.sum
	mkdir -p $(@D)
	$(GO) build github.com/jackc/pgx/v5/pgxpool
	touch $@

$(CLIENTS)/java/installed: tests/clients/java/pom.xml
	mkdir -p $(@D)
	mvn -q -B -f $< -Dmaven.repo.local=$(@D)/repository dependency:copy-dependencies -DoutputDirectory=$(@D)/lib
	touch $@
