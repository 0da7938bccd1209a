"""Where results go is looked at before the work begins: a file is no folder, and a folder no file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.models import ParameterInfo
from typer.testing import CliRunner

from lss_bev_ros import commands
from lss_bev_ros.cli import app


def places(begin: str) -> dict[str, ParameterInfo]:
    """Options and arguments of all commands that are paths and whose help begins with a word."""
    found = {}
    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ != module.name or not hasattr(function, "__annotations__"):
                continue
            try:
                hints = get_type_hints(function, include_extras=True)
            except NameError:  # of what is imported for types alone: no command
                continue
            for parameter, hint in hints.items():
                for info in getattr(hint, "__metadata__", ()):
                    if (getattr(info, "help", "") or "").startswith(begin) and hint.__origin__ in (
                        Path,
                        Path | None,
                    ):
                        found[f"{name} {parameter}"] = info
    return found


def test_a_folder_for_results_is_no_file():
    folders = places("Folder for ")
    assert {"evaluate pictures", "evaluate study", "gap pictures", "doctor out"} <= folders.keys()
    assert [words for words, kind in folders.items() if kind.file_okay] == []


def test_a_report_is_no_folder():
    reports = places("Report")
    assert {"evaluate output", "gap output", "benchmark output"} <= reports.keys()
    assert [words for words, kind in reports.items() if kind.dir_okay] == []


@pytest.mark.parametrize(("option", "told"), [("--pictures", "is a file"), ("--study", "is a file")])
def test_evaluate_says_so_before_it_reads_anything(tmp_path, option, told):
    (tmp_path / "place").write_text("in the way")
    result = CliRunner().invoke(app, ["evaluate", "/nowhere", option, str(tmp_path / "place")])
    assert result.exit_code == 2
    assert option in result.output
    assert told in result.output
