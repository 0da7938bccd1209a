"""In what state a device is while it is measured: temperatures, clocks, and whether it throttles.

All is read from files of the kernel, which takes a fraction of a millisecond, between two measured runs;
NVIDIA's desktop GPUs are asked by nvidia-smi, before and after.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ACTIVE = {
    0x8: "hardware slowdown",
    0x20: "GPU too hot (software)",
    0x40: "GPU too hot (hardware)",
    0x80: "power brake",
    0x4: "power limit",
}
"""Bits of nvidia-smi's clocks_event_reasons.active that lower the clocks of a GPU at work (from NVML)."""


class Conditions:
    """What was read of a device, each time it was asked.

    Args:
        sys: the kernel's folder.

    Attributes:
        temperatures: the highest of each zone, degrees Celsius.
        clocks: the lowest and highest of each clock, MHz.
        throttling: what lowered the clocks, in words.
    """

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self._sys = sys
        self.temperatures: dict[str, float] = {}
        self.clocks: dict[str, tuple[float, float]] = {}
        self.throttling: set[str] = set()
        self._zones = {
            _text(zone / "type") or zone.name: zone / "temp"
            for zone in sorted(sys.glob("class/thermal/thermal_zone*"))
        }
        self._clocks = {
            path.parents[1].name: (path, 1e-3)
            for path in sorted(sys.glob("devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"))
        }
        for path in sorted(sys.glob("class/devfreq/*/cur_freq")):
            self._clocks[path.parent.name] = (path, 1e-6)
        self._cooling = {
            folder: _text(folder / "type") or folder.name
            for folder in sorted(sys.glob("class/thermal/cooling_device*"))
        }
        self._counts = {
            path: _number(path)
            for path in sys.glob("devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")
        }

    def read(self) -> None:
        """Look at everything once."""
        for name, path in self._zones.items():
            value = _number(path)
            if value is not None:
                self.temperatures[name] = max(value / 1000.0, self.temperatures.get(name, -273.0))
        for name, (path, scale) in self._clocks.items():
            value = _number(path)
            if value is not None:
                low, high = self.clocks.get(name, (value * scale, value * scale))
                self.clocks[name] = min(low, value * scale), max(high, value * scale)
        for folder, kind in self._cooling.items():
            # Fans are cooling devices too, and turn without any harm.
            if "fan" not in kind.lower() and (_number(folder / "cur_state") or 0) > 0:
                self.throttling.add(kind)
        for path, before in self._counts.items():
            now = _number(path)
            if before is not None and now is not None and now > before:
                self.throttling.add("processor too hot")

    def ask_gpu(self) -> None:
        """Ask nvidia-smi, where there is one, why the clocks are low; it takes a while."""
        if shutil.which("nvidia-smi") is None:
            return
        query = "--query-gpu=temperature.gpu,clocks.sm,clocks_event_reasons.active"
        try:
            words = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
            said = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout
            heat, clock, reasons = (word.strip() for word in said.splitlines()[0].split(","))
            self.temperatures["GPU"] = max(float(heat), self.temperatures.get("GPU", -273.0))
            low, high = self.clocks.get("GPU", (float(clock), float(clock)))
            self.clocks["GPU"] = min(low, float(clock)), max(high, float(clock))
            self.throttling |= {word for bit, word in ACTIVE.items() if int(reasons, 16) & bit}
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            return

    def report(self) -> dict[str, object]:
        """For the results."""
        return {
            "temperatures_c": self.temperatures,
            "clocks_mhz": {name: [round(low), round(high)] for name, (low, high) in self.clocks.items()},
            "throttling": sorted(self.throttling),
        }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
