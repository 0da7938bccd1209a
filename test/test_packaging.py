"""What setup.py, package.xml, constraints.txt, the Makefile and the code say of one thing is one thing."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import lss_bev_ros
import pipros

setuptools = pytest.importorskip("setuptools")

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
CORE = ("", "dataset", "synthetic", "video", "dashboard", "export", "words")
"""Extras that a robot's computer may want; `standalone` is not among them, see below."""


@pytest.fixture
def setup(monkeypatch):
    """What setup.py tells setuptools."""
    told = {}
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: told.update(arguments))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    return SimpleNamespace(**told)


def environment(python, machine="x86_64"):
    return {
        **LINUX,
        "python_version": python,
        "python_full_version": f"{python}.1",
        "platform_machine": machine,
    }


def applying(lines, python, machine="x86_64"):
    """Those requirements of some lines that count for a Python on Linux."""
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate(environment(python, machine))]


def pins(python, machine="x86_64"):
    """Name to version, as constraints.txt has it for a Python on Linux."""
    lines = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    found = {}
    for requirement in applying(lines, python, machine):
        assert requirement.name not in found, f"constraints.txt pins {requirement.name} twice"
        (one,) = requirement.specifier
        found[requirement.name] = one.version
    return found


def pipros_requirements():
    text = (ROOT / "pipros" / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)[1]
    return re.findall(r'"(.*)"', listed)


def test_one_version(setup):
    manifest = ElementTree.parse(ROOT / "package.xml")
    assert setup.version == lss_bev_ros.__version__ == manifest.findtext("version")
    major, minor, _ = pipros.__version__.split(".")
    assert setup.extras_require["standalone"] == [f"pipros>={major}.{minor},<{major}.{int(minor) + 1}"]


def test_manifest_and_setup_tell_the_same(setup):
    manifest = ElementTree.parse(ROOT / "package.xml")
    assert manifest.findtext("description").rstrip(".") == setup.description
    assert manifest.findtext("maintainer") == setup.author
    assert manifest.findtext("license") == setup.license


def test_one_range_of_pythons(setup):
    supported = SpecifierSet(str(setup.python_requires))
    assert [f"3.{n}" for n in range(8, 18) if f"3.{n}.1" in supported] == list(PYTHONS)
    told = [line.rpartition(" ")[2] for line in setup.classifiers if " :: Python :: 3." in line]
    assert told == list(PYTHONS)
    pipros_text = (ROOT / "pipros" / "pyproject.toml").read_text()
    assert f'requires-python = "{setup.python_requires}"'.replace(" ", "") in pipros_text.replace(" ", "")
    assert "(3, 10) <= sys.version_info[:2] <= (3, 14)" in (ROOT / "Makefile").read_text()


def test_the_type_hints_are_installed(setup):
    assert (ROOT / "lss_bev_ros" / "py.typed").is_file()
    assert "py.typed" in setup.package_data["lss_bev_ros"]


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_is_pinned(setup, python):
    lines = [*setup.install_requires, *pipros_requirements()]
    lines += [line for extra in setup.extras_require.values() for line in extra]
    pinned = pins(python)
    for requirement in applying(lines, python):
        name = canonicalize_name(requirement.name)
        if name == "pipros":
            continue
        assert name in pinned, f"constraints.txt does not pin {name} for {python}"
        assert pinned[name] in requirement.specifier, f"{requirement} for {python}"


@pytest.mark.parametrize("python", PYTHONS)
def test_only_the_oracle_asks_for_numpy_1(setup, python):
    """An environment with NumPy 2 is possible everywhere, and with NumPy 1 where it has wheels."""
    wanted = [one for one in applying(setup.install_requires, python) if one.name == "numpy"]
    assert all("2.2.6" in one.specifier for one in wanted)
    assert all("1.26.4" in one.specifier for one in wanted) == (python < "3.13")
    holders = [
        extra
        for extra, lines in setup.extras_require.items()
        if any(one.name == "nuscenes-devkit" for one in applying(lines, python))
    ]
    assert holders == (["devkit"] if python < "3.13" else [])


def test_the_stand_in_asks_for_cyclone_dds_where_it_has_wheels():
    asked = {
        (python, machine): any(
            one.name == "cyclonedds" for one in applying(pipros_requirements(), python, machine)
        )
        for python in PYTHONS
        for machine in ("x86_64", "aarch64")
    }
    assert {key for key, there in asked.items() if there} == {(python, "x86_64") for python in PYTHONS[:-1]}


@pytest.mark.parametrize("python", ["3.10", "3.12", "3.14"])
def test_wheels_for_linux_on_arm(setup, python, tmp_path):
    """What a Jetson installs has wheels there: told by the index, nothing is downloaded but metadata."""
    lines = [*setup.install_requires, "rosbags"]
    lines += [line for extra in CORE for line in setup.extras_require.get(extra, ())]
    pinned = pins(python, "aarch64")
    names = {canonicalize_name(one.name) for one in applying(lines, python, "aarch64")}
    wanted = sorted(f"{name}=={pinned[name]}" for name in names)
    glibc = [f"manylinux_2_{minor}_aarch64" for minor in range(28, 16, -1)] + ["manylinux2014_aarch64"]
    options = ["--implementation", "cp", "--python-version", python]
    options += [part for tag in glibc for part in ("--platform", tag)]
    failed = missing_wheels(tmp_path, *options, *wanted)
    if failed and missing_wheels(tmp_path, "rich"):
        pytest.skip(f"no package index here ({failed})")
    assert not failed


def missing_wheels(folder, *arguments):
    """What pip says that it lacks, nothing where it has all."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--dry-run"]
    pip += ["--no-deps", "--only-binary=:all:", "--target", str(folder), "--retries", "0", "--timeout", "20"]
    pip += ["--ignore-requires-python"]  # it asks the Python that runs it
    done = subprocess.run([*pip, *arguments], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""
