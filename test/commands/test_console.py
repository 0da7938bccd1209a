"""What commands print is as wide as it is where nobody looks at it in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from lss_bev_ros.commands.console import CommandConsole


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, **options: object) -> str:
    console = CommandConsole(file=file, **options)
    table = Table(*(f"column {number}" for number in range(12)))
    table.add_row(*(f"7.6e-{number:012}" for number in range(12)))
    console.print(table)
    console.print("word " * 40)
    return file.getvalue()


@pytest.mark.parametrize("coloured", [False, True])
def test_a_table_in_a_pipe_is_not_cut(monkeypatch, coloured):
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(io.StringIO(), force_terminal=coloured)
    assert all(f"7.6e-{number:012}" in text for number in range(12))
    assert "…" not in text
    assert "word " * 40 in text


def test_a_terminal_keeps_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    assert all(
        len(line) <= 80 for line in shown(Terminal(), no_color=True, force_terminal=False).splitlines()
    )


def test_its_size_can_be_set_as_that_of_any_console():
    console = CommandConsole(file=Terminal())
    console.size = (90, 20)
    assert console.size == (90, 20)
