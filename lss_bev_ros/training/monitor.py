"""How busy the GPU is."""

from __future__ import annotations

import math
import shutil
import subprocess
import threading

import torch

EVERY = 5.0


class UtilisationMonitor:
    """Asks nvidia-smi every few seconds, on a thread; without a GPU it says NaN."""

    def __init__(self, device: torch.device):
        self._values: list[float] = []
        self._stop = threading.Event()
        if device.type == "cuda" and shutil.which("nvidia-smi"):
            self._index = device.index or 0
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        command = [
            "nvidia-smi",
            "--query-gpu=utilization.gpu",
            "--format=csv,noheader,nounits",
            f"--id={self._index}",
        ]
        while not self._stop.wait(EVERY):
            try:
                answer = subprocess.run(
                    command, capture_output=True, text=True, timeout=20, check=True
                ).stdout
                self._values.append(float(answer.split()[0]))
            except (OSError, subprocess.SubprocessError, ValueError, IndexError):
                return

    def take(self) -> float:
        """Mean percentage since the last call."""
        values, self._values = self._values, []
        return sum(values) / len(values) if values else math.nan

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
