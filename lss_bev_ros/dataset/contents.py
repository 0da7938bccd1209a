"""What a data set says that it has, from its two smallest tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import DatasetError
from .nuscenes import find_version
from .records import load_records
from .tables import scene_names, unknown_scene


def count_keyframes(dataroot: str | Path, version: str = "", scenes: Sequence[str] = ()) -> int:
    """Count the keyframes of some scenes without opening the data set, which takes seconds or minutes.

    Args:
        dataroot: folder that holds the version folder.
        version: version folder; "" takes the only one there is.
        scenes: their names, all where none are named.

    Raises:
        DatasetError: root, version or scene is missing, or one of the tables is damaged.
    """
    root = Path(dataroot).expanduser()
    tables = root / find_version(root, version)
    records = load_records(tables / "scene.json", {"name", "token"})
    tokens = dict(zip(scene_names(records), (record["token"] for record in records), strict=True))
    for name in scenes:
        if name not in tokens:
            raise DatasetError(unknown_scene(tables, name, tuple(tokens)))
    samples = Counter(
        record["scene_token"] for record in load_records(tables / "sample.json", {"scene_token"})
    )
    return sum(samples[tokens[name]] for name in scenes or tokens)
