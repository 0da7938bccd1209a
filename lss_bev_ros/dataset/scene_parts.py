"""The scenes of tables that are too large to be parsed before anyone asks for a scene.

Where the large tables have nuScenes' own layout, they are only searched for tokens (see `large_table`). What
comes of it is, for each scene, where its records are; they are parsed when the scene is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .large_table import TableScan, hashed, scan
from .records import RecordRows, written
from .scene_index import SceneIndex
from .tables import Tables, grouped

LARGE = 64 << 20
"""Bytes of the three tables together from which they are not parsed at once."""

_TABLES = ("sample_data", "ego_pose", "sample_annotation")


@dataclass(frozen=True)
class ScenePart:
    """A scene whose records are still in the tables' files."""

    tables: Tables

    def load(self) -> SceneIndex:
        """Parse them.

        Raises:
            DatasetError: a record is broken or inconsistent, or the files are other ones by now.
        """
        self.tables.read_large()
        (index,) = self.tables.indices()
        return index


def large(folder: Path) -> bool:
    """Whether a version folder has tables that should not be parsed at once."""
    return sum(written(folder / f"{name}.json")[0] for name in _TABLES) >= LARGE


def scene_parts(folder: Path, tables: Tables) -> Iterator[tuple[str, ScenePart]] | None:
    """The scenes of large tables by name, in their order.

    Args:
        folder: of the tables.
        tables: all scenes of it, without the large tables.

    Returns:
        None where a table has another layout or anything is unusual, and the tables must be parsed: the
        parser names what is wrong, or takes it.
    """
    files = {name: folder / f"{name}.json" for name in _TABLES}
    before = {name: written(path) for name, path in files.items()}
    if tables.notices or tables.lidars - {"LIDAR_TOP"}:
        return None
    wanted = ("sample_token", "ego_pose_token", "calibrated_sensor_token")
    try:
        with ThreadPoolExecutor(1) as beside:  # half of the bytes each
            scanned = beside.submit(scan, files["sample_data"], wanted)
            poses, boxes = scan(files["ego_pose"], ("token",)), _annotations(files["sample_annotation"])
            data = scanned.result()
    except OSError:
        return None
    if data is None or poses is None or boxes is None:
        return None
    samples, sensors, instances = hashed(tables.sample_tokens), tables.sensor_tokens, tables.instance_tokens
    sample, box_sample = (
        _find(samples, data.tokens["sample_token"]),
        _find(samples, boxes.tokens["sample_token"]),
    )
    sensor = _find(hashed(sensors), data.tokens["calibrated_sensor_token"])
    thing = _find(hashed(instances), boxes.tokens["instance_token"])
    if any((found < 0).any() for found in (sample, box_sample, sensor, thing)):
        return None
    used = np.flatnonzero(tables.sensors_used[sensor])
    pose = _find(poses.tokens["token"], data.tokens["ego_pose_token"][used])
    box_scene = tables.sample_scenes[box_sample]
    homes = np.unique(thing.astype(np.int64) << 32 | box_scene) >> 32
    if (pose < 0).any() or (np.diff(homes) == 0).any():  # the latter: an object of two scenes
        return None

    def rows(table: str, found: TableScan, numbers: np.ndarray) -> RecordRows:
        return RecordRows(numbers, found.starts[numbers], found.ends[numbers], before[table])

    def parts() -> Iterator[tuple[str, ScenePart]]:
        data_of = grouped(tables.sample_scenes[sample[used]], len(tables.scenes))
        boxes_of = grouped(box_scene, len(tables.scenes))
        for scene, name in enumerate(tables.scenes):
            mine, annotated = data_of[scene], boxes_of[scene]
            part = tables.part(
                scene,
                [sensors[row] for row in np.unique(sensor[used[mine]])],
                [instances[row] for row in np.unique(thing[annotated])],
                {
                    "sample_data": rows("sample_data", data, used[mine]),
                    "ego_pose": rows("ego_pose", poses, np.unique(pose[mine])),
                    "sample_annotation": rows("sample_annotation", boxes, annotated),
                },
            )
            yield name, ScenePart(part)

    return parts()


def _annotations(path: Path) -> TableScan | None:
    """As `scan`; a table that is not there or empty, as that of v1.0-test, has no records."""
    if path.is_file() and path.stat().st_size > len(b"[\n\n]\n"):
        return scan(path, ("sample_token", "instance_token"))
    nothing = np.empty(0, np.int64)
    return TableScan(
        nothing, nothing, dict.fromkeys(("sample_token", "instance_token"), nothing.view(np.uint64))
    )


def _find(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Rows of `known` that hold what is `asked`, -1 where none does."""
    if not len(known):
        return np.full(len(asked), -1, dtype=np.int64)
    order, by_token = np.argsort(known), np.argsort(asked)
    ordered, wanted = known[order], asked[by_token]  # both in order: the search stays in the cache
    place = np.minimum(np.searchsorted(ordered, wanted), len(known) - 1)
    found = np.empty(len(asked), dtype=np.int64)
    found[by_token] = np.where(ordered[place] == wanted, order[place], -1)
    return found
