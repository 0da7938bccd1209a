"""What a measurement was made on, and with which code."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import torch

from ..runtime.cpu.engine import has_bfloat16

PACKAGES = (
    "torch",
    "triton",
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
)
MEASURED = ("runtime", "model", "geometry", "deploy")
"""Folders of the package whose changes since the commit would change what is measured."""

_GPU_FIELDS = ("name", "driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit", "pstate")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def describe_machine() -> dict[str, object]:
    """Processor, GPU, memory, load and versions, ready for JSON."""
    return {
        "processor": _processor(),
        "instructions": _instructions(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "bfloat16": has_bfloat16(),
        "torch_threads": torch.get_num_threads(),
        "memory_gib": _memory_gib(),
        "gpu": _gpu(),
        # Other work on the machine spoils a measurement; a reader must be able to see it.
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version for package in PACKAGES if (version := _version(package))},
    }


def describe_code(commit: str = "") -> dict[str, object]:
    """Commit of the repository, and what of the measured code differs from it.

    Args:
        commit: what to say where the code lies in no checkout, as on a machine that it was copied to.
    """
    package = Path(__file__).resolve().parents[1]
    if commit:
        return {"commit": commit, "changed": []}
    head = _output("git", "-C", str(package), "rev-parse", "HEAD")
    if not head:
        return {"commit": None, "changed": []}
    folders = [str(package / folder) for folder in MEASURED]
    status = _output("git", "-C", str(package), "status", "--porcelain", "--untracked-files=no", *folders)
    return {"commit": head, "changed": [line[2:].strip() for line in status.splitlines()]}


def peak_memory() -> float:
    """Largest resident memory of this process so far, MiB."""
    # Not getrusage where it can be helped: on Linux a child starts with its parent's peak.
    peak = _status_field("VmHWM")
    if peak is not None:
        return peak / 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)


def _status_field(field: str) -> float | None:
    """A number of /proc/self/status, None where there is no such file."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return float(line.split()[1])
    except OSError:
        pass
    return None


def _gpu() -> dict[str, object] | None:
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    described: dict[str, object] = {
        "name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_gib": properties.total_memory / 2**30,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }
    query = _output("nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader", "-i", "0")
    values = [value.strip() for value in query.splitlines()[0].split(",")] if query else []
    return described | dict(zip(_GPU_FIELDS[1:], values[1:], strict=False))


def _output(*command: str) -> str:
    """What a command prints; nothing where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.rstrip()


def _cpuinfo(field: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(field):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _instructions() -> list[str]:
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in _INSTRUCTIONS if name in flags]


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
