"""A device that measures one ONNX file after another, for whoever searches for a network that is fast on it.

It reads requests on stdin and answers on stdout, a line of JSON each, so that ssh is all the transport there
is. A request says how many bytes of ONNX follow its line. What a model is fed is the bundle's: frames and
tables of one of its models with the same inputs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .archive import Archive, BundleError
from .device import describe_device
from .measuring import inputs_of, measure, prepared

if TYPE_CHECKING:
    import argparse

    import numpy as np

READY = "ready"
"""Of the first line, with the device's description."""


def serve(archive: Archive, options: argparse.Namespace) -> None:
    """Answer until stdin ends.

    Raises:
        BundleError: a request is none, or whoever asked is gone.
    """
    requests, answers = sys.stdin.buffer, sys.stdout
    # What else is printed, such as that an engine is being built, is for people.
    sys.stdout = sys.stderr
    folder = tempfile.TemporaryDirectory()
    options.engines = options.engines or Path(folder.name)  # of many networks, most are never asked for again
    try:
        runtime = prepared(options)
        _say(answers, {READY: archive.manifest["id"], "device": describe_device()})
        while line := requests.readline():
            request = _read(line)
            content = _content(requests, request["size"])
            try:
                model, frames = _fed(archive, request)
            except BundleError as error:
                _say(answers, {"name": request["name"], "refused": str(error)})
                continue
            _say(answers, measure(content, model, frames, runtime, options, {}))
    finally:
        sys.stdout = answers
        folder.cleanup()


def _read(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        texts = [request["name"], request["precision"]]
        for dtype, shape in request["inputs"].values():
            texts.append(dtype)
            len(shape)
        fits = all(isinstance(text, str) for text in texts) and isinstance(request["size"], int)
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits or request["size"] < 0:
        raise BundleError("a request must be a line of JSON with name, precision, inputs and size")
    return request


def _content(requests: BinaryIO, size: int) -> bytes:
    content = requests.read(size)
    if len(content) < size:
        raise BundleError(f"the connection ended after {len(content)} of {size} bytes of a model")
    return content


def _fed(archive: Archive, request: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """A model as the manifest would list it, and its inputs for each frame: those of a bundled model."""
    asked = request["inputs"]
    for known in archive.manifest["models"]:
        if set(known["inputs"]) != set(asked):
            continue
        # In the asked types: fp16 and fp32 files of a network read the same frames and tables.
        kinds = {name: str(dtype) for name, (dtype, _) in asked.items()}
        free = [name for name, (_, shape) in asked.items() if None in shape]
        model = {**known, "name": request["name"], "precision": request["precision"]}
        model.update(inputs=kinds, free=free)
        frames = inputs_of(archive, model)
        if all(_fits(frame[name].shape, shape) for frame in frames for name, (_, shape) in asked.items()):
            return model, frames
    raise BundleError(
        "no model of the bundle has its inputs: make a bundle of one exported with the same options"
    )


def _fits(shape: tuple[int, ...], asked: list[int | None]) -> bool:
    return len(shape) == len(asked) and all(asked[axis] in (None, size) for axis, size in enumerate(shape))


def _say(answers: Any, answer: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    except OSError as error:
        raise BundleError(f"whoever asked is gone ({error.strerror})") from None
