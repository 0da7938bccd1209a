"""Where commands print, and their progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleDimensions
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_ENDLESS = 100_000


class CommandConsole(Console):
    """A console whose lines are as long as they have to be where the output is no terminal.

    Rich would take the width of another terminal of the process, or 80, and cut the cells of a table that a
    file or another command is to read.
    """

    @property
    def size(self) -> ConsoleDimensions:
        """Width and height in characters."""
        known = super().size
        return known if self._is_seen else ConsoleDimensions(_ENDLESS, known.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    @property
    def _is_seen(self) -> bool:
        """Whether somebody looks at it: a pipe is no terminal, be it coloured or not."""
        try:
            return self.file.isatty()
        except (AttributeError, ValueError):
            return False


console = CommandConsole()


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of how much of how much is done."""
    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def listed(given: Iterable[str] | None) -> tuple[str, ...]:
    """What an option that may be repeated, or hold several things between commas, names."""
    return tuple(part.strip() for entry in given or () for part in entry.split(",") if part.strip())
