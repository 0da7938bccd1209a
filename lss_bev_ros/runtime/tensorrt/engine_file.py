"""An engine's file, and the note beside it that says what it is and where it may run.

TensorRT engines are good for one version of TensorRT and one kind of GPU, and nothing in them says which
weights they hold. So none is loaded without its note (`NAME.engine.json`), and none whose note does not fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ... import files
from ...errors import RuntimeBackendError

SUFFIX = ".engine"
FORMAT = 1


@dataclass(frozen=True)
class Machine:
    """Where an engine is built or run: version of TensorRT, name and compute capability of the GPU."""

    tensorrt: str
    gpu: str
    capability: str


@dataclass(frozen=True)
class EngineNote:
    """What is known of an engine.

    Attributes:
        machine: that built it.
        onnx: name of the ONNX file it was built from, in the same folder at best.
        onnx_sha256: of that file.
        plan_sha256: of the engine itself.
        weights_sha256: of the network's parameters, from the ONNX.
        metadata: of the ONNX, see `OnnxDescription`.
        options: that it was built with.
        format: of this note.
    """

    machine: Machine
    onnx: str
    onnx_sha256: str
    plan_sha256: str
    weights_sha256: str
    metadata: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def problem(
        self, here: Machine, onnx_sha256: str = "", options: Mapping[str, object] | None = None
    ) -> str:
        """Why the engine is not to be used, or nothing.

        Args:
            here: the machine that wants to run it.
            onnx_sha256: that it should be of; empty where that is not known.
            options: that it should be built with; None for any.
        """
        there = self.machine
        if there.tensorrt != here.tensorrt:
            return f"it was built by TensorRT {there.tensorrt}, but this machine has {here.tensorrt}"
        if (there.gpu, there.capability) != (here.gpu, here.capability):
            return (
                f"it was built for {there.gpu} ({there.capability}), "
                f"but this machine has {here.gpu} ({here.capability})"
            )
        if onnx_sha256 and onnx_sha256 != self.onnx_sha256:
            return f"{self.onnx} has changed since it was built"
        if options is not None and json.loads(json.dumps(options)) != json.loads(json.dumps(self.options)):
            return "it was built with other options"
        return ""


def engine_name(onnx: Path, machine: Machine, dla: int | None = None) -> str:
    """A name that carries all: `lss_camera_fp16_1x6_trt10.3.0_orin.engine`."""
    gpu = re.sub(r"[^a-z0-9]+", "-", machine.gpu.lower().replace("nvidia", "")).strip("-")
    core = "" if dla is None else f"_dla{dla}"
    return f"{onnx.stem}_trt{machine.tensorrt}_{gpu or 'gpu'}{core}{SUFFIX}"


def note_path(engine: Path) -> Path:
    """The note beside an engine."""
    return engine.with_name(engine.name + ".json")


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def write_engine(path: Path, plan: bytes, note: EngineNote) -> None:
    """Write an engine and its note, each whole or not at all; a note that does not fit its engine is refused.

    Raises:
        RuntimeBackendError: they cannot be written there.
    """
    text = (json.dumps(asdict(note), indent=2) + "\n").encode()
    for target, data in ((note_path(path), text), (path, plan)):
        files.write(target, data, RuntimeBackendError)


def read_engine(path: Path) -> tuple[bytes, EngineNote]:
    """Read an engine and its note.

    Raises:
        RuntimeBackendError: one of the two is missing, damaged, or not of the other.
    """
    remedy = "build it with `lss-bev build`"
    try:
        plan = path.read_bytes()
    except OSError as error:
        raise RuntimeBackendError(f"no engine at {path} ({error.strerror}): {remedy}") from error
    beside = note_path(path)
    try:
        content = json.loads(beside.read_text())
        content["machine"] = Machine(**content["machine"])
        note = EngineNote(**{one.name: content[one.name] for one in fields(EngineNote)})
    except FileNotFoundError as error:
        raise RuntimeBackendError(
            f"{path} has no note {beside.name} that says what it is, so it is not loaded: {remedy}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RuntimeBackendError(f"{beside} is damaged, so {path.name} is not loaded: {remedy}") from error
    if note.format != FORMAT:
        raise RuntimeBackendError(f"{beside} is of format {note.format}, not {FORMAT}: {remedy}")
    if note.plan_sha256 != sha256(plan):
        raise RuntimeBackendError(
            f"{path} is damaged or not the engine of its note, and not loaded: {remedy}"
        )
    return plan, note
