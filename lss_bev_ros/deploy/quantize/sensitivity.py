"""How much each layer costs when it alone is quantised, and which ones to leave in float."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...runtime.onnx.session import OnnxSession
from .accuracy import intersection_over_union, relative_error, run_frames
from .network import FloatNetwork, LabelledInput
from .rewrite import QuantizationScheme, quantized

if TYPE_CHECKING:
    from onnxruntime.quantization.calibrate import TensorsData

FIRST = 2
"""Layers that go back to float where the bound is missed at first; twice as many every next time."""


@dataclass(frozen=True)
class Trial:
    """One choice of layers.

    Attributes:
        floating: layers left in float.
        iou: over the frames, NaN without annotations.
        error: of the logits, relative to their spread.
    """

    floating: tuple[str, ...]
    iou: float
    error: float


def layer_errors(
    network: FloatNetwork,
    ranges: TensorsData,
    frames: Sequence[LabelledInput],
    scheme: QuantizationScheme,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Quantise every layer alone.

    Returns:
        The logits' error of each layer, see `relative_error`, in the order in which the layers run.
    """
    reference = run_frames(network.session(threads), frames)
    errors = {}
    for done, layer in enumerate(network.layers):
        model = quantized(network, ranges, [layer], scheme)
        session = OnnxSession(model.SerializeToString(), f"{layer} in int8", threads)
        errors[layer] = relative_error(run_frames(session, frames), reference)
        if progress:
            progress(done + 1, len(network.layers))
    return errors


def choose_float_layers(
    network: FloatNetwork,
    ranges: TensorsData,
    frames: Sequence[LabelledInput],
    scheme: QuantizationScheme,
    errors: dict[str, float],
    kept: Collection[str],
    bound: float,
    threads: int = 0,
    progress: Callable[[Trial], None] | None = None,
) -> tuple[list[Trial], float]:
    """Leave the most sensitive layers in float until the loss is within a bound.

    Args:
        network: in fp32.
        ranges: of its tensors.
        frames: to measure the loss on.
        scheme: how numbers become 8 bits.
        errors: of each layer alone.
        kept: layers that stay in float whatever they cost.
        bound: of the IoU's loss; without annotations of the logits' error.
        threads: of onnxruntime.
        progress: told of each choice.

    Returns:
        All choices that were tried, the last of which meets the bound or has all known layers in float, and
        the IoU in fp32.
    """
    reference = run_frames(network.session(threads), frames)
    grid = network.description.config.grid
    target = intersection_over_union(reference, frames, grid)
    order = [layer for layer in sorted(errors, key=errors.__getitem__, reverse=True) if layer not in kept]
    trials: list[Trial] = []
    count = 0
    while True:
        floating = {*kept, *order[:count]}
        layers = [layer for layer in network.layers if layer not in floating]
        model = quantized(network, ranges, layers, scheme)
        logits = run_frames(OnnxSession(model.SerializeToString(), "the int8 network", threads), frames)
        trial = Trial(
            tuple(layer for layer in network.layers if layer in floating),
            intersection_over_union(logits, frames, grid),
            relative_error(logits, reference),
        )
        trials.append(trial)
        if progress:
            progress(trial)
        loss = trial.error if np.isnan(target) else target - trial.iou
        if loss <= bound or count == len(order):
            return trials, target
        count = min(len(order), max(FIRST, 2 * count))
