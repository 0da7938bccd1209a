"""An engine for an ONNX file on this machine: the one that is there where it fits, else a new one."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import files
from ...errors import RuntimeBackendError
from ..onnx import OnnxDescription, OnnxOptions
from ..onnx.graph import OPSET
from ..onnx.seal import check_onnx_seal
from ..return_tables import ReturnSizes
from ..segment_tables import SegmentSizes
from .builder import (
    BuildOptions,
    TensorRtError,
    build_plan,
    import_tensorrt,
    is_rtx,
    library_name,
    library_version,
    refuse_fp8,
    rtx_targets,
)
from .engine_file import EngineNote, Machine, engine_name, read_engine, sha256, write_engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from .builder import Progress


@dataclass(frozen=True)
class BuiltEngine:
    """An engine that fits this machine.

    Attributes:
        path: of the file.
        reason: why it was built, or that it was there.
        built: whether it was built now.
    """

    path: Path
    reason: str
    built: bool


def this_machine(trt: Any) -> Machine:
    """The version of TensorRT and the GPU here.

    Raises:
        RuntimeBackendError: there is no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise RuntimeBackendError("TensorRT needs an NVIDIA GPU, and PyTorch finds none: see `nvidia-smi`")
    major, minor = torch.cuda.get_device_capability()
    machine = Machine(library_version(trt), torch.cuda.get_device_name(), f"{major}.{minor}")
    problem = unknown_to_rtx(trt, machine.capability)
    if problem:
        raise RuntimeBackendError(f"{machine.gpu}: {problem}")
    return machine


def unknown_to_rtx(trt: Any, capability: str) -> str:
    """Why TensorRT for RTX does not serve a GPU, or nothing; TensorRT itself is not asked."""
    if not is_rtx(trt) or capability in rtx_targets(trt):
        return ""
    return (
        f"{library_name(library_version(trt))} serves GPUs of compute capability "
        f"{', '.join(rtx_targets(trt))}, and this one has {capability}: install TensorRT itself"
    )


def ensure_engine(
    onnx: Path,
    folder: Path | None = None,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    trt: Any = None,
    machine: Machine | None = None,
) -> BuiltEngine:
    """Find or build the engine of an exported file.

    Args:
        onnx: from `lss-bev export` or `quantize`; its own description gives the precision.
        folder: of the engine, its note and the timing cache; None for the ONNX file's.
        options: asked of the builder; the precision is replaced by the file's.
        progress: see `builder.Progress`.
        rebuild: whether to build in any case.
        trt: the module tensorrt; None imports it.
        machine: to build on; None for this one.

    Raises:
        RuntimeBackendError: TensorRT is missing or refuses, or the file cannot be read or written.
        ModelError: the file does not say what it is.
    """
    content, model = read_model(onnx)
    metadata = metadata_of(model)
    description = OnnxDescription.read(metadata, str(onnx))
    asked = asdict(options or BuildOptions())
    try:
        trt = trt or import_tensorrt()
        machine = machine or this_machine(trt)
        if description.precision == "fp8":
            refuse_fp8(machine.capability)
        if is_rtx(trt) and not asked["target"]:
            asked["target"] = machine.capability
        asked["shapes"] = with_tables(model, description, asked["shapes"])
        chosen = BuildOptions(**{**asked, "precision": description.precision})
        # Empty where there is no choice; notes of before say nothing of it.
        recorded = {name: value for name, value in asdict(chosen).items() if name != "target" or value}
        folder = folder or onnx.parent
        path = folder / engine_name(onnx, machine, chosen.dla)
        reason = "asked for"
        if path.exists() and not rebuild:
            reason = _problem(path, machine, sha256(content), recorded)
            if not reason:
                return BuiltEngine(path, "it exists and matches", False)
        elif not path.exists():
            reason = "there is none yet"
        cache = folder / f"timing_trt{machine.tensorrt}_{machine.capability}.cache"
        known = cache.read_bytes() if cache.is_file() else b""
        _check_opset(trt, model, description)
        plan, grown = build_plan(content, chosen, known, progress, trt)
    except TensorRtError as error:
        raise RuntimeBackendError(f"{onnx}: {error}") from error
    note = EngineNote(
        machine, onnx.name, sha256(content), sha256(plan), description.weights_sha256, metadata, recorded
    )
    write_engine(path, plan, note)
    if not is_rtx(trt):  # which times nothing
        _keep(cache, grown)
    return BuiltEngine(path, reason, True)


