"""A model of the bundle in onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .archive import BundleError

if TYPE_CHECKING:
    import numpy as np


PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In order of preference. TensorRT has a session of its own: through onnxruntime it builds at every start."""


class OnnxRuntimeSession:
    """Runs an ONNX model on the best provider that this onnxruntime has.

    Attributes:
        name: library, version and provider.
    """

    def __init__(self, label: str, model: bytes, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        available = onnxruntime.get_available_providers()
        providers = [provider for provider in PROVIDERS if provider in available]
        try:
            self._session = onnxruntime.InferenceSession(
                model,
                options,
                providers=providers,
                # It makes 32 bits of a bias in float by a scale that half precision may not hold.
                disabled_optimizers=["WeightBiasQuantization"],
            )
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
        found = self._session.run(self._outputs, fed)
        return {name: found[index] for index, name in enumerate(self._outputs)}

    def close(self) -> None:
        """Nothing is held that the garbage collector does not let go."""
