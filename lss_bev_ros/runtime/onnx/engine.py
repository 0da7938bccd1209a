"""The network as ONNX in onnxruntime, on the CPU: from an exported file, or written on the spot."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...geometry import Rig
from ...model import ModelConfig, SplatTable
from ..calibration_tables import KEPT, CalibrationTables
from ..engine import Engine
from ..frame_set import FrameSet, Prediction
from ..image_decoder import ImageDecoder, cameras_of
from ..options import EngineOptions
from ..preprocess import Preprocessor
from ..segment_tables import NAMES, SegmentSizes, SegmentTables
from ..stopwatch import Stopwatch
from . import OnnxDescription, OnnxOptions, write_network
from .session import OnnxSession

SUFFIX = ".onnx"

INNER = ("depth", "features", "bev")
"""Tensors inside the file that can be looked at, besides the logits."""


@dataclass(frozen=True, eq=False)
class OnnxTables:
    """What a rig means for an ONNX network.

    Attributes:
        inputs: the splat's tables by name; empty where the file holds them.
        visible: (nx, ny) bool, the cells that the rig sees.
        cameras: of the rig.
    """

    inputs: Mapping[str, np.ndarray]
    visible: np.ndarray
    cameras: int


class OnnxRuntimeEngine(Engine):
    """Lift-Splat-Shoot in onnxruntime.

    Args:
        model: path of a file of the part `network`, or its bytes.
        name: what to call it in errors.
        threads: within an operation; 0 for as many as PyTorch takes.
        reason: why this engine was chosen.

    Raises:
        RuntimeBackendError: the file cannot be run here.
        ModelError: it does not say what it is.
    """

    def __init__(self, model: Path | bytes, name: str = "", threads: int = 0, reason: str = ""):
        self._model, self._threads = model, threads or torch.get_num_threads()
        self._session = OnnxSession(model, name, self._threads)
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
        self.name = f"onnxruntime-cpu-{description.precision}"
        self.reason = reason
        batch, cameras = self._session.shapes["images"][:2]
        if isinstance(batch, int) and batch != 1:
            raise RuntimeBackendError(
                f"{self._session.name} takes {batch} samples at once, but a car has one: "
                f"export it with `--batch 1`"
            )
        self._cameras = cameras if isinstance(cameras, int) else None
        self._sizes = self._table_sizes()
        self._decoder = ImageDecoder(threads or min(6, os.cpu_count() or 1))
        self._preprocess = Preprocessor(self.config, torch.float32)
        self._tables: OrderedDict[str, OnnxTables] = OrderedDict()
        self._warm_up()

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
        count = len(images) if self._cameras is None else self._cameras
        self._check_count(len(images))
        prepared: np.ndarray = np.zeros((1, count, *images.shape[1:]), dtype=self._session.dtypes["images"])
        # A camera that is missing stays black; no table reads it.
        prepared[0, : len(images)] = images.numpy()
        return prepared

    def tables(self, frame_set: FrameSet) -> OnnxTables:
        """What the calibration of the cameras with an image means, from the cache where it is known.

        Raises:
            RuntimeBackendError: the file holds the tables of another calibration, or too small ones.
        """
        rig = frame_set.rig.subset(frame_set.images)
        key = rig.fingerprint
        if key not in self._tables:
            self._tables[key] = self._make_tables(rig)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        return self._tables[key]

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

    def _table_sizes(self) -> SegmentSizes | None:
        """What the file's tables hold, or None where that is free or the tables are constants."""
        shapes = self._session.shapes
        if "segments" not in shapes:
            return None
        sizes = [size for size in (shapes["points"][0], *shapes["segments"][:2]) if isinstance(size, int)]
        return SegmentSizes(*sizes) if len(sizes) == 3 else None

    def _make_tables(self, rig: Rig) -> OnnxTables:
        self._check_count(len(rig))
        tables = CalibrationTables.of_rig(rig, self.config)
        if self.description.tables == "constant":
            if rig.fingerprint != self.description.rig:
                raise RuntimeBackendError(
                    f"{self._session.name} holds the splat's tables of another calibration, of "
                    f"{', '.join(self.description.cameras)}: export it again for this one, or without `--rig`"
                )
            return OnnxTables({}, tables.visible, len(rig))
        return OnnxTables(self._segments(tables.splat, len(rig)), tables.visible, len(rig))

    def _segments(self, table: SplatTable, cameras: int) -> dict[str, np.ndarray]:
        rows, columns = self.config.feature_shape
        pixels = (self._cameras or cameras) * rows * columns
        return SegmentTables.build([table], pixels, self.config.depth_bins, self._sizes).arrays()

    def _check_count(self, count: int) -> None:
        if self._cameras is not None and count > self._cameras:
            raise RuntimeBackendError(
                f"{self._session.name} takes {self._cameras} cameras, not {count}: "
                f"export it with `--cameras {count}` or `--dynamic cameras`"
            )

    def _warm_up(self) -> None:
        """Run once on nothing, so that memory is there before the first frame."""
        config, cameras = self.config, self._cameras or 6
        blank = torch.zeros(cameras, 3, config.image_height, config.image_width)
        inputs = {}
        if any(name in self._session.dtypes for name in NAMES):
            inputs = self._segments(_nothing(config, cameras), cameras)
        self._session.run({"images": self.prepare(blank), **inputs})


def make_onnxruntime(options: EngineOptions, reason: str) -> Engine:
    """Make the backend `onnxruntime`: of a file where the weights are one, else of the weights."""
    path = Path(options.weights)
    if path.suffix != SUFFIX:
        precision = "fp32" if options.precision == "auto" else options.precision
        return OnnxRuntimeEngine.of_weights(options, precision, f"{reason}; written as ONNX, {precision}")
    engine = OnnxRuntimeEngine(path, threads=options.threads, reason=f"{reason}; {path.name}")
    found = engine.description.precision
    if options.precision not in ("auto", found):
        raise RuntimeBackendError(f"{path} is {found}, not {options.precision}: use precision 'auto'")
    if options.grid is not None and options.grid != engine.grid:
        raise RuntimeBackendError(f"{path} was exported for another grid, {engine.grid}: configure that one")
    return engine


def _nothing(config: ModelConfig, cameras: int) -> SplatTable:
    """The table of cameras that see nothing of the grid."""
    cells = torch.full((cameras, config.depth_bins, *config.feature_shape), -1)
    return SplatTable.build(cells, config.grid.shape)


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
