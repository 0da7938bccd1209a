"""Whether /dev/shm has room for what each process on Fast DDS takes of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .fast_dds import setting
from .sockets import FAST_DDS

_DEFAULT = 512 * 1024  # bytes a process
_ADDED = 1.05  # what a segment takes beside its size
_PROCESSES = 8  # nodes, camera drivers and tools


@dataclass(frozen=True)
class SharedMemory:
    """Shared memory of this machine or container, in bytes.

    Attributes:
        total, free: of /dev/shm.
        segment: what each process takes when it starts.
        source: the file or variable that says so.
    """

    total: int
    free: int
    segment: int
    source: str = ""

    @classmethod
    def read(
        cls, environment: Mapping[str, str], stand_in: bool, place: Path = Path("/dev/shm")
    ) -> SharedMemory | None:
        """For a process with this environment; None on another middleware, or without such a folder."""
        if stand_in or (environment.get("RMW_IMPLEMENTATION") or FAST_DDS) != FAST_DDS:
            return None
        try:
            found = os.statvfs(place)
        except OSError:
            return None
        segment, source = setting(environment, "segment_size", "segment_size")
        sizes = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        return cls(*sizes, segment or _DEFAULT, source)

    def shortage(self) -> tuple[str, str] | None:
        """What happens to the processes that find no room, and the remedy; None where all find some."""
        taken = round(self.segment * _ADDED)
        if taken <= self.free and _PROCESSES * taken <= self.total:
            return None
        size = f"{-(-_PROCESSES * taken // 2**20)}m"
        asked = f" by {self.source}" if self.source else ""
        return (
            f"it has {self.total / 1e6:.0f} MB, {self.free / 1e6:.0f} MB free, and Fast DDS takes "
            f"{taken / 1e6:.0f} MB a process{asked}: room for {self.total // taken}. The others say "
            f"'Failed to create segment' and use UDP, where best-effort images get lost",
            f"docker run --shm-size {size}, or --ipc host; elsewhere mount -o remount,size={size} /dev/shm; "
            f"or set a smaller segment_size (config/fastdds_small.xml of lss_bev_ros has 4 MiB)",
        )
