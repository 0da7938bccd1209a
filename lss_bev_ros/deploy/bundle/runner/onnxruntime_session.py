"""A model of the bundle in onnxruntime."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .archive import BundleError

if TYPE_CHECKING:
    import numpy as np


LAYER_RUNS = 5
"""Runs over which the time of a layer is the mean."""

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In order of preference. TensorRT has a session of its own: through onnxruntime it builds at every start."""


class OnnxRuntimeSession:
    """Runs an ONNX model on the best provider that this onnxruntime has.

    Attributes:
        name: library, version and provider.
        built: nothing is.
    """

    built = False

    def __init__(self, label: str, model: bytes, threads: int = 0) -> None:
        import onnxruntime

        self._model, self._threads = model, threads
        try:
            self._session = self._open()
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise BundleError(
                f"{label}: onnxruntime {onnxruntime.__version__} refuses it: {reason}"
            ) from None
        self.name = f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}"
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._outputs = [entry.name for entry in self._session.get_outputs()]

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name."""
        fed = {name: array for name, array in inputs.items() if name in self._inputs}
        try:
            found = self._session.run(self._outputs, fed)
        except Exception as error:  # onnxruntime has no class of its own for them
            raise BundleError(f"{self.name} could not run it: {str(error).splitlines()[0]}") from None
        return {name: found[index] for index, name in enumerate(self._outputs)}

    def layer_times(self, inputs: dict[str, np.ndarray]) -> dict[str, float]:
        """Milliseconds of each operator, as onnxruntime names what it fused: mean of LAYER_RUNS."""
        fed = {name: array for name, array in inputs.items() if name in self._inputs}
        with tempfile.TemporaryDirectory() as folder:
            session = self._open(str(Path(folder, "profile")))
            for _ in range(LAYER_RUNS):
                session.run(self._outputs, fed)
            events = json.loads(Path(session.end_profiling()).read_text())
        times: dict[str, float] = {}
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                name = event["name"][: -len("_kernel_time")]
                times[name] = times.get(name, 0.0) + event["dur"] / 1e3 / LAYER_RUNS
        return times

    def _open(self, profile: str = "") -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        if b'"precision": "fp8"' in self._model:  # of our description; it fuses none, and would not load
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, profile
        available = onnxruntime.get_available_providers()
        providers = [provider for provider in PROVIDERS if provider in available]
        return onnxruntime.InferenceSession(
            self._model,
            options,
            providers=providers,
            # It makes 32 bits of a bias in float by a scale that half precision may not hold.
            disabled_optimizers=["WeightBiasQuantization"],
        )

    def close(self) -> None:
        """Nothing is held that the garbage collector does not let go."""
