"""Which scenes are trained on."""

from __future__ import annotations

from ..dataset.split import scenes_of_split
from ..errors import DatasetError, TrainingError


def split_scenes(reader) -> tuple[list[str], list[str]]:
    """Training and validation scenes of a root.

    nuscenes-devkit's splits where the root has scenes of both; of any other root, such as a synthetic one,
    every fifth scene is for validation, the last one where there are fewer than five.

    Raises:
        TrainingError: fewer than two scenes.
    """
    try:
        return list(scenes_of_split(reader, "train")), list(scenes_of_split(reader, "val"))
    except DatasetError:
        names = list(reader.scenes)
    val = names[4::5] or names[-1:]
    train = [name for name in names if name not in val]
    if not train:
        raise TrainingError(
            f"{reader.dataroot} has one scene, which cannot be both trained on and validated: add scenes"
        )
    return train, val
