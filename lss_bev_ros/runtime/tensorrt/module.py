"""An engine as something that is launched on a CUDA stream, its tensors PyTorch's own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ... import files
from ...errors import RuntimeBackendError
from .builder import TensorInfo, TensorRtError, open_engine, tensors_of


class TensorRtModule:
    """An engine with fixed addresses, so that a launch can be captured in a CUDA graph.

    Args:
        plan: the serialised engine.
        name: what to call it in errors.
        dla: core that it was built for, or None.
        device: of the tensors.
        trt: the module tensorrt; None imports it.
        jit_cache: file of the kernels that TensorRT for RTX compiled of the engine before; one that is
            missing, damaged or of another driver only makes the start longer.

    Attributes:
        tensors: every input and output by name, allocated here; `bind` replaces them.
        info: what the engine says of them, by name, in its order.

    Raises:
        RuntimeBackendError: TensorRT does not take the engine.
    """

    def __init__(
        self,
        plan: bytes,
        name: str,
        dla: int | None = None,
        device: torch.device | str = "cuda",
        trt: Any = None,
        jit_cache: Path | None = None,
    ):
        self.name = name
        try:
            self._engine = open_engine(plan, dla, trt)
            infos = tensors_of(self._engine, trt)
        except TensorRtError as error:
            raise RuntimeBackendError(f"{name}: {error}") from error
        self.info: Mapping[str, TensorInfo] = {info.name: info for info in infos}
        self._context: Any = None
        self._cache: Any = None
        self._cache_file = jit_cache
        self._device = torch.device(device)
        self.tensors: dict[str, torch.Tensor] = {}

    def allocate(self, shapes: Mapping[str, Sequence[int]] | None = None) -> None:
        """Make tensors for all inputs and outputs.

        Args:
            shapes: of inputs whose sizes are free.

        Raises:
            RuntimeBackendError: a shape is missing, or outside of what the engine was built for.
        """
        self._context = self._make_context()
        for info in self.info.values():
            if info.is_input:
                shape = tuple((shapes or {}).get(info.name, info.shape))
                if any(size < 0 for size in shape):
                    raise RuntimeBackendError(f"{self.name}: the shape of {info.name} {info.shape} is free")
                if not self._context.set_input_shape(info.name, shape):
                    raise RuntimeBackendError(
                        f"{self.name} was not built for {info.name} {shape}, but {info.shape}: build it again"
                    )
                self.bind(info.name, self._empty(info, shape))
        for info in self.info.values():
            if not info.is_input:
                self.bind(info.name, self._empty(info, tuple(self._context.get_tensor_shape(info.name))))

    def bind(self, name: str, tensor: torch.Tensor) -> None:
        """Let the engine read or write a tensor where it lies."""
        if not tensor.is_contiguous():
            raise RuntimeBackendError(f"{self.name}: {name} must be contiguous")
        if not self._context.set_tensor_address(name, tensor.data_ptr()):
            raise RuntimeBackendError(f"{self.name} has no tensor {name}")
        self.tensors[name] = tensor

    def launch(self) -> None:
        """Run on PyTorch's current stream, without waiting; inside a capture it becomes part of the graph."""
        if not self._context.execute_async_v3(torch.cuda.current_stream(self._device).cuda_stream):
            raise RuntimeBackendError(f"{self.name}: TensorRT could not run the engine")

    def keep_jit_cache(self) -> None:
        """Write the kernels that were compiled since the start, where there is a file for them."""
        if self._cache is not None and self._cache_file is not None:
            content = bytes(self._cache.serialize())
            # The next start compiles them again, so an error here is none.
            with contextlib.suppress(RuntimeBackendError):
                if not self._cache_file.is_file() or self._cache_file.read_bytes() != content:
                    files.write(self._cache_file, content, RuntimeBackendError)

    def _make_context(self) -> Any:
        # TensorRT itself has configurations too, from 10.13, but compiles nothing when an engine is opened.
        make = getattr(self._engine, "create_runtime_config", None)
        config = make() if make is not None else None
        if config is not None and hasattr(config, "create_runtime_cache"):
            self._cache = config.create_runtime_cache()
            if self._cache_file is not None and self._cache_file.is_file():
                self._cache.deserialize(self._cache_file.read_bytes())
            config.set_runtime_cache(self._cache)
            context = self._engine.create_execution_context(config)
        else:
            context = self._engine.create_execution_context()
        if context is None:
            raise RuntimeBackendError(
                f"{self.name}: too little GPU memory to run it; close other programs that use the GPU"
            )
        return context

    def _empty(self, info: TensorInfo, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.zeros(shape, dtype=getattr(torch, info.dtype), device=self._device)
