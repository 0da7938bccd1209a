"""onnxruntime with its errors in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RuntimeBackendError
from .seal import check_onnx_seal

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int8)": np.dtype(np.int8),
}


_CUDA = "CUDAExecutionProvider"

_BIASES = "WeightBiasQuantization"
"""What makes 32 bits of a bias in float, by a scale that half precision may not hold: answers become wrong
(onnxruntime 1.31). Our files of 8 bits have their biases as they shall be."""


_NO_FUSION = "session.disable_quant_qdq"
"""Of a file in fp8, which runs as it is written: there is no convolution in fp8 to fuse, and what looks for
one moves Q/DQ through a transpose that knows no fp8 in this opset, so that the file would not load
(onnxruntime 1.31)."""

_SAYS_FP8 = b'"precision": "fp8"'
"""In the metadata of such a file, see `OnnxDescription`."""


class OnnxSession:
    """An ONNX model ready to run.

    Args:
        model: path of the file, or its bytes.
        name: what to call it in errors.
        threads: within an operation; 0 for all cores.
        outputs: to compute; all where None.
        device: `cpu`, or `auto` for a GPU where this onnxruntime has one.

    Attributes:
        metadata: of the file.
        dtypes: of the inputs, by name.
        shapes: of the inputs, by name; a free size is a string or None.
        outputs: names, in order.
        device: `cpu` or `cuda`, that it runs on.

    Raises:
        RuntimeBackendError: the file is missing, damaged or no ONNX model, or uses an operator that this
            onnxruntime lacks.
        ModelError: it is not the file that was written.
    """

    def __init__(
        self,
        model: Path | bytes,
        name: str = "",
        threads: int = 0,
        outputs: Sequence[str] | None = None,
        device: str = "cpu",
    ):
        runtime = _load()
        self.name = name or str(model)
        if isinstance(model, Path):
            if not model.is_file():
                raise RuntimeBackendError(f"no ONNX file at {model}: write one with `lss-bev export`")
            model = model.read_bytes()
            check_onnx_seal(self.name, model)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        # Waiting threads would otherwise take the cores from the other nodes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if _SAYS_FP8 in model:
            options.add_session_config_entry(_NO_FUSION, "1")
        try:
            self._session = runtime.InferenceSession(
                model, options, providers=_providers(runtime, device), disabled_optimizers=[_BIASES]
            )
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise RuntimeBackendError(_explain(self.name, error, runtime.__version__)) from error
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        inputs = self._session.get_inputs()
        strange = [f"{i.name} {i.type}" for i in inputs if i.type not in _DTYPES]
        if strange:
            raise RuntimeBackendError(f"{self.name} has inputs of unknown types: {', '.join(strange)}")
        self.dtypes = {given.name: _DTYPES[given.type] for given in inputs}
        self.shapes: dict[str, list[int | str | None]] = {given.name: given.shape for given in inputs}
        # One that is listed may still find no driver, and then the other runs.
        self.device = "cuda" if self._session.get_providers()[0] == _CUDA else "cpu"
        self.outputs = tuple(outputs or (found.name for found in self._session.get_outputs()))

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute the outputs, by name.

        Raises:
            RuntimeBackendError: an input does not fit the model, or it fails.
        """
        try:
            return dict(zip(self.outputs, self._session.run(list(self.outputs), dict(inputs)), strict=True))
        except Exception as error:
            raise RuntimeBackendError(f"{self.name} failed: {_line(error)}") from error


def why_unusable() -> str | None:
    """Why onnxruntime cannot run here, in a few words, or None where it can."""
    from importlib.util import find_spec

    return None if find_spec("onnxruntime") else "onnxruntime is not installed"


def _providers(runtime: Any, device: str) -> list[Any]:
    if device == "cpu" or _CUDA not in runtime.get_available_providers():
        return ["CPUExecutionProvider"]
    # TF32 keeps 10 bits of the mantissa, which nobody asked for.
    return [(_CUDA, {"use_tf32": "0"}), "CPUExecutionProvider"]


def _load() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeBackendError(
            f"onnxruntime cannot be loaded ({error}): pip install 'lss_bev_ros[export]'"
        ) from error
    return onnxruntime


def _explain(name: str, error: Exception, version: str) -> str:
    kind, line = type(error).__name__, _line(error)
    if kind in ("InvalidProtobuf", "NoModel") or "protobuf" in line.lower():
        return f"{name} is not an ONNX model, or it is truncated: export or copy it again"
    if kind == "NotImplemented" or "No Op registered" in line or "opset" in line.lower():
        return f"{name} uses an operator that onnxruntime {version} lacks: {line}; use a newer onnxruntime"
    return f"onnxruntime {version} cannot load {name}: {line}"


def _line(error: Exception) -> str:
    """What onnxruntime says, without its codes and line breaks."""
    text = " ".join(str(error).split())
    return text.split(" : ", 3)[-1][:300]
