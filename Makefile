# Everything runs in .venv, which is made when missing. `make test` needs only Python 3.11, make and a package registry.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test fuzz chaos s3 cluster browser screenshots check bench docs format clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/osrmac demo

test: setup
	$(BIN)/python -m pytest

fuzz: setup
	$(BIN)/python -m pytest -s -m fuzz tests/fuzz

# $OSRMAC_KILLS is how often a run is killed, 32 times if it is not set.
chaos: setup
	$(BIN)/python -m pytest -s -m chaos tests/chaos

# On the server in $OSRMAC_S3_ENDPOINT, to which the AWS keys belong (tests/s3/swift.sh starts one), else on moto.
s3: setup
	$(BIN)/python -m pytest -s -m s3server tests/s3 tests/integration/test_s3.py

cluster: setup
	$(BIN)/python -m pytest -s -m cluster tests/cluster

# In the Chromium named in $OSRMAC_BROWSER, or any that is installed; what it shows is in build/screenshots.
browser: setup
	$(BIN)/python -m pytest -s -m browser tests/browser

# The pictures in the README.
screenshots: setup
	$(BIN)/python -m pytest -s -m browser tests/browser -k documentation
	cp build/screenshots/search.png build/screenshots/report.png docs/figures/

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks.table

# pdoc leaves out the modules of a package that lists other things, so these are named.
docs: setup
	$(BIN)/python -W error -m pdoc --docformat google --output-directory build/docs osrmac \
		$(addprefix osrmac., commands config demo_collection descriptor distributed errors evaluation pages prefetch \
		reduction retrieval runs stopwatch storage tables types) \
		$(addprefix osrmac.evaluation.protocols., groups holidays oxford_paris revisited ukbench)

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
