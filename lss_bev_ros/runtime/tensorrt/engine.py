"""The backend `tensorrt`: the CUDA backend with TensorRT's engines for the convolutions."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ... import files
from ...errors import RuntimeBackendError
from ...model import LiftSplatShoot, ModelConfig
from ...model.multi_sense import Network as AnyNetwork
from ...model.multi_sense_names import is_multi_sense
from ..cache_folder import cache_folder
from ..cuda.engine import CudaEngine, cuda_missing, this_gpu
from ..cuda.session import Network
from ..cuda.splat_tables import CameraTables, DeviceTables
from ..engine import Engine
from ..frame_set import FrameSet
from ..multi_sense.weights import read_multi_sense
from ..onnx import OnnxDescription, OnnxOptions, write_network
from ..options import EngineOptions
from .builder import BuildOptions, TensorRtError, import_tensorrt, library_name, library_version
from .building import ensure_engine, this_machine, unknown_to_rtx
from .engine_file import SUFFIX, EngineNote, jit_cache_of, read_engine
from .layout import CAMERAS, EngineLayout, EnginePart, in_order
from .module import TensorRtModule
from .multi_sense_engine import TensorRtMultiSenseEngine
from .network import assemble
from .torch2trt_file import read_torch2trt


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
        parts: tuple[EnginePart, ...],
        weights: str,
        reason: str = "",
        config: ModelConfig | None = None,
        trt: Any = None,
    ):
        self._parts = in_order(parts)
        self._trt = trt
        self._layout = EngineLayout.of(self._parts, [one.info for one in self._load()], config)
        # Nothing but sizes is read of it, so it holds no memory.
        with torch.device("meta"):
            shell = LiftSplatShoot(self._layout.config)
        super().__init__(shell, weights, self._layout.precision, reason, kernels="tensorrt")
        described = self._parts[0].description
        self.name = f"tensorrt-{described.precision if described else self._layout.precision}"

    def tables(self, frame_set: FrameSet) -> CameraTables:
        """See `CudaEngine.tables`."""
        self._layout.check_frame(frame_set)
        return super().tables(frame_set)

    def _warm_up(self) -> None:
        if self._layout.rig:
            # No other rig than its own fits the file, so its first frame is captured when it comes.
            self._session(self._layout.usual)
        else:
            super()._warm_up()
        for module in self._loaded:
            module.keep_jit_cache()

    def _usual_cameras(self) -> int:
        return self._layout.usual

    def _load(self) -> list[TensorRtModule]:
        device = this_gpu()
        self._loaded = [
            TensorRtModule(part.plan, part.path.name, part.dla, device, self._trt, jit_cache_of(part.path))
            for part in self._parts
        ]
        return self._loaded

    def _build(self, cameras: int) -> tuple[Network, DeviceTables]:
        self._layout.check_cameras(cameras)
        return assemble(self._load(), self._layout, cameras, self._device)

    def _about(self) -> str:
        library = library_name(library_version(self._trt or import_tensorrt()))
        files = " + ".join(part.path.name for part in self._parts)
        return f"{library} on {torch.cuda.get_device_name(self._device)}: {files}"


def tensorrt_missing() -> str | None:
    """Why TensorRT cannot run here, in a few words, or None where it can."""
    from importlib.util import find_spec

    if find_spec("tensorrt") is None and find_spec("tensorrt_rtx") is None:
        return "TensorRT is not installed"
    missing = cuda_missing()
    if missing is not None or find_spec("tensorrt") is not None:
        return missing
    try:
        trt = import_tensorrt()
    except TensorRtError as error:
        return str(error)
    return unknown_to_rtx(trt, ".".join(map(str, torch.cuda.get_device_capability()))) or None


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
        parts = tuple(EnginePart(path, read_torch2trt(path).plan, None) for path in paths)
    else:
        parts, weights = _of_weights(options)
        if is_multi_sense(options.weights):
            return TensorRtMultiSenseEngine(parts[0], options.threads, reason)
        return TensorRtEngine(parts, weights, reason)
    described = parts[0].description
    found = described.precision if described else options.precision
    if options.precision not in ("auto", found):
        raise RuntimeBackendError(f"{paths[0]} is {found}, not {options.precision}: use precision 'auto'")
    engine: Engine
    if len(parts) == 1 and described is not None and described.senses is not None:
        engine = TensorRtMultiSenseEngine(parts[0], options.threads, reason)
    else:
        engine = TensorRtEngine(parts, _weights_of(parts), reason, options.config)
    if options.grid is not None and options.grid != engine.grid:
        raise RuntimeBackendError(f"{paths[0]} is for another grid, {engine.grid}: configure that one")
    return engine


def load_part(path: Path, trt: Any = None) -> EnginePart:
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
        return _part(path, plan, note)
    if not onnx.is_file():
        raise RuntimeBackendError(
            f"{path} is not loaded: {problem}, and {note.onnx} is not beside it to build it again: "
            f"`lss-bev build {note.onnx}`"
        )
    built = ensure_engine(onnx, path.parent, _options_of(note), trt=trt)
    plan, note = read_engine(built.path)
    return _part(built.path, plan, note)


def _options_of(note: EngineNote) -> BuildOptions:
    """What an engine was asked for; not its target, which is the GPU of the machine that built it."""
    known = {one.name for one in fields(BuildOptions)} - {"target"}
    return BuildOptions(**{name: value for name, value in note.options.items() if name in known})


def _part(path: Path, plan: bytes, note: EngineNote) -> EnginePart:
    dla = note.options.get("dla")
    description = OnnxDescription.read(note.metadata, str(path))
    return EnginePart(path, plan, description, dla if isinstance(dla, int) else None)


def _of_weights(options: EngineOptions) -> tuple[tuple[EnginePart, ...], str]:
    """Export both encoders of some weights, or a multi-sense network whole, and build what is not built."""
    precision = "fp16" if options.precision == "auto" else options.precision
    multi, folder = is_multi_sense(options.weights), cache_folder()
    model: AnyNetwork = read_multi_sense(options.weights) if multi else options.model()
    parts = []
    for part in ("network",) if multi else ("camera", "bev"):
        written = write_network(
            model, OnnxOptions(part, precision, cameras=CAMERAS, weights=options.description)
        ).SerializeToString()
        digest = hashlib.sha256(written).hexdigest()[:12]
        kind = "multi" if multi else "lss"
        onnx = folder / f"{kind}_{part}_{precision}_1x{CAMERAS}_{digest}.onnx"
        if not onnx.is_file() or onnx.read_bytes() != written:
            files.write(onnx, written, RuntimeBackendError, "set LSS_BEV_CACHE to another folder")
        parts.append(_built(onnx))
    return tuple(parts), options.description


def _built(onnx: Path) -> EnginePart:
    return load_part(ensure_engine(onnx).path)


def _weights_of(parts: tuple[EnginePart, ...]) -> str:
    description = parts[0].description
    return description.weights if description is not None else "unknown (torch2trt)"
