"""Engines that torch2trt saved: a `.pth` with `engine`, `input_names` and `output_names`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...errors import RuntimeBackendError


@dataclass(frozen=True)
class Torch2TrtFile:
    """What such a file holds.

    Attributes:
        plan: the serialised engine.
        inputs, outputs: names of its tensors, in the order of the module's arguments and results.
    """

    plan: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_torch2trt(path: Path) -> Torch2TrtFile:
    """Read such a file without running any code that it may hold.

    Raises:
        RuntimeBackendError: it is missing, damaged, or holds no engine.
    """
    if not path.is_file():
        raise RuntimeBackendError(
            f"no engine at {path}: save one with torch.save(model_trt.state_dict(), path)"
        )
    try:
        with torch.serialization.safe_globals([bytearray]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the bytes lead it to
        raise RuntimeBackendError(
            f"{path} is not a torch2trt file, or it is damaged: "
            f"save it again with torch.save(model_trt.state_dict(), path)"
        ) from error
    wanted = ("engine", "input_names", "output_names")
    if not isinstance(content, dict) or any(name not in content for name in wanted):
        raise RuntimeBackendError(
            f"{path} holds no torch2trt engine ({', '.join(wanted)}): "
            f"a checkpoint is run by another backend, or exported and built"
        )
    plan = content["engine"]
    if not isinstance(plan, (bytes, bytearray)) or not plan:
        raise RuntimeBackendError(f"{path} holds an engine that is not bytes: save it again")
    names = [tuple(str(name) for name in content[key]) for key in wanted[1:]]
    return Torch2TrtFile(bytes(plan), names[0], names[1])
