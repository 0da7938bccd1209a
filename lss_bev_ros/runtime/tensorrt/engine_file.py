"""An engine's file, and the note beside it that says what it is and where it may run.

TensorRT engines are good for one version of TensorRT and one kind of GPU, and nothing in them says which
weights they hold. So none is loaded without its note (`NAME.engine.json`), and none whose note does not fit.

Engines of TensorRT for RTX hold the source of each kernel that it generated, with the same 100 kB of
declarations every time: their files are deflated, which takes half of an INT8 engine away.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ... import files
from ...errors import RuntimeBackendError
from .builder import library_name

SUFFIX = ".engine"
FORMAT = 1
TEXTS = ("onnx", "onnx_sha256", "plan_sha256", "weights_sha256")
"""Of a note, beside those of its machine."""


@dataclass(frozen=True)
class Machine:
    """Where an engine is built or run.

    Attributes:
        tensorrt: see `builder.library_version`.
        gpu: its name.
        capability: its compute capability.
    """

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

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> EngineNote:
        """Of the JSON in its file; what a newer version adds to it is left out.

        Raises:
            KeyError, TypeError: something is missing or of another type.
        """
        machine = {one.name: content["machine"][one.name] for one in fields(Machine)}
        known = {one.name: content[one.name] for one in fields(cls)}
        texts = [*machine.values(), *(known[name] for name in TEXTS)]
        tables = [known["metadata"], known["options"]]
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(t, dict) for t in tables):
            raise TypeError("a text or a table is something else")
        return cls(**{**known, "machine": Machine(**machine)})

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
            return f"it was built by {library_name(there.tensorrt)}, but this machine has {_library(here)}"
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
    """A name that carries all: `lss_camera_fp16_1x6_trt10.3.0_orin.engine`, or `..._rtx1.7.1.116_...`."""
    gpu = re.sub(r"[^a-z0-9]+", "-", machine.gpu.lower().replace("nvidia", "")).strip("-")
    core = "" if dla is None else f"_dla{dla}"
    library = machine.tensorrt if machine.tensorrt.startswith("rtx") else f"trt{machine.tensorrt}"
    return f"{onnx.stem}_{library}_{gpu or 'gpu'}{core}{SUFFIX}"


def note_path(engine: Path) -> Path:
    """The note beside an engine."""
    return engine.with_name(engine.name + ".json")


def jit_cache_of(engine: Path) -> Path:
    """The file beside an engine of what TensorRT for RTX compiled of it on this machine."""
    return engine.with_name(engine.name + ".jit")


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def write_engine(path: Path, plan: bytes, note: EngineNote) -> None:
    """Write an engine and its note, each whole or not at all; a note that does not fit its engine is refused.

    Raises:
        RuntimeBackendError: they cannot be written there.
    """
    text = (json.dumps(asdict(note), indent=2) + "\n").encode()
    if _is_deflated(note):
        plan = zlib.compress(plan)
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
        version = content["format"]
        note = EngineNote.of(content) if version == FORMAT else None
    except FileNotFoundError as error:
        raise RuntimeBackendError(
            f"{path} has no note {beside.name} that says what it is, so it is not loaded: {remedy}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RuntimeBackendError(f"{beside} is damaged, so {path.name} is not loaded: {remedy}") from error
    if note is None:
        raise RuntimeBackendError(f"{beside} is of format {version}, not {FORMAT}: {remedy}")
    if _is_deflated(note):
        try:
            plan = zlib.decompress(plan)
        except zlib.error:
            plan = b""  # which is not the engine of its note
    if note.plan_sha256 != sha256(plan):
        raise RuntimeBackendError(
            f"{path} is damaged or not the engine of its note, and not loaded: {remedy}"
        )
    return plan, note


def _is_deflated(note: EngineNote) -> bool:
    return note.machine.tensorrt.startswith("rtx")


def _library(here: Machine) -> str:
    """Its version, or its name too where that is another one."""
    return library_name(here.tensorrt) if here.tensorrt.startswith("rtx") else here.tensorrt
