"""The index of a data set, made in a process of its own.

Reading the tables of v1.0-trainval takes a minute and some hundred megabytes, which a replay node or a data
loader's worker should not hold on to. So they are read in a process that ends, and leave one small record a
scene in an anonymous file.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .scene_index import SceneIndex
from .tables import Tables

_TRAILER = struct.Struct("<QQ")


@dataclass(frozen=True)
class Contents:
    """What an index file holds besides the scenes.

    Attributes:
        places: scene name to offset and size in bytes, in the order of scene.json.
        categories: names of the data set's categories.
        notices: one line each on what was taken in another way than nuScenes has it.
    """

    places: dict[str, tuple[int, int]]
    categories: tuple[str, ...]
    notices: tuple[str, ...]


class IndexFile:
    """Scene indices in an anonymous temporary file that is gone when the last holder closes it."""

    def __init__(self, file, contents: Contents) -> None:
        self._file = file
        self._contents = contents

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes, in the order of scene.json."""
        return tuple(self._contents.places)

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the data set's categories."""
        return self._contents.categories

    @property
    def notices(self) -> tuple[str, ...]:
        """One line each on what was taken in another way than nuScenes has it."""
        return self._contents.notices

    def load(self, scene: str) -> SceneIndex:
        """Read one scene; KeyError where it is not in the file."""
        offset, size = self._contents.places[scene]
        # pread leaves the file position alone, so threads and forked workers may share the descriptor.
        return pickle.loads(os.pread(self._file.fileno(), size, offset))


def build_index(dataroot: Path, version: str, scenes: Sequence[str] = ()) -> IndexFile:
    """Index scenes (all where none are named) of a data set, in a process of its own.

    Raises DatasetError where a table is missing, broken or inconsistent, or a scene unknown.
    """
    file = tempfile.TemporaryFile(prefix="lss_bev_index_")  # noqa: SIM115 - the IndexFile holds it open
    # The parent's search path, so that an overlay or an uninstalled checkout is found by the child too.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    process = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()", str(dataroot), version, *scenes],
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    if process.returncode:
        file.close()
        raise DatasetError(
            _failure(dataroot / version, process.returncode, process.stderr.decode(errors="replace"))
        )
    size = os.fstat(file.fileno()).st_size
    offset, length = _TRAILER.unpack(os.pread(file.fileno(), _TRAILER.size, size - _TRAILER.size))
    result = pickle.loads(os.pread(file.fileno(), length, offset))
    if isinstance(result, str):
        file.close()
        raise DatasetError(result)
    return IndexFile(file, result)


def _failure(tables: Path, code: int, stderr: str) -> str:
    if code == -9:
        return (
            f"{tables}: the system ended the process that reads the tables, probably for lack of memory; "
            f"free memory, or read v1.0-mini"
        )
    last = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
    return f"{tables}: the process that reads the tables ended with code {code} ({last})"


def main() -> None:
    """Child process: write the index of `argv` (data root, version, scenes) to standard output."""
    import signal

    # Ctrl-C reaches the whole process group; the parent speaks for both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    out = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not land in the index.
    os.dup2(2, 1)
    dataroot, version, *scenes = sys.argv[1:]
    places: dict[str, tuple[int, int]] = {}
    try:
        tables = Tables(Path(dataroot), version, scenes)
        for index in tables.indices():
            data = pickle.dumps(index, protocol=pickle.HIGHEST_PROTOCOL)
            places[index.name] = (out.tell(), len(data))
            out.write(data)
        result: Contents | str = Contents(places, tables.categories, tuple(tables.notices))
    except DatasetError as error:
        result = str(error)
    offset = out.tell()
    data = pickle.dumps(result)
    out.write(data)
    out.write(_TRAILER.pack(offset, len(data)))
    out.close()


def index_scenes(dataroot: Path, version: str, scenes: Sequence[str] = ()) -> Iterator[SceneIndex]:
    """Yield the SceneIndex of each scene (all where none are named), reading the tables in this process."""
    return Tables(dataroot, version, scenes).indices()
