"""The multi-sense network as one TensorRT engine, fed as onnxruntime's is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ..cuda.engine import this_gpu
from ..onnx.multi_sense_engine import OnnxMultiSenseEngine
from .engine_file import jit_cache_of
from .layout import EnginePart
from .module import TensorRtModule


class EngineSession:
    """An engine with the interface of `OnnxSession`: arrays of the host in and out, copied each time.

    What is free is given at its largest, which the tables' and the cameras' feeders fill up with nothing. So
    the shapes never change, and neither do the addresses.

    Args:
        module: the engine.

    Attributes:
        name, dtypes, shapes, outputs, device: see `OnnxSession`.
    """

    device = "cuda"

    def __init__(self, module: TensorRtModule):
        self.name, self._module = module.name, module
        given = [info for info in module.info.values() if info.is_input]
        self.outputs = tuple(info.name for info in module.info.values() if not info.is_input)
        self.dtypes = {info.name: np.dtype(info.dtype) for info in given}
        shapes = {info.name: info.profile[2] if info.profile else info.shape for info in given}
        self.shapes: dict[str, list[int | str | None]] = {name: [*shape] for name, shape in shapes.items()}
        module.allocate(shapes)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute the outputs, by name.

        Raises:
            RuntimeBackendError: an input has another shape than the engine, or it fails.
        """
        for name, value in inputs.items():
            tensor = self._module.tensors[name]
            if tuple(tensor.shape) != value.shape:
                raise RuntimeBackendError(
                    f"{self.name} takes {name} of {tuple(tensor.shape)}, not {value.shape}: build it with a "
                    f"larger `--shape`"
                )
            tensor.copy_(torch.from_numpy(value))
        self._module.launch()
        return {name: self._module.tensors[name].cpu().numpy().copy() for name in self.outputs}


class TensorRtMultiSenseEngine(OnnxMultiSenseEngine):
    """Senses in, answers out, by one engine of the whole network.

    Args:
        part: the engine, of the part `network`.
        threads: for decoding; 0 for as many as there are cameras.
        reason: why this engine was chosen.
        trt: the module tensorrt; None imports it.

    Raises:
        RuntimeBackendError: it is one part alone, or cannot run here.
    """

    def __init__(self, part: EnginePart, threads: int = 0, reason: str = "", trt: Any = None):
        description = part.description
        if description is None or description.part != "network":
            raise RuntimeBackendError(
                f"{part.path} is a part of a multi-sense network, which TensorRT runs whole: export it with "
                f"`--part network` and build it"
            )
        kept = jit_cache_of(part.path)
        module = TensorRtModule(part.plan, part.path.name, part.dla, this_gpu(), trt, kept)
        super().__init__(EngineSession(module), description, threads, reason)
        self.name = f"tensorrt-{description.precision}-multi"
        module.keep_jit_cache()
