"""What a bundle was run on, as the device says it itself."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path


def describe_device() -> dict[str, object]:
    """Processor, GPU, power mode and clocks; what the device does not say is left out."""
    found = {
        "host": platform.node(),
        "model": _text("/proc/device-tree/model"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "jetson_linux": _text("/etc/nv_tegra_release"),
        # The power mode caps the clocks, so a figure without it says little (NVIDIA's developer guide).
        "power_mode": _command("nvpmodel", "-q"),
        "clocks": _command("jetson_clocks", "--show"),
        "gpu": _command(
            "nvidia-smi",
            "--query-gpu=name,driver_version,clocks.sm,clocks.mem,power.limit",
            "--format=csv,noheader",
        ),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None


def _processor() -> str:
    for line in (_text("/proc/cpuinfo") or "").splitlines():
        if line.lower().startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _command(*words: str) -> str | None:
    """Output of a program, None where it is missing or refuses (jetson_clocks wants to be root)."""
    if shutil.which(words[0]) is None:
        return None
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
