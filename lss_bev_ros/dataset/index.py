"""The index of a data set, made in a process of its own.

Reading tables takes time and memory, which a replay node or a data loader's worker should not hold on to.
So they are read in a process that ends, and leave one small record a scene in a file. Tables as large as
those of v1.0-trainval are only searched (see `scene_parts`), and the file is kept for the next time, as long
as the tables are the same.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO

from .. import __version__
from ..errors import DatasetError
from ..files import replacing
from .records import written
from .scene_index import CAMERA, SceneIndex
from .scene_parts import ScenePart, large, scene_parts
from .tables import Tables, unknown_scene

_TRAILER = struct.Struct("<QQ")
_FORM = 3
"""Counts changes of what is kept."""

_KEPT = 4
"""Indices in the cache; each takes about a hundred megabytes for v1.0-trainval."""


@dataclass(frozen=True)
class Contents:
    """What an index file holds besides the scenes.

    Attributes:
        places: scene name to offset and size in bytes, in the order of scene.json.
        categories: names of the data set's categories.
        notices: one line each on what was taken in another way than nuScenes has it.
        cameras: names of all cameras; None where the scenes tell, which are then not left in the tables.
    """

    places: dict[str, tuple[int, int]]
    categories: tuple[str, ...]
    notices: tuple[str, ...]
    cameras: tuple[str, ...] | None


class IndexFile:
    """Scene indices in a file: one of the cache, or one without a name, gone with its last holder."""

    def __init__(self, file: IO[bytes], contents: Contents, kept: Path | None = None) -> None:
        self._file = file
        self._contents = contents
        self._kept = kept

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

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of all cameras."""
        if self._contents.cameras is not None:
            return self._contents.cameras
        loaded = map(self.load, self.scenes)
        return tuple({each.name for index in loaded for each in index.calibrations if each.kind == CAMERA})

    def load(self, scene: str) -> SceneIndex:
        """Read one scene; KeyError where it is not in the file.

        Raises:
            DatasetError: what was left in the tables is broken, or they are other ones by now; or the index
                that was kept is damaged, which is then removed.
        """
        offset, size = self._contents.places[scene]
        # pread leaves the file position alone, so threads and forked workers may share the descriptor.
        data = os.pread(self._file.fileno(), size, offset)
        try:
            found = pickle.loads(data)
        except Exception as error:  # whatever bytes may make of it
            if self._kept is None:
                raise
            self._kept.unlink(missing_ok=True)
            raise DatasetError(
                f"{self._kept}: the kept index is damaged and was removed; open the data set again"
            ) from error
        return found.load() if isinstance(found, ScenePart) else found


def build_index(dataroot: Path, version: str, scenes: Sequence[str] = ()) -> IndexFile:
    """Index scenes (all where none are named) of a data set, in a process of its own.

    Raises DatasetError where a table is missing, broken or inconsistent, or a scene unknown.
    """
    kept = None
    if large(dataroot / version):
        dataroot = dataroot.resolve()  # what is kept outlives the working directory
        kept = _kept(dataroot / version)
    opened = _open(kept)
    file, contents = opened or _made(dataroot, version, scenes)
    if opened is None and kept is not None and contents.cameras is not None:
        _keep(file, kept)
    if scenes:
        for name in scenes:
            if name not in contents.places:
                file.close()
                raise DatasetError(unknown_scene(dataroot / version, name, tuple(contents.places)))
        places = {name: place for name, place in contents.places.items() if name in scenes}
        contents = replace(contents, places=places)
    return IndexFile(file, contents, kept if opened is not None else None)


def _made(dataroot: Path, version: str, scenes: Sequence[str]) -> tuple[IO[bytes], Contents]:
    """A new index in an anonymous file."""
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
    result = _contents(file)
    if isinstance(result, str):
        file.close()
        raise DatasetError(result)
    return file, result


def _contents(file: IO[bytes]) -> Contents | str:
    size = os.fstat(file.fileno()).st_size
    offset, length = _TRAILER.unpack(os.pread(file.fileno(), _TRAILER.size, size - _TRAILER.size))
    return pickle.loads(os.pread(file.fileno(), length, offset))


def _kept(folder: Path) -> Path:
    """Where the index of these very tables is kept."""
    tables = sorted((path.name, *written(path)) for path in folder.glob("*.json"))
    name = blake2b(repr((__version__, _FORM, str(folder), tables)).encode(), digest_size=16).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return cache / "lss_bev_ros" / "tables" / f"{name}.index"


def _open(kept: Path | None) -> tuple[IO[bytes], Contents] | None:
    """An index that is kept; None where there is none that can be read."""
    if kept is None:
        return None
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(kept.open("rb"))
            # Unpickled, so nobody else may have written it.
            mine = os.fstat(file.fileno()).st_uid == os.getuid()
            contents = _contents(file) if mine else None
        except Exception:  # whatever is wrong with it, it can be made again
            return None
        if not isinstance(contents, Contents):  # or it says why there is none
            return None
        stack.pop_all()
    with contextlib.suppress(OSError):  # on a disk that is only read
        os.utime(file.fileno())
    return file, contents


def _keep(file: IO[bytes], kept: Path) -> None:
    """Put an index where it is found the next time, and drop those that were used long ago."""
    # A full disk or a home that cannot be written costs only the time.
    with contextlib.suppress(OSError, DatasetError):
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(kept, DatasetError, sync=False) as unfinished, unfinished.open("wb") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy, 1 << 20)
        by_use = sorted(kept.parent.glob("*.index"), key=lambda path: path.stat().st_mtime)
        for path in by_use[:-_KEPT]:
            path.unlink(missing_ok=True)


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
        tables, found, cameras = _found(Path(dataroot), version, scenes)
        for name, index in found:
            data = pickle.dumps(index, protocol=pickle.HIGHEST_PROTOCOL)
            places[name] = (out.tell(), len(data))
            out.write(data)
        result: Contents | str = Contents(places, tables.categories, tuple(tables.notices), cameras)
    except DatasetError as error:
        result = str(error)
    offset = out.tell()
    data = pickle.dumps(result)
    out.write(data)
    out.write(_TRAILER.pack(offset, len(data)))
    out.close()


def _found(
    dataroot: Path, version: str, scenes: Sequence[str]
) -> tuple[Tables, Iterator[tuple[str, SceneIndex | ScenePart]], tuple[str, ...] | None]:
    """Tables, their scenes, and the cameras where the scenes are still in the tables."""
    if large(dataroot / version):
        small = Tables(dataroot, version, everything=False)
        parts = scene_parts(dataroot / version, small)
        if parts is not None:
            return small, parts, tuple(small.cameras)
    tables = Tables(dataroot, version, scenes)
    return tables, ((index.name, index) for index in tables.indices()), None


def index_scenes(dataroot: Path, version: str, scenes: Sequence[str] = ()) -> Iterator[SceneIndex]:
    """Yield the SceneIndex of each scene (all where none are named), reading the tables in this process."""
    return Tables(dataroot, version, scenes).indices()
