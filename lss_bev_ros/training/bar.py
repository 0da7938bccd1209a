"""A run as a progress bar in a terminal, as lines everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from .report import line

Watch = Callable[[Mapping[str, float]], None]


@contextmanager
def shown(rank: int = 0) -> Iterator[tuple[Callable[[str], None], Watch]]:
    """Show a run while it lasts: a function for messages, and one for the figures of log lines.

    Args:
        rank: of this process; those above 0 show nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console()
    if rank:
        yield (lambda _: None), (lambda _: None)
        return
    if not console.is_terminal:
        yield (lambda text: print(text, flush=True)), (lambda row: print(line(row), flush=True))
        return
    figures = TextColumn(
        "loss {task.fields[loss]:.4f}  IoU {task.fields[iou]:.3f}  {task.fields[rate]:.0f} samples/s, "
        "{task.fields[new]:.0f} new  GPU {task.fields[gpu]:.0f}%"
    )
    columns = BarColumn(), TaskProgressColumn(), figures, TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=1.0, loss=0.0, iou=0.0, rate=0.0, new=0.0, gpu=0.0)

        def watch(row: Mapping[str, float]) -> None:
            progress.update(
                task,
                completed=row["progress"],
                loss=row["loss"],
                iou=row["iou"],
                rate=row["trained_per_s"],
                new=row["drawn_per_s"],
                gpu=row["gpu_percent"],
            )

        yield (lambda text: console.print(text, markup=False, highlight=False)), watch
