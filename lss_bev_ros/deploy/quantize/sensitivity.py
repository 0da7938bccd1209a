"""How much each layer costs when it alone is quantised, and which ones to leave in float."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...runtime.onnx.session import OnnxSession
from .accuracy import Outcome, judged, run_frames
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
        iou: of vehicles over the frames, NaN without annotations.
        error: of the output that is farthest off, relative to its spread.
        loss: the largest of any score; without annotations the error.
        scores: by metric.
    """

    floating: tuple[str, ...]
    iou: float
    error: float
    loss: float
    scores: Mapping[str, float] = field(default_factory=dict)


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
        The outputs' error of each layer, see `relative_error`, in the order in which the layers run.
    """
    reference = run_frames(network.session(threads), frames)
    errors = {}
    for done, layer in enumerate(network.layers):
        model = quantized(network, ranges, [layer], scheme)
        session = OnnxSession(model.SerializeToString(), f"{layer} in {scheme.precision}", threads)
        errors[layer] = run_frames(session, frames).error(reference)
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
) -> tuple[list[Trial], Outcome]:
    """Leave the most sensitive layers in float until the loss is within a bound.

    Args:
        network: in fp32.
        ranges: of its tensors.
        frames: to measure the loss on.
        scheme: how numbers become 8 bits.
        errors: of each layer alone.
        kept: layers that stay in float whatever they cost.
        bound: of the loss of IoU, or of any score; without annotations of the outputs' error.
        threads: of onnxruntime.
        progress: told of each choice.

    Returns:
        All choices that were tried, the last of which meets the bound or has all known layers in float, and
        how the network did in fp32.
    """
    reference = judged(network.session(threads), network.description, frames)
    order = [layer for layer in sorted(errors, key=errors.__getitem__, reverse=True) if layer not in kept]
    trials: list[Trial] = []
    count = 0
    while True:
        floating = {*kept, *order[:count]}
        layers = [layer for layer in network.layers if layer not in floating]
        model = quantized(network, ranges, layers, scheme)
        session = OnnxSession(model.SerializeToString(), f"the {scheme.precision} network", threads)
        outcome = judged(session, network.description, frames)
        trial = Trial(
            tuple(layer for layer in network.layers if layer in floating),
            outcome.iou,
            outcome.error(reference),
            outcome.loss(reference),
            outcome.scores,
        )
        trials.append(trial)
        if progress:
            progress(trial)
        if trial.loss <= bound or count == len(order):
            return trials, reference
        count = min(len(order), max(FIRST, 2 * count))
