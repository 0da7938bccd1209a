"""The backend `tensorrt`: the CUDA backend with TensorRT's engines for the convolutions."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import RuntimeBackendError
from ...model import LiftSplatShoot, ModelConfig
from ..cuda.engine import CudaEngine, cuda_missing
from ..cuda.session import Network, Session
from ..cuda.splat_tables import CameraTables, DeviceTables
from ..engine import Engine
from ..frame_set import FrameSet
from ..onnx import OnnxDescription, OnnxOptions, write_network
from ..options import EngineOptions
from .builder import BuildOptions, TensorRtError, import_tensorrt
from .building import ensure_engine, this_machine
from .engine_file import SUFFIX, read_engine
from .module import TensorRtModule
from .network import EncodersNetwork, SegmentDeviceTables, WholeNetwork
from .torch2trt_file import read_torch2trt

CAMERAS = 6
"""That engines of weights are built for; a file may have another number."""


@dataclass(frozen=True)
class Part:
    """One engine that is ready to be loaded.

    Attributes:
        path: of its file.
        plan: the serialised engine.
        description: of the ONNX it was built from; None for torch2trt's, which say nothing.
        dla: core of the deep-learning accelerator, or None.
    """

    path: Path
    plan: bytes
    description: OnnxDescription | None
    dla: int | None = None


class TensorRtEngine(CudaEngine):
    """Lift-Splat-Shoot on an NVIDIA GPU with TensorRT.

    Decoding, resizing, the splat's kernel and the graphs are the CUDA backend's.

    Args:
        parts: the camera encoder and the BEV encoder, or the whole network.
        weights: what to call the weights.
        reason: why this engine was chosen.
        config: sizes, for parts that do not say them.
        trt: the module tensorrt; None imports it.

    Raises:
        RuntimeBackendError: the parts do not fit together, or cannot run here.
    """

    def __init__(
        self,
        parts: tuple[Part, ...],
        weights: str,
        reason: str = "",
        config: ModelConfig | None = None,
        trt: Any = None,
    ):
        self._parts = _in_order(parts)
        self._trt = trt
        described = [part.description for part in self._parts if part.description is not None]
        sizes = described[0].config if described else config or ModelConfig()
        if any(one.config != sizes or one.weights_sha256 != described[0].weights_sha256 for one in described):
            raise RuntimeBackendError(
                "the engines are of different weights or sizes: build both of one export"
            )
        self._described = described
        modules = self._load()
        images = next(info for info in modules[0].info.values() if info.is_input)
        # The batch of the camera encoder, or the second axis of (1, N, 3, H, W).
        self._cameras = images.shape[0] if len(images.shape) == 4 else images.shape[1]
        precision = "fp16" if images.dtype == "float16" else "fp32"
        del modules
        # Nothing but sizes is read of it, so it holds no memory.
        with torch.device("meta"):
            shell = LiftSplatShoot(sizes)
        super().__init__(shell, weights, precision, reason, kernels="tensorrt")
        self.name = f"tensorrt-{described[0].precision if described else precision}"

    def tables(self, frame_set: FrameSet) -> CameraTables:
        """See `CudaEngine.tables`."""
        description = self._described[0] if self._described else None
        if description is not None and description.tables == "constant":
            rig = frame_set.rig
            if rig.fingerprint != description.rig or len(frame_set.images) != len(rig):
                raise RuntimeBackendError(
                    f"{self._parts[0].path} holds the splat's tables of another calibration, or of "
                    f"all cameras: export it again without `--rig`"
                )
        return super().tables(frame_set)

    def _load(self) -> list[TensorRtModule]:
        device = torch.device("cuda", torch.cuda.current_device())
        return [
            TensorRtModule(part.plan, part.path.name, part.dla, device, self._trt) for part in self._parts
        ]

    def _session(self, cameras: int) -> Session:
        if self._cameras not in (cameras, -1):
            raise RuntimeBackendError(
                f"{self._parts[0].path} is for {self._cameras} cameras, and the rig has {cameras}: "
                f"export it with `--cameras {cameras}` and build it again"
            )
        if len(self._parts) == 2:
            return super()._session(cameras)
        if cameras not in self._sessions:
            with torch.no_grad(), torch.cuda.stream(self._stream):
                (module,) = self._load()
                module.allocate()
                tables = SegmentDeviceTables(self.config, cameras, module, self._device)
                network = WholeNetwork(module, self.config, cameras, tables)
            self._stream.synchronize()
            self._sessions[cameras] = Session(network, tables, self.config, self._stream)
        return self._sessions[cameras]

    def _network(self, cameras: int, tables: DeviceTables) -> Network:
        camera, bev = self._load()
        return EncodersNetwork(camera, bev, self.config, cameras, tables)

    def _about(self) -> str:
        version = getattr(self._trt or import_tensorrt(), "__version__", "")
        files = " + ".join(part.path.name for part in self._parts)
        return f"TensorRT {version} on {torch.cuda.get_device_name(self._device)}: {files}"


def tensorrt_missing() -> str | None:
    """Why TensorRT cannot run here, in a few words, or None where it can."""
    from importlib.util import find_spec

    if find_spec("tensorrt") is None:
        return "TensorRT is not installed"
    return cuda_missing()


def make_tensorrt(options: EngineOptions, reason: str) -> Engine:
    """Make the backend `tensorrt`: of engine files, of exported files, or of any weights.

    Engines of weights are exported and built once and kept in `cache_folder`.
    """
    problem = tensorrt_missing()
    if problem is not None:
        raise RuntimeBackendError(f"backend 'tensorrt' cannot run here: {problem}; use 'cuda' or 'auto'")
    paths = [Path(word) for word in str(options.weights).split("+")]
    suffixes = {path.suffix for path in paths}
    if suffixes == {SUFFIX}:
        parts = tuple(load_part(path) for path in paths)
    elif suffixes == {".onnx"}:
        parts = tuple(_built(path) for path in paths)
    elif suffixes == {".pth"} and len(paths) == 2:
        parts = tuple(Part(path, read_torch2trt(path).plan, None) for path in paths)
    else:
        parts, weights = _of_weights(options)
        return TensorRtEngine(parts, weights, reason)
    found = parts[0].description.precision if parts[0].description else options.precision
    if options.precision not in ("auto", found):
        raise RuntimeBackendError(f"{paths[0]} is {found}, not {options.precision}: use precision 'auto'")
    engine = TensorRtEngine(parts, _weights_of(parts), reason, options.config)
    if options.grid is not None and options.grid != engine.grid:
        raise RuntimeBackendError(f"{paths[0]} is for another grid, {engine.grid}: configure that one")
    return engine


def load_part(path: Path, trt: Any = None) -> Part:
    """Read an engine that fits this machine, or build it again of the ONNX file beside it.

    Raises:
        RuntimeBackendError: it does not fit, and there is nothing to build it of.
    """
    try:
        trt = trt or import_tensorrt()
    except TensorRtError as error:
        raise RuntimeBackendError(str(error)) from error
    machine = this_machine(trt)
    plan, note = read_engine(path)
    onnx = path.parent / note.onnx
    # An ONNX file that is gone cannot have changed.
    changed = hashlib.sha256(onnx.read_bytes()).hexdigest() if onnx.is_file() else ""
    problem = note.problem(machine, changed)
    if not problem:
        return Part(path, plan, OnnxDescription.read(note.metadata, str(path)), note.options.get("dla"))
    if not onnx.is_file():
        raise RuntimeBackendError(
            f"{path} is not loaded: {problem}, and {note.onnx} is not beside it to build it again: "
            f"`lss-bev build {note.onnx}`"
        )
    built = ensure_engine(onnx, path.parent, BuildOptions(**note.options), trt=trt)  # type: ignore[arg-type]
    plan, note = read_engine(built.path)
    return Part(built.path, plan, OnnxDescription.read(note.metadata, str(path)), note.options.get("dla"))


def cache_folder() -> Path:
    """Where engines that were built of weights are kept: `LSS_BEV_CACHE`, or the user's cache folder."""
    given = os.environ.get("LSS_BEV_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lss_bev_ros"


def _of_weights(options: EngineOptions) -> tuple[tuple[Part, ...], str]:
    """Export both encoders of some weights, and build them where they are not built yet."""
    precision = "fp16" if options.precision == "auto" else options.precision
    model, folder = options.model(), cache_folder()
    parts = []
    for part in ("camera", "bev"):
        written = write_network(
            model, OnnxOptions(part, precision, cameras=CAMERAS, weights=options.description)
        ).SerializeToString()
        digest = hashlib.sha256(written).hexdigest()[:12]
        onnx = folder / f"lss_{part}_{precision}_1x{CAMERAS}_{digest}.onnx"
        if not onnx.is_file() or onnx.read_bytes() != written:
            _write(onnx, written)
        parts.append(_built(onnx))
    return tuple(parts), options.description


def _built(onnx: Path) -> Part:
    return load_part(ensure_engine(onnx).path)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RuntimeBackendError(
            f"cannot write {path}: {error.strerror or error}; set LSS_BEV_CACHE to another folder"
        ) from error


def _weights_of(parts: tuple[Part, ...]) -> str:
    description = parts[0].description
    return description.weights if description is not None else "unknown (torch2trt)"


def _in_order(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The camera encoder before the BEV encoder; torch2trt's files are taken in the order given."""
    names = [part.description.part if part.description else "" for part in parts]
    if names == ["network"] or names in (["camera", "bev"], ["", ""]):
        return parts
    if names == ["bev", "camera"]:
        return parts[::-1]
    raise RuntimeBackendError(
        f"engines of {' + '.join(name or 'unknown' for name in names)} make no network: "
        f"give camera{SUFFIX}+bev{SUFFIX}, or the network's"
    )
