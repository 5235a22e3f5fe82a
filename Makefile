# Every target runs in .venv and creates it first. Python 3.11 or later, make and a package registry are all that is needed.
# Another Python has an environment of its own: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
S3_TESTS ?= tests/s3 tests/integration/test_s3.py

# Otherwise each of the many processes that tests start would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test coverage integration fuzz chaos s3 cluster browser screenshots package check bench docs image lock \
	format clean

setup: $(VENV)/installed

$(VENV)/installed: $(VENV)/demo
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# The demo needs no tools of development.
$(VENV)/demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

demo: $(VENV)/demo
	$(BIN)/osrmac demo

# Two processes, here and below, each with a local Ray of its own; more threads than processors would slow both down.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# Of the default suite, without the processes that it starts.
coverage: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report term

integration: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m integration

fuzz: setup
	$(BIN)/python -m pytest -s -m fuzz tests/fuzz

# $OSRMAC_KILLS is the number of kills, 32 by default.
chaos: setup
	$(BIN)/python -m pytest -s -m chaos tests/chaos

# Uses the server in $OSRMAC_S3_ENDPOINT with the AWS keys of the environment (tests/s3/swift.sh starts one), else moto.
s3: setup
	$(BIN)/python -m pytest -s -m s3server $(S3_TESTS)

cluster: setup
	$(BIN)/python -m pytest -s -m cluster tests/cluster

# Uses the Chromium named in $OSRMAC_BROWSER, or any that is installed; leaves screenshots in build/screenshots.
browser: setup
	$(BIN)/python -m pytest -s -m browser tests/browser

# Takes the screenshots of the README.
screenshots: setup
	$(BIN)/python -m pytest -s -m browser tests/browser -k documentation
	cp $(addprefix build/screenshots/, search.png report.png serve.png) docs/figures/

# Installs the wheel from the package registry into a clean environment, for $(PYTHON), and runs the demo there.
package: setup
	OSRMAC_PYTHON=$(PYTHON) $(BIN)/python -m pytest -s -m package tests/package

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks.table

# pdoc documents no submodules of a package that defines __all__, so these are listed.
docs: setup
	$(BIN)/python -W error -m pdoc --docformat google --output-directory build/docs osrmac \
		$(addprefix osrmac., api commands config credentials demo_collection descriptor distributed errors estimation evaluation \
		log options pages \
		prefetch progress reduction retrieval runs server stopwatch storage table_files tables types) \
		$(addprefix osrmac.config., checks choices descriptors estimation evaluation extraction indexing reduction refinement search serving) \
		$(addprefix osrmac.evaluation.protocols., gldv2 gpr1200 groups holidays ilias instre listed_names oxford_paris \
		recognition revisited ukbench)

# The images for CPUs and for GPUs, by any builder that knows the options of docker build.
BUILDER ?= docker
IMAGE ?= osrmac
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' osrmac/__init__.py)

image:
	$(BUILDER) build --label org.opencontainers.image.version=$(VERSION) --tag $(IMAGE):$(VERSION) .
	$(BUILDER) build --label org.opencontainers.image.version=$(VERSION) --tag $(IMAGE):$(VERSION)-cuda \
		--build-arg TORCH_INDEX=https://pypi.org/simple .

# Pins what users install, with hashes, at the versions of constraints.txt, for all platforms.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --annotation-style line \
		--custom-compile-command 'make lock' --constraint constraints.txt \
		$(addprefix --extra , cluster demo heif serve) --output-file requirements.lock pyproject.toml

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
