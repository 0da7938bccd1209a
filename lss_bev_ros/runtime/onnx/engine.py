"""The network as ONNX in onnxruntime, on the CPU: from an exported file, or written on the spot."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...model.multi_sense_names import is_multi_sense
from ..engine import Engine
from ..frame_set import FrameSet, Prediction
from ..image_decoder import ImageDecoder, cameras_of
from ..options import EngineOptions
from ..preprocess import Preprocessor
from ..stopwatch import Stopwatch
from . import OnnxDescription, OnnxOptions, write_network
from .feeding import CameraFeeder, OnnxTables
from .multi_sense_engine import OnnxMultiSenseEngine
from .session import OnnxSession

SUFFIX = ".onnx"

INNER = ("depth", "features", "bev")
"""Tensors inside the file that can be looked at, besides the logits."""


class OnnxRuntimeEngine(Engine):
    """Lift-Splat-Shoot in onnxruntime.

    Args:
        model: path of a file of the part `network`, or its bytes.
        name: what to call it in errors.
        threads: within an operation; 0 for as many as PyTorch takes.
        reason: why this engine was chosen.
        session: of the file, where it is open already.

    Raises:
        RuntimeBackendError: the file cannot be run here.
        ModelError: it does not say what it is.
    """

    def __init__(
        self,
        model: Path | bytes,
        name: str = "",
        threads: int = 0,
        reason: str = "",
        session: OnnxSession | None = None,
    ):
        self._model, self._threads = model, threads or torch.get_num_threads()
        self._session = session or OnnxSession(model, name, self._threads, device="auto")
        self._inner: OnnxSession | None = None
        description = OnnxDescription.read(self._session.metadata, self._session.name)
        if description.part != "network":
            raise RuntimeBackendError(
                f"{self._session.name} is the {description.part} encoder alone: give the file of the network"
            )
        self.description = description
        self.config = description.config
        self.grid = self.config.grid
        self.weights = description.weights
        self.name = f"onnxruntime-{self._session.device}-{description.precision}"
        self.reason = reason
        self._feeder = CameraFeeder(self._session, description)
        self._decoder = ImageDecoder(threads or min(6, os.cpu_count() or 1))
        self._preprocess = Preprocessor(self.config, torch.float32)
        # Once on nothing, so that memory is there before the first frame.
        self._session.run(self._feeder.nothing(6))

    @classmethod
    def of_weights(cls, options: EngineOptions, precision: str, reason: str) -> OnnxRuntimeEngine:
        """Write the network of some weights as ONNX in memory, with free cameras and tables, and run it."""
        options_of_file = OnnxOptions(
            precision=precision, dynamic=("cameras", "tables"), weights=options.description
        )
        model = write_network(options.model(), options_of_file).SerializeToString()
        return cls(model, options.description, options.threads, reason)

    def infer(self, frame_set: FrameSet) -> Prediction:
        """See `Engine.infer`."""
        watch = Stopwatch()
        decoded = self._decoder(frame_set)
        watch.stage("decode")
        tables = self.tables(frame_set)
        images = self.prepare(self._preprocess(decoded, cameras_of(frame_set)))
        watch.stage("preprocess")
        logits = self.network(images, tables, watch)
        # The first output is the vehicle.
        return Prediction(frame_set.stamp, self.grid, logits[0].numpy(), tables.visible, watch.timings())

    def prepare(self, images: torch.Tensor) -> np.ndarray:
        """See `NetworkEngine.prepare`: (1, N, 3, H, W), N the file's where that is fixed."""
        return self._feeder.prepare(images)

    def tables(self, frame_set: FrameSet) -> OnnxTables:
        """See `CameraFeeder.tables`."""
        return self._feeder.tables(frame_set)

    def network(self, images: np.ndarray, tables: OnnxTables, watch: Stopwatch | None = None) -> torch.Tensor:
        """See `NetworkEngine.network`."""
        logits = self._session.run({"images": images, **tables.inputs})["logits"]
        if watch is not None:
            watch.stage("network")
        return torch.from_numpy(logits[0])

    def tensors(self, images: np.ndarray, tables: OnnxTables) -> dict[str, np.ndarray]:
        """See `TransparentEngine.tensors`. Needs the package onnx."""
        if self._inner is None:
            self._inner = _with_outputs(self._model, self._session.name, self._threads)
        found = self._inner.run({"images": images, **tables.inputs})
        rows, columns = self.config.feature_shape
        pixels = tables.cameras * rows * columns
        shown = {"logits": found["logits"][0]}
        for name in INNER:
            if name in found:
                value = found[name].astype(np.float32, copy=False)
                shown[name] = value[0] if name == "bev" else value.reshape(-1, value.shape[-1])[:pixels]
        return shown

    def close(self) -> None:
        """See `Engine.close`."""
        self._decoder.close()


def make_onnxruntime(options: EngineOptions, reason: str) -> Engine:
    """Make the backend `onnxruntime`: of a file where the weights are one, else of the weights."""
    path = Path(options.weights)
    if path.suffix != SUFFIX:
        precision = "fp32" if options.precision == "auto" else options.precision
        why = f"{reason}; written as ONNX, {precision}"
        made = OnnxMultiSenseEngine if is_multi_sense(options.weights) else OnnxRuntimeEngine
        return made.of_weights(options, precision, why)
    engine = open_onnx(path, options.threads, f"{reason}; {path.name}")
    found = engine.description.precision
    if options.precision not in ("auto", found):
        raise RuntimeBackendError(f"{path} is {found}, not {options.precision}: use precision 'auto'")
    if options.grid is not None and options.grid != engine.grid:
        raise RuntimeBackendError(f"{path} was exported for another grid, {engine.grid}: configure that one")
    return engine


def open_onnx(path: Path, threads: int = 0, reason: str = "") -> OnnxRuntimeEngine | OnnxMultiSenseEngine:
    """Run an exported file, of the published or of the multi-sense network.

    Args:
        path: of a file of the part `network`.
        threads: see `OnnxRuntimeEngine`.
        reason: why this engine was chosen.

    Raises:
        RuntimeBackendError: the file cannot be run here.
        ModelError: it does not say what it is.
    """
    session = OnnxSession(path, threads=threads or torch.get_num_threads(), device="auto")
    description = OnnxDescription.read(session.metadata, session.name)
    if description.senses is not None:
        return OnnxMultiSenseEngine(session, description, threads, reason)
    return OnnxRuntimeEngine(path, threads=threads, reason=reason, session=session)


def _with_outputs(model: Path | bytes, name: str, threads: int) -> OnnxSession:
    """A session that also gives the tensors inside."""
    try:
        import onnx
    except ImportError as error:
        raise RuntimeBackendError(
            "the tensors inside a file need the package onnx: pip install 'lss_bev_ros[export]'"
        ) from error
    opened = onnx.load_from_string(model.read_bytes() if isinstance(model, Path) else model)
    made = {output for node in opened.graph.node for output in node.output}
    opened.graph.output.extend(onnx.ValueInfoProto(name=inner) for inner in INNER if inner in made)
    return OnnxSession(opened.SerializeToString(), name, threads)
