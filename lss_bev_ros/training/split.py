"""Which scenes are trained on."""

from __future__ import annotations

from ..errors import TrainingError


def split_scenes(reader) -> tuple[list[str], list[str]]:
    """Training and validation scenes of a root.

    nuscenes-devkit's splits where the scenes are its own; of any other root, such as a synthetic one, every
    fifth scene is for validation.

    Raises:
        TrainingError: fewer than two scenes.
    """
    from nuscenes.utils.splits import create_splits_scenes

    names = list(reader.scenes)
    splits = create_splits_scenes()
    prefix = "mini_" if "mini" in reader.version else ""
    train = [name for name in names if name in set(splits[f"{prefix}train"])]
    val = [name for name in names if name in set(splits[f"{prefix}val"])]
    if len(train) + len(val) < len(names) or not train or not val:
        train = [name for k, name in enumerate(names) if k % 5 != 4]
        val = [name for k, name in enumerate(names) if k % 5 == 4] or names[-1:]
        train = [name for name in train if name not in val]
    if not train:
        raise TrainingError(f"{reader.dataroot} has one scene, which cannot be both trained on and validated: add scenes")
    return train, val
