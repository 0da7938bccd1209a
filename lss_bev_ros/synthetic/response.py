"""What cameras make of light, from lens to file, and how they differ; `develop` applies it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .realism import Range, ResponseRanges


@dataclass(frozen=True, eq=False)
class Response:
    """The responses of P pictures' cameras, (P,) float32 each, named as in `ResponseRanges`.

    Attributes:
        gain: (P, 3) factors on the light, from exposure, warmth and tint.
        blur, motion, angle, shot, read, mosaic, gamma, contrast, black, saturation, sharpening, vignette,
            glare, bloom, flare, quality: (P,); `angle` is the motion's, radians; `mosaic` is 0 or 1.
        on: (P,) 1 where there is a response, 0 where the picture stays as it is.
        readout: (P,) seconds; `shutter` applies it.
    """

    gain: np.ndarray
    blur: np.ndarray
    motion: np.ndarray
    angle: np.ndarray
    shot: np.ndarray
    read: np.ndarray
    mosaic: np.ndarray
    gamma: np.ndarray
    contrast: np.ndarray
    black: np.ndarray
    saturation: np.ndarray
    sharpening: np.ndarray
    vignette: np.ndarray
    glare: np.ndarray
    bloom: np.ndarray
    flare: np.ndarray
    quality: np.ndarray
    on: np.ndarray
    readout: np.ndarray

    def __getitem__(self, index: int) -> Response:
        """The response of one picture, P = 1."""
        return Response.of_table(self.table[index : index + 1])

    def __len__(self) -> int:
        return len(self.on)

    @property
    def table(self) -> np.ndarray:
        """(P, COLUMNS) float32, everything in the order of the attributes."""
        parts = [np.asarray(getattr(self, f.name), np.float32) for f in fields(self)]
        return np.concatenate([p.reshape(len(self), -1) for p in parts], 1)

    @classmethod
    def of_table(cls, table: np.ndarray) -> Response:
        """The responses of `table`."""
        return cls(table[:, :3], *(table[:, k] for k in range(3, COLUMNS)))


COLUMNS = 21
"""Of a response's table."""


def draw_response(ranges: ResponseRanges, cameras: int, rng: np.random.Generator) -> Response:
    """The responses of a car's cameras: they are of one make, and much is common to all."""
    on = float(rng.random() < ranges.chance)

    def common(span: Range) -> np.ndarray:
        return np.full(cameras, rng.uniform(*span), np.float32)

    def shared(span: Range) -> np.ndarray:
        one, own = rng.uniform(*span), rng.uniform(*span, cameras)
        return (ranges.alike * one + (1 - ranges.alike) * own).astype(np.float32)

    exposure, warmth, tint = shared(ranges.exposure), shared(ranges.warmth), shared(ranges.tint)
    gain = 2.0 ** (exposure[:, None] + np.stack([warmth / 2, tint, -warmth / 2], -1))
    return Response(
        gain.astype(np.float32),
        common(ranges.blur) * rng.uniform(0.6, 1.0, cameras).astype(np.float32),
        shared(ranges.motion),
        rng.normal(0, 0.15, cameras).astype(np.float32),
        common(ranges.shot),
        common(ranges.read),
        np.full(cameras, rng.random() < ranges.mosaic, np.float32),
        common(ranges.gamma),
        common(ranges.contrast),
        common(ranges.black),
        common(ranges.saturation),
        common(ranges.sharpening),
        common(ranges.vignette),
        shared(ranges.glare),
        shared(ranges.bloom),
        common(ranges.flare),
        common(ranges.quality),
        np.full(cameras, on, np.float32),
        common(ranges.readout) * np.float32(on),
    )
