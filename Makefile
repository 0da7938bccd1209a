# make demo   six cameras in, a bird's-eye-view grid out, scored: needs only Python 3.10 to 3.12
# make test   lint and all tests, on up to four processors; make coverage: the same in one process, counted
# the first Python on the path that is 3.10 to 3.12
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
# make demo ARGS="dataroot:=/data/nuscenes" hands launch arguments to launch/demo.launch.py
ARGS ?=
# PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" takes torch without CUDA, 2 GB less
PIP_ARGS ?=
BIN := $(VENV)/bin

.PHONY: demo test coverage lint format clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed-demo
	$(BIN)/lss-bev demo $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

coverage: $(VENV)/installed-dev
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs build dist *.egg-info

$(VENV)/installed-%: setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.10 to 3.12 found; install one or give PYTHON=path"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 $(PIP_ARGS)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable ".[$*]" $(PIP_ARGS)
	touch $@
