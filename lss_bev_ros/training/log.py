"""What a run leaves behind to look at: CSV always, TensorBoard where it is installed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from ..errors import TrainingError
from ..files import replacing


class RunLog:
    """Appends rows to a CSV file and the same numbers to TensorBoard.

    Args:
        folder: of the run.
        name: of the file, without `.csv`.
        fields: columns.
        keep: rows up to this step are kept when a run is resumed, later ones dropped; None starts anew.
    """

    def __init__(self, folder: Path, name: str, fields: tuple[str, ...], keep: int | None = None):
        self._path, self._name, self._fields = folder / f"{name}.csv", name, fields
        rows = []
        if keep is not None and self._path.is_file():
            with self._path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= keep]
        with replacing(self._path, TrainingError) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board: SummaryWriter | None = SummaryWriter(str(folder / "tensorboard"))
        except ImportError:
            self._board = None

    def write(self, row: Mapping[str, float]) -> None:
        """Add a row; `step` is one of its columns."""
        with self._path.open("a", newline="", encoding="utf-8") as file:
            shown = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
            csv.DictWriter(file, self._fields, extrasaction="ignore").writerow(shown)
        if self._board:
            for key, value in row.items():
                if key != "step":
                    self._board.add_scalar(f"{self._name}/{key}", value, int(row["step"]))
            self._board.flush()
