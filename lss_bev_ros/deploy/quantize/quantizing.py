"""From an exported network in fp32 to one in 8 bits whose loss is known."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ... import files
from ...benchmark.turns import take_turns, times_faster
from ...errors import DeployError
from ...runtime.onnx.seal import sealed
from ...runtime.onnx.session import OnnxSession
from .equalization import channel_factors, equalized
from .explicit import heavy_layers
from .network import FloatNetwork, labelled_inputs
from .ranges import METHODS, measure_ranges
from .rewrite import QuantizationScheme, quantized
from .sensitivity import Trial, choose_float_layers, layer_errors

if TYPE_CHECKING:
    from onnxruntime.quantization.calibrate import TensorsData

Progress = Callable[[str, int, int], None]
EQUALIZED_ON = 8
"""Frames at most that channels are compared on."""


@dataclass(frozen=True)
class QuantizeOptions:
    """What is asked for.

    Attributes:
        frames: calibration frames, on which ranges are measured and the loss is.
        sensitivity_frames: of those, on which each layer is tried alone; 0 to try none and keep only `keep`.
        method: `minmax`, `percentile` or `entropy`.
        percentile: for that method.
        equalize: whether channels are brought to one range first, see `equalization`.
        bound: IoU that may be lost; without annotations the logits' relative error.
        keep: layers that stay in float, by name or by the beginning of many.
        runtime: `onnxruntime` or `tensorrt`, see `QuantizationScheme`.
        reduced: 7 bit weights: `auto` for processors without VNNI, `yes` or `no`.
        threads: of onnxruntime; 0 for all cores.
        turns: timed runs of each file; 0 for none.
        precision: of the 8 bits, see `QuantizationScheme`.
    """

    frames: int = 16
    sensitivity_frames: int = 1
    method: str = "percentile"
    percentile: float = 99.99
    equalize: bool = True
    bound: float = 0.01
    keep: tuple[str, ...] = ()
    runtime: str = "onnxruntime"
    reduced: str = "auto"
    threads: int = 0
    turns: int = 10
    precision: str = "int8"

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise DeployError(f"{self.frames} calibration frames are too few: ranges need at least 1")
        if self.method not in METHODS:
            raise DeployError(f"method {self.method!r} must be one of {', '.join(METHODS)}")
        if not 50.0 < self.percentile <= 100.0:
            raise DeployError(f"percentile {self.percentile:g} must be above 50 and at most 100")
        if not self.bound >= 0:
            raise DeployError(f"bound {self.bound:g} must be at least 0")
        if self.reduced not in ("auto", "yes", "no"):
            raise DeployError(f"reduced {self.reduced!r} must be auto, yes or no")
        QuantizationScheme(self.runtime, precision=self.precision)

    @property
    def scheme(self) -> QuantizationScheme:
        """How numbers become 8 bits here."""
        auto = self.runtime == "onnxruntime" and not has_vnni()
        reduced = auto if self.reduced == "auto" else self.reduced == "yes"
        return QuantizationScheme(self.runtime, reduced, self.precision)


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A file that was written.

    Attributes:
        path: of it.
        errors: each layer's error alone; empty where none was tried.
        trials: choices of float layers, the last of which is the file's.
        iou: in fp32, NaN without annotations.
        milliseconds: (2, turns) of fp32 and 8 bits, or nothing.
        report: everything for the report file.
    """

    path: Path
    errors: dict[str, float]
    trials: Sequence[Trial]
    iou: float
    milliseconds: np.ndarray
    report: dict[str, object]


