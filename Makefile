# make demo   six cameras in, a bird's-eye-view grid out, scored: needs only Python 3.10 to 3.14
# make test   lint and all tests, on up to four processors, then the chosen ones under NumPy 2 and under ROS 2 Jazzy
#             and Kilted; make coverage: all in one process, counted
# make test-jazzy, test-kilted   every test that meets rclpy, under a real one (x86-64 Linux: wheels of PyPI)
# make test-tensorrt             every exported file built and looked into by TensorRT for RTX: 230 MB, no GPU, minutes
# make test-numpy2               every test, under NumPy 2 where the environment has NumPy 1.26
# make docs                      the documentation as pages, in runs/site
KNOWN := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))
# the first Python on the path that is 3.10 to 3.14
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c '$(KNOWN)' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
# make demo ARGS="dataroot:=/data/nuscenes" hands launch arguments to launch/demo.launch.py
ARGS ?=
# PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" takes torch without CUDA, 2 GB less
PIP_ARGS ?=
BIN := $(VENV)/bin
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile
# Tests start hundreds of processes, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-jazzy test-kilted test-tensorrt test-numpy2 coverage lint format docs clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed-demo
	$(BIN)/lss-bev demo $(ARGS)

test: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)
	$(BIN)/python test/numpy2.py $(SIDE_BY_SIDE)
	$(BIN)/python test/ros2/run.py jazzy $(SIDE_BY_SIDE)
	$(BIN)/python test/ros2/run.py kilted $(SIDE_BY_SIDE)

test-jazzy test-kilted: test-%: $(VENV)/installed-dev
	$(BIN)/python test/ros2/run.py $* --all $(SIDE_BY_SIDE)

test-tensorrt: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt tensorrt-rtx
	$(BIN)/python -m pytest test/runtime/test_tensorrt.py test/runtime/test_tensorrt_engine.py test/runtime/test_tensorrt_multi_sense.py test/runtime/test_tensorrt_rtx.py

test-numpy2: $(VENV)/installed-dev
	$(BIN)/python test/numpy2.py --all $(SIDE_BY_SIDE)

coverage: $(VENV)/installed-dev
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs build dist *.egg-info

# Python 3.14 has no wheel of Cyclone DDS, so where no ROS 2 is sourced either, its rclpy comes from pip too.
ROS2 = import sys, importlib.util as u; print(",ros2" if sys.version_info >= (3, 14) and not u.find_spec("rclpy") else "")

EXTRAS = $*
$(VENV)/installed-dev: EXTRAS = dev,devkit

$(VENV)/installed-%: setup.py pipros/pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.10 to 3.14 found; install one or give PYTHON=path"; exit 1; }
	@$(PYTHON) -c '$(KNOWN)' || { echo "error: $(PYTHON) is not Python 3.10 to 3.14; give PYTHON=path of one"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 $(PIP_ARGS)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable ./pipros --editable ".[$(EXTRAS)$$($(BIN)/python -c '$(ROS2)')]" $(PIP_ARGS)
	touch $@
