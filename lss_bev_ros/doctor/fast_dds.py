"""What a process on Fast DDS takes of sockets and shared memory, by its variables and its profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


def setting(environment: Mapping[str, str], option: str, element: str) -> tuple[int, str]:
    """A size that the user set, in bytes, and where; 0 and nothing where none counts.

    Args:
        environment: of the process.
        option: its name in FASTDDS_BUILTIN_TRANSPORTS, which replaces what a profile says.
        element: its name in a profile.
    """
    if environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "LOCALHOST":
        return 0, ""  # there rmw_fastrtps makes its own transports
    if given := environment.get(TRANSPORTS):
        match = re.search(rf"[?&]{option}=(\d+)([KMG]?B)?", given, re.IGNORECASE)
        return (int(match[1]) * _UNITS[(match[2] or "").upper()], TRANSPORTS) if match else (0, "")
    file = next(filter(None, map(environment.get, PROFILES)), "")
    try:
        text = Path(file).read_text(errors="replace")
    except (OSError, ValueError):
        return 0, ""
    sizes = re.search(rf"<{element}>\s*(\d+)\s*</{element}>", text)
    return (int(sizes[1]), file) if sizes else (0, "")
