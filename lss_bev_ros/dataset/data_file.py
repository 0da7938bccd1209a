"""Files of a data set."""

from __future__ import annotations

from pathlib import Path

from ..errors import DatasetError


def read_file(path: Path) -> bytes:
    """All bytes of a file; DatasetError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: file is missing; unpack all archives of the data set into the data root"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None
