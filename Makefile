# make demo   six cameras in, a bird's-eye-view grid out, scored: needs only Python 3.10 to 3.12
# make test   lint and all tests, on up to four processors, then the chosen ones under ROS 2 Jazzy and Kilted;
#             make coverage: all in one process, counted
# make test-jazzy, test-kilted   every test that meets rclpy, under a real one (x86-64 Linux: wheels of PyPI)
# make docs   the documentation as pages, in runs/site
# the first Python on the path that is 3.10 to 3.12
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
# make demo ARGS="dataroot:=/data/nuscenes" hands launch arguments to launch/demo.launch.py
ARGS ?=
# PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" takes torch without CUDA, 2 GB less
PIP_ARGS ?=
BIN := $(VENV)/bin
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-jazzy test-kilted coverage lint format docs clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed-demo
	$(BIN)/lss-bev demo $(ARGS)

test: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)
	$(BIN)/python test/ros2/run.py jazzy $(SIDE_BY_SIDE)
	$(BIN)/python test/ros2/run.py kilted $(SIDE_BY_SIDE)

test-jazzy test-kilted: test-%: $(VENV)/installed-dev
	$(BIN)/python test/ros2/run.py $* --all $(SIDE_BY_SIDE)

coverage: $(VENV)/installed-dev
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs build dist *.egg-info

$(VENV)/installed-%: setup.py pipros/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.10 to 3.12 found; install one or give PYTHON=path"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 $(PIP_ARGS)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable ./pipros --editable ".[$*]" $(PIP_ARGS)
	touch $@