def with_tables(
    model: onnx.ModelProto, description: OnnxDescription, shapes: Mapping[str, Sequence[Sequence[int]]]
) -> dict[str, Sequence[Sequence[int]]]:
    """Shapes of inputs with free sizes, those of the tables added: room for any usual rig and cloud.

    Args:
        model: an exported file.
        description: of it.
        shapes: that are known; those of the images say how many cameras there may be where that is free.
    """
    known = dict(shapes)
    inputs = {
        value.name: [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    returns = asdict(ReturnSizes.roomy(OnnxOptions.returns))
    tables: dict[str, tuple[int, tuple[int, ...]]] = {name: (1, (rows,)) for name, rows in returns.items()}
    images = known["images"][-1] if len(known.get("images", ())) == 3 else inputs.get("images", ())
    if description.part == "network" and len(images) >= 2 and min(images[:2]) >= 1:
        roomy = SegmentSizes.roomy(description.config, images[0] * images[1])
        tables |= {"points": (1, (roomy.segments,)), "pixels": (1, (roomy.segments,))}
        tables["segments"] = (2, (roomy.hits, roomy.width))
    for name, (free, largest) in tables.items():
        given = inputs.get(name, [1])
        if min(given) < 0 and name not in known:
            usual = [*largest, *given[free:]]
            known[name] = [[1] * free + given[free:], usual, usual]
    return known


def _check_opset(trt: Any, model: onnx.ModelProto, description: OnnxDescription) -> None:
    """Refuse a file of an opset that TensorRT 8 does not know, before its parser does in other words."""
    opset = model.opset_import[0].version if model.opset_import else 0
    if str(trt.__version__).startswith("8.") and opset > OPSET:
        raise TensorRtError(
            f"it is {description.precision} of opset {opset}, and TensorRT {trt.__version__} reads up to "
            f"{OPSET}: use TensorRT 10 or newer, or the fp16 file"
        )


def _problem(path: Path, machine: Machine, onnx_sha256: str, options: dict[str, object]) -> str:
    try:
        return read_engine(path)[1].problem(machine, onnx_sha256, options)
    except RuntimeBackendError as error:
        return str(error)


def read_model(path: Path) -> tuple[bytes, onnx.ModelProto]:
    """An ONNX file, as its bytes and as what they say.

    Raises:
        RuntimeBackendError: it is missing or no ONNX model, or the package onnx is missing.
        ModelError: it is not the file that was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RuntimeBackendError(
            f"no ONNX file at {path} ({error.strerror}): write one with `lss-bev export`"
        ) from error
    check_onnx_seal(str(path), content)
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise RuntimeBackendError(
            "reading ONNX files needs the package onnx: pip install 'lss_bev_ros[export]'"
        ) from error
    try:
        return content, onnx.load_from_string(content)
    except DecodeError as error:
        raise RuntimeBackendError(
            f"{path} is not an ONNX model, or it is truncated: export or copy it again"
        ) from error


def metadata_of(model: onnx.ModelProto) -> dict[str, str]:
    """What a model says of itself, by name."""
    return {entry.key: entry.value for entry in model.metadata_props}


def _keep(cache: Path, content: bytes) -> None:
    """Write the timing cache; a build without one is only slower, so an error here is none."""
    with contextlib.suppress(RuntimeBackendError):
        files.write(cache, content, RuntimeBackendError)
