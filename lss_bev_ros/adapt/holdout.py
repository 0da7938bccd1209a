"""Which minutes of a drive are held out."""

from __future__ import annotations

from ..errors import TrainingError
from .passages import Drive
from .recipe import AdaptRecipe

_FEWEST = 4
"""Keyframes on either side without which nothing is learned, or judged."""


def split_drive(drive: Drive, recipe: AdaptRecipe) -> tuple[list[int], list[int]]:
    """Places of keyframes to train on, and of those that are held out.

    Held out are whole stretches of time, spread over the drive; what lies close to one is neither, since its
    pictures are nearly the same.

    Raises:
        TrainingError: too little is left on a side.
    """
    # However short the drive, there are ten of them.
    length = min(recipe.block, drive.seconds / 10)
    blocks: dict[tuple[str, int], list[int]] = {}
    begin: dict[str, int] = {}
    for place, frame in enumerate(drive.keyframes):
        first = begin.setdefault(frame.scene, frame.stamp)
        number = int((frame.stamp - first) / 1e9 / max(length, 1e-3))
        blocks.setdefault((frame.scene, number), []).append(place)
    names = list(blocks)
    every = max(2, round(1 / recipe.judged))
    chosen = names[every // 2 :: every]
    held = [place for name in chosen for place in blocks[name]]
    stamps = {(drive.keyframes[place].scene, drive.keyframes[place].stamp) for place in held}
    near = recipe.apart * 1e9
    out = set(held)
    train = [
        place
        for place, frame in enumerate(drive.keyframes)
        if place not in out
        and not any(scene == frame.scene and abs(stamp - frame.stamp) < near for scene, stamp in stamps)
    ]
    if len(train) < _FEWEST or len(held) < _FEWEST:
        raise TrainingError(
            f"a drive of {drive.seconds:.0f} s leaves {len(train)} keyframes to train on and {len(held)} to "
            f"judge by: record a longer one"
        )
    return train, held
