"""Rolling shutters: the rows of a picture are read one after another while the car moves on.

The pictures are drawn at one instant each, that of their middle rows; depth and boxes are true then. Here
each row is moved to its own instant, by the apparent velocity that its pixels have for their depth: a pole at
the side leans, and what is far away stays. PyTorch on whole batches, on the device that the pictures are on.
What moves by itself is taken to stand still meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ..geometry import Pose

_INSTANT = 0.01
"""Seconds before and after between which a velocity is measured."""


def motions_of(car: Callable[[float], Pose], time: float, cameras: Sequence[Pose]) -> np.ndarray:
    """(N, 6) float32 of cameras at a time: velocity in m/s and turning in rad/s, each in its own frame.

    Args:
        car: base_link in the world at a time.
        time: seconds.
        cameras: where they are mounted, base_link.
    """
    before, now, after = (car(time + step) for step in (-_INSTANT, 0.0, _INSTANT))
    way = now.rotation.T @ (after.translation - before.translation) / (2 * _INSTANT)
    turned = before.rotation.T @ after.rotation
    axis = np.array([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]])
    turn = axis / 2 / (2 * _INSTANT)
    ways = [(way + np.cross(turn, camera.translation)) @ camera.rotation for camera in cameras]
    return np.concatenate([ways, [turn @ camera.rotation for camera in cameras]], 1).astype(np.float32)


def rolled(
    images: torch.Tensor,
    nearness: torch.Tensor,
    lenses: torch.Tensor,
    motions: torch.Tensor,
    readout: torch.Tensor,
    chunk: int = 24,
) -> torch.Tensor:
    """Move the rows of pictures to their own instants.

    Args:
        images: (P, H, W, 3) uint8.
        nearness: (P, H, W) float32, one over the metres along the optical axis, 0 for the sky.
        lenses: (P, 4) fx, fy, cx, cy of these pictures, pixels (centres at whole numbers).
        motions: (P, 6) float32 of `motions_of`.
        readout: (P,) float32 seconds from the first row to the last; 0 for a global shutter.
        chunk: pictures that are worked on at a time.

    Returns:
        (P, H, W, 3) uint8. Pictures without a readout or without motion are the same bytes.
    """
    result = images.clone()
    chosen = torch.nonzero((readout > 0) & (motions != 0).any(1))[:, 0]
    for part in chosen.split(chunk):
        numbers = torch.cat([lenses[part].float(), motions[part].float()], 1).T[:, :, None, None]
        result[part] = _rolled(images[part], nearness[part], numbers, readout[part][:, None, None])
    return result


def _rolled(images, near, numbers, readout):
    count, height, width = near.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, device=near.device, dtype=torch.float32),
        torch.arange(width, device=near.device, dtype=torch.float32),
        indexing="ij",
    )
    # Where the pixels of the drawn picture go; the nearest of several is seen.
    across, down = _flow(columns, rows, near, numbers)
    v = rows + down * _late(rows, height, readout)
    late = _late(v, height, readout)
    at_u, at_v = columns + across * late, (rows + down * late).round().long()
    picture = torch.arange(count, device=near.device)[:, None, None]
    # Less near than anything is a place that no pixel goes to.
    seen = torch.full((count * height * width,), -1.0, device=near.device)
    for u in (at_u.floor().long(), at_u.ceil().long()):
        inside = (u >= 0) & (u < width) & (at_v >= 0) & (at_v < height)
        seen.scatter_reduce_(0, ((picture * height + at_v) * width + u)[inside], near[inside], "amax")
    seen = seen.view(near.shape)
    late = _late(rows, height, readout)
    u, v = _source(columns, rows, seen, numbers, late)
    row = v.round().long().clamp(0, height - 1)
    there = [near[picture, row, side.long().clamp(0, width - 1)] for side in (u.floor(), u.ceil())]
    # What something moved away from shows what was beside it, since nobody saw what is behind.
    hidden = (seen < 0) | (torch.maximum(*there) > 1.2 * seen + 0.01)
    u, v = _source(columns, rows, torch.where(hidden, near, seen), numbers, late)
    grid = torch.stack([u * 2 / max(width - 1, 1) - 1, v * 2 / max(height - 1, 1) - 1], -1)
    planes = images.permute(0, 3, 1, 2).float()
    moved = F.grid_sample(planes, grid, padding_mode="border", align_corners=True)
    return moved.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8)


def _source(columns, rows, near, numbers, late):
    """Where in the drawn picture is what pixels show that is as near as said."""
    across, down = _flow(columns, rows, near, numbers)
    return columns - across * late, rows - down * late


def _late(v, height, readout):
    """Seconds from the middle row to others."""
    return (v / max(height - 1, 1) - 0.5) * readout


def _flow(columns, rows, near, numbers):
    """Apparent velocities of pixels, pixels a second.

    Longuet-Higgins and Prazdny, "The interpretation of a moving retinal image", 1980.
    """
    fx, fy, cx, cy, vx, vy, vz, wx, wy, wz = numbers
    x, y = (columns - cx) / fx, (rows - cy) / fy
    across = (x * vz - vx) * near + x * y * wx - (1 + x * x) * wy + y * wz
    down = (y * vz - vy) * near + (1 + y * y) * wx - x * y * wy - x * wz
    return across * fx, down * fy
