"""How much of its result one program of a kernel makes, found by measuring every choice on an H200.

The maps are small: what counts is to have enough programs for all multiprocessors, each with several loads
in flight, more than to read each value few times.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """Sizes of one program of the convolution kernel, and how it runs.

    Attributes:
        pixels, outputs, inputs: block of the matrix product.
        warps: of 32 threads.
        stages: steps of the product that are loaded ahead.
        parts: programs that share one sum, each with as many of its steps; a second kernel adds them up.
    """

    pixels: int
    outputs: int
    inputs: int
    warps: int
    stages: int
    parts: int = 1


@dataclass(frozen=True)
class ConvolutionSize:
    """What the choice of a tile depends on.

    Attributes:
        pixels: of the output, all images together.
        image: pixels of one image.
        inputs, outputs: channels.
        taps: of the kernel.
        gated: whether the input is scaled on the way in, one image a program.
        whole: whether one program must make all outputs of its pixels.
        exact: whether weights, and mostly inputs, are two halves each.
    """

    pixels: int
    image: int
    inputs: int
    outputs: int
    taps: int = 1
    gated: bool = False
    whole: bool = False
    exact: bool = False


EXACT = {
    (1, 144, 40, 4224): Tile(64, 32, 64, 4, 3),
    (1, 240, 40, 4224): Tile(32, 32, 64, 2, 3),
    (1, 672, 192, 264): Tile(16, 32, 128, 4, 3),
}
"""Of layers in two halves, by taps, inputs, outputs and pixels: the fastest on an H200 for the published
network and six cameras, where that is not what the rules below choose."""

DEPTHWISE = (8, 32, 2)
"""Strips and channels of one program of the depthwise kernel, and its warps: of 26 choices the one with
which the published network's sixteen convolutions together take least time."""

GATE = 64
"""Channels of one program of the gate kernel."""


def power_of_two(number: int, least: int = 16) -> int:
    """The smallest power of two from `least` on that is not below `number`."""
    size = least
    while size < number:
        size *= 2
    return size


def convolution_tile(shape: ConvolutionSize, processors: int) -> Tile:
    """Choose the tile of a convolution.

    Args:
        shape: of the convolution.
        processors: multiprocessors of the chip.
    """
    width = power_of_two(shape.outputs)
    if shape.exact and (shape.taps, shape.inputs, shape.outputs, shape.pixels) in EXACT:
        return EXACT[shape.taps, shape.inputs, shape.outputs, shape.pixels]
    if shape.whole:
        rows = 16 if shape.pixels < 64 * processors else 64
        step = 128 if shape.taps == 1 and shape.inputs % 128 == 0 else 64
        return Tile(rows, width, min(step, power_of_two(shape.inputs)), 4, 4)
    if shape.taps == 1:
        return (_exact_pointwise if shape.exact else _pointwise)(shape, width, processors)
    if shape.exact:
        return _exact(shape, width, processors)
    step = 64 if shape.inputs % 64 == 0 else 32
    steps = shape.taps * -(-shape.inputs // step)
    for rows, columns in ((128, 256), (128, 128), (128, 64), (64, 64), (32, 64), (32, 32)):
        programs = -(-shape.pixels // rows) * -(-shape.outputs // columns)
        if columns <= width and programs >= 0.55 * processors:
            break
    warps = 8 if rows == 128 else 4
    return Tile(rows, min(columns, width), step, warps, min(steps, 3 if columns == 256 else 4))


def _exact(shape: ConvolutionSize, width: int, processors: int) -> Tile:
    """Of a residual convolution in two halves: with few pixels, a program makes one row of the kernel."""
    step = 64 if shape.inputs % 64 == 0 else 32
    steps = shape.taps * -(-shape.inputs // step)
    programs = -(-shape.pixels // 64) * -(-shape.outputs // min(64, width))
    parts = 3 if programs < processors and steps % 3 == 0 else 1
    return Tile(64, min(64, width), step, 4, min(3, steps // parts), parts)


def _exact_pointwise(shape: ConvolutionSize, width: int, processors: int) -> Tile:
    """Of a 1x1 convolution in two halves: large maps by wide blocks, long sums by two programs."""
    if (shape.gated and shape.image >= 2048) or (not shape.gated and shape.inputs <= 40):
        return Tile(128, min(32, width), 32, 8, 1)
    steps = -(-shape.inputs // 64)
    if shape.gated and steps >= 16 and steps % 2 == 0:
        return Tile(16, min(64, width), 64, 4, 3, 2)
    return _pointwise(shape, width, processors)


def _pointwise(shape: ConvolutionSize, width: int, processors: int) -> Tile:
    """Of a 1x1 convolution: the expansions are wide and shallow, the projections deep and narrow."""
    if shape.gated:
        step = 64 if shape.inputs >= 64 else 32
        rows = 128
        while rows > 16 and (shape.image % rows or shape.pixels // rows < 2 * processors):
            rows //= 2
        return Tile(rows, min(64 if rows == 16 else 32, width), step, 4, 3 if shape.inputs > step else 1)
    step = 64 if shape.inputs % 64 == 0 else 32
    step = min(step, power_of_two(shape.inputs))
    steps = -(-shape.inputs // step)
    rows = 64 if shape.inputs > 32 else 32
    return Tile(rows, min(32, width), step, 4, 3 if steps > 1 else 1)
