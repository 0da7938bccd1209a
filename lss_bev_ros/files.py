"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import LssBevError


@contextlib.contextmanager
def replacing(
    target: str | Path,
    error: type[Exception] = LssBevError,
    remedy: str = "choose another place",
    sync: bool = True,
) -> Iterator[Path]:
    """A path to write a file or a folder at, which takes the name of `target` in the end.

    The path lies beside `target`, whose folder is made, and has its suffix, since many writers go by that.
    What `target` held stays as it was until the new content is on the disk, and for ever where the block
    raises or the process dies. A folder takes the place of an older one; a file keeps the older one's mode; a
    link stays one; a device or a pipe is written to.

    Args:
        target: name in the end.
        error: class of what is raised for an OSError; other exceptions of the block pass through.
        remedy: what the user can do about it.
        sync: whether the content is on the disk before the name is; False for large files that can be made
            again.

    Raises:
        error: it cannot be written, in one line that names it.
    """
    given = Path(target)
    if not given.name:
        raise error(f"cannot write {given}: it is the current folder; {remedy}")
    try:
        target = given.resolve()  # what a link points to is replaced, not the link
        special = target.exists() and not (target.is_file() or target.is_dir())
        mode = stat.S_IMODE(target.stat().st_mode) if target.is_file() else None
    except OSError as problem:
        raise error(f"cannot write {given}: {problem.strerror or problem}; {remedy}") from problem
    folder = Path(tempfile.gettempdir()) if special else target.parent
    partial = folder / f".{target.stem}.partial-{os.getpid()}{target.suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove(partial)  # of a process that died and had the same number
        yield partial
        if special:  # a device or a pipe takes the content and stays what it is
            with partial.open("rb") as content, target.open("wb") as out:
                shutil.copyfileobj(content, out)
        elif partial.is_dir():
            _replace_folder(partial, target)
        else:
            if mode is not None:
                partial.chmod(mode)
            if sync:
                _sync(partial)
            os.replace(partial, target)
    except OSError as problem:
        why = _in_the_way(folder) or problem.strerror or problem
        raise error(f"cannot write {given}: {why}; {remedy}") from problem
    finally:
        with contextlib.suppress(OSError):
            _remove(partial)


def write(
    target: str | Path,
    content: bytes | str,
    error: type[Exception] = LssBevError,
    remedy: str = "choose another place",
) -> Path:
    """Write bytes, or text as UTF-8, to a file; see `replacing`. Returns the file's path."""
    with replacing(target, error, remedy) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(target)


def write_json(
    target: str | Path,
    content: Mapping[str, Any],
    error: type[Exception] = LssBevError,
    remedy: str = "choose another place",
) -> Path:
    """Write `to_json` of a report as JSON, see `replacing`. Returns the file's path."""
    text = json.dumps(to_json(content), indent=2, allow_nan=False) + "\n"
    return write(target, text, error, remedy)


def forget_partials(target: str | Path) -> None:
    """Remove what processes that were killed while they wrote this file have left beside it."""
    path = Path(target)
    if not Path("/proc/self").exists():
        return  # nothing tells who lives
    begin = f".{path.stem}.partial-"
    for partial in path.parent.glob(f"{glob.escape(begin)}*{glob.escape(path.suffix)}"):
        number = partial.name[len(begin) : len(partial.name) - len(path.suffix)]
        if number.isdecimal() and not Path(f"/proc/{number}").exists():
            with contextlib.suppress(OSError):
                _remove(partial)


def to_json(value: Any) -> Any:
    """Turn dictionaries, sequences, numbers and arrays into what JSON has; NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(entry) for entry in value]
    if hasattr(value, "tolist"):  # an array, or a number of numpy
        return to_json(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def _in_the_way(folder: Path) -> str:
    """What of a path ought to be a folder and is a file, in words; empty where nothing is."""
    for each in (folder, *folder.parents):
        if each.is_file():
            return f"{each} is a file, no folder"
    return ""


def _replace_folder(partial: Path, target: Path) -> None:
    """Two renames, since no folder with files in it can be renamed over."""
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    with contextlib.suppress(OSError):
        _remove(old)


def _sync(path: Path) -> None:
    """Without it a power cut may leave the new name with nothing in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
