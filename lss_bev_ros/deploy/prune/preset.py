"""Networks of chosen widths, so that the same one is cut again anywhere, without measuring any latency.

The widths are what `lss-bev prune --speedup 2.03`, `3` and `4` chose for `builtin` in fp32 on two processor
cores; those of x2 are the widths of `builtin-pruned`. Another device is made faster by another factor.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...errors import DeployError
from ...model import Widths
from .allocation import strongest

PRESETS = {
    "x2": Widths(
        hidden=(72, 144, 112, 192, 232, 384, 392, 464, 336, 336, 424, 576, 584, 640, 960),
        stages=(16, 24, 40, 80, 112, 192, 80),
        camera_up=(352, 232),
        bev_inner=(56, 32, 56, 32, 200, 240),
        bev_up=(64, 64, 32),
    ),
    "x3": Widths(
        hidden=(88, 144, 136, 232, 232, 456, 464, 480, 312, 312, 504, 288, 328, 368, 1000),
        stages=(16, 24, 40, 80, 112, 184, 80),
        camera_up=(128, 248),
        bev=(64, 120, 136),
        bev_inner=(56, 32, 32, 32, 224, 232),
        bev_up=(64, 64, 32),
    ),
    "x4": Widths(
        stem=(24,),
        hidden=(72, 128, 144, 200, 232, 264, 264, 456, 192, 200, 416, 288, 288, 288, 768),
        stages=(16, 24, 40, 80, 56, 168, 80),
        camera_up=(128, 128),
        bev=(56, 120, 64),
        bev_inner=(40, 24, 32, 32, 128, 136),
        bev_up=(64, 64, 32),
    ),
}
"""Widths by the name of the preset. The classification head, which never runs, is the published one here."""


HEAD = ("head.0", "classes.0")
"""Widths of the classification head, which are cut in any case."""


def check_preset(preset: str) -> None:
    """Refuse a name that is not in `PRESETS`.

    Raises:
        DeployError: it is none.
    """
    if preset not in PRESETS:
        raise DeployError(f"no preset is called {preset!r}: use {', '.join(PRESETS)}")


def preset_channels(importance: Mapping[str, torch.Tensor], preset: str) -> dict[str, torch.Tensor]:
    """Choose the channels that stay for a preset's widths: the most important ones of each.

    Args:
        importance: scores of each width that may shrink, (channels,).
        preset: a name in `PRESETS`.

    Returns:
        For each width that shrinks the channels that stay, (K,) int64, rising.

    Raises:
        DeployError: no such preset, or the network is narrower than it somewhere.
    """
    check_preset(preset)
    wanted = PRESETS[preset].named()
    for name, scores in importance.items():
        if name not in HEAD and len(scores) < wanted[name]:
            raise DeployError(
                f"preset {preset} has {wanted[name]} channels in {name}, and these weights only "
                f"{len(scores)}: cut wider weights, such as builtin"
            )
    return {
        name: strongest(scores, wanted[name])
        for name, scores in importance.items()
        if name not in HEAD and wanted[name] < len(scores)
    }