def quantize(
    source: Path,
    out: Path,
    dataroot: Path,
    options: QuantizeOptions | None = None,
    parts: Sequence[Path] = (),
    progress: Progress | None = None,
) -> QuantizedNetwork:
    """Quantise a network, and the files of its encoders in the same way.

    Args:
        source: ONNX file of the whole network in fp32.
        out: file to write.
        dataroot: nuScenes data with calibration frames.
        options: what is asked for.
        parts: fp32 files of the encoders of the same weights; written beside them, as `..._int8.onnx`
            or `..._fp8.onnx`.
        progress: told of a step's name, what of it is done and all.

    Raises:
        LssBevError: files or data cannot be had, layers are unknown, or the bound cannot be met.
    """
    options = options or QuantizeOptions()
    tell = progress or (lambda *_: None)
    network = FloatNetwork.read(source)
    if network.description.part != "network":
        raise DeployError(
            f"{source} is the {network.description.part} encoder alone: calibrate the whole network, "
            f"and name this file with --part"
        )
    encoders = [_encoder(path, network) for path in parts]
    kept = network.find(options.keep)
    frames = labelled_inputs(network, dataroot, options.frames)
    scheme = options.scheme
    if scheme.runtime == "tensorrt":
        network = replace(network, layers=heavy_layers(network))
    if options.equalize:
        factors = channel_factors(
            network,
            frames[:EQUALIZED_ON],
            options.threads,
            lambda done, total: tell("channels", done, total),
        )
        network, *encoders = (
            replace(part, model=equalized(part.model, factors)) for part in (network, *encoders)
        )
    ranges = measure_ranges(
        network,
        frames,
        options.method,
        options.percentile,
        scheme.symmetric,
        lambda done, total: tell("ranges", done, total),
    )
    few = frames[: options.sensitivity_frames]
    errors = {}
    if few:
        errors = layer_errors(
            network, ranges, few, scheme, options.threads, lambda done, total: tell("layers", done, total)
        )
    trials, before = choose_float_layers(
        network, ranges, frames, scheme, errors, kept, options.bound, options.threads
    )
    chosen = trials[-1]
    _check(chosen, options, len(network.layers))
    layers = [layer for layer in network.layers if layer not in chosen.floating]
    files.write(out, sealed(quantized(network, ranges, layers, scheme)), DeployError)
    for encoder in encoders:
        _save_encoder(encoder, network, ranges, layers, scheme)
    milliseconds = np.zeros((2, 0))
    if options.turns:
        sessions = [OnnxSession(path, threads=options.threads) for path in (source, out)]
        fed = [(session.run, [frame.of(session) for frame in frames]) for session in sessions]
        runs = [lambda turn, run=run, inputs=inputs: run(inputs[turn % len(inputs)]) for run, inputs in fed]
        milliseconds = take_turns(runs, options.turns)
    iou = before.iou
    annotated = not np.isnan(iou)
    report: dict[str, object] = {
        "file": out.name,
        "weights": network.description.weights,
        "precision": scheme.precision,
        "options": asdict(options),
        "weights_bits": 7 if scheme.reduced else 8,
        "processor": platform.processor() or platform.machine(),
        "frames": len(frames),
        "iou_fp32": iou if annotated else None,
        "scores_fp32": dict(before.scores),
        "trials": [asdict(t) | {"iou": t.iou if annotated else None} for t in trials],
        "layers": len(network.layers),
        "float_layers": list(chosen.floating),
        "sensitivity": errors,
        "milliseconds": [float(np.median(row)) if row.size else None for row in milliseconds],
        "speedup": times_faster(*milliseconds) if milliseconds.size else None,
    }
    return QuantizedNetwork(out, errors, trials, iou, milliseconds, report)


def has_vnni() -> bool:
    """Whether the processor multiplies 8 bit numbers without saturating in between."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    # Arm's processors have dot products of 8 bit numbers from asimddp on.
    return bool(flags & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def _check(chosen: Trial, options: QuantizeOptions, layers: int) -> None:
    """Refuse to write a file that misses the bound."""
    if len(chosen.floating) == layers:
        raise DeployError(
            f"no layer can be quantised within a loss of {options.bound:g}: allow more with --bound, "
            f"or take more calibration frames"
        )
    if chosen.loss > options.bound:
        raise DeployError(
            f"the loss of {chosen.loss:.4f} is above {options.bound:g}: allow layers in float, or more loss"
        )


def _encoder(path: Path, network: FloatNetwork) -> FloatNetwork:
    encoder = FloatNetwork.read(path)
    if encoder.description.weights_sha256 != network.description.weights_sha256:
        raise DeployError(f"{path} is of other weights than {network.path}: export both from the same")
    return encoder


def _save_encoder(
    encoder: FloatNetwork,
    network: FloatNetwork,
    ranges: TensorsData,
    layers: Sequence[str],
    scheme: QuantizationScheme,
) -> None:
    """Write an encoder's file with the choices and ranges of the whole network."""
    # The encoder's input is a tensor of another name within the network.
    read = {node.name: node.input[0] for node in network.model.graph.node if node.name in network.layers}
    for node in encoder.model.graph.node:
        if node.name in read and read[node.name] in ranges.data:
            ranges.data.setdefault(node.input[0], ranges.data[read[node.name]])
    out = encoder.path.with_name(encoder.path.name.replace("fp32", scheme.precision))
    if out == encoder.path:
        out = encoder.path.with_name(f"{encoder.path.stem}_{scheme.precision}.onnx")
    chosen = [name for name in layers if name in encoder.layers]
    files.write(out, sealed(quantized(encoder, ranges, chosen, scheme)), DeployError)
