"""The scene that the demonstration plays, and that commands take where no data set is given."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_SEED = 0


def synthetic_scene(folder: Path, console: Console) -> Path:
    """The demonstration's scene, made where it is not there yet."""
    target = folder / f"synthetic-seed{_SEED}"
    if (target / "v1.0-mini" / "sample.json").is_file():
        return target
    from ..synthetic import synthesize  # its compiler takes seconds to load

    with Progress(
        TextColumn("making a synthetic street scene"), BarColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        task = progress.add_task("", total=None)
        synthesize(
            target,
            scenes=1,
            seconds=10.0,
            seed=_SEED,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    return target
