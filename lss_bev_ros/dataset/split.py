"""Which scenes of a root are for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DatasetError

if TYPE_CHECKING:
    from .nuscenes import NuScenesReader

SPLITS = ("train", "val", "test")


def scenes_of_split(reader: NuScenesReader, split: str) -> tuple[str, ...]:
    """The scenes of a split, in the reader's order.

    Scenes with nuScenes' names follow nuscenes-devkit's splits (`mini_train`, `mini_val` in v1.0-mini). A
    synthetic root is all for testing: training draws worlds from seeds that `synthesize` does not take.

    Args:
        reader: of the root.
        split: `train`, `val` or `test`.

    Raises:
        DatasetError: no such split, or the root has no scene of it.
    """
    from nuscenes.utils.splits import create_splits_scenes

    from .synthetic.synthesis import MARKER

    if split not in SPLITS:
        raise DatasetError(f"split {split!r} must be one of {', '.join(SPLITS)}")
    names = tuple(reader.scenes)
    if (reader.dataroot / MARKER).is_file():
        chosen = names if split == "test" else ()
    else:
        splits = create_splits_scenes()
        mini = "mini" in reader.version and split != "test"
        chosen = tuple(name for name in names if name in set(splits[f"mini_{split}" if mini else split]))
    if not chosen:
        raise DatasetError(
            f"{reader.dataroot} has no scene of the split {split}: leave the split out to take all scenes"
        )
    return chosen
