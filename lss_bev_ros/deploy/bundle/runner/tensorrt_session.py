"""A model of the bundle in TensorRT: its engine is built here, for this GPU, and kept for the next run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .archive import BundleError
from .cuda_memory import CudaMemory

if TYPE_CHECKING:
    import argparse

LAYER_RUNS = 10
"""Runs over which the time of a layer is the mean."""


class TensorRtSession:
    """Builds or loads an engine and runs it on buffers of its own.

    Args:
        label: what to call the model.
        model: the ONNX file.
        precision: `fp32`, `fp16`, `int8` or `fp8`.
        options: `dla`, `workspace` and `engines` of the command line.
        memory: of the GPU; None for that of the CUDA runtime.
        trt: the module tensorrt; None imports it.
        shapes: smallest, usual and largest shape of each input with free sizes.

    Attributes:
        name: library and version.
        built: whether the engine was built now.
    """

    def __init__(
        self,
        label: str,
        model: bytes,
        precision: str,
        options: argparse.Namespace,
        memory: CudaMemory | None = None,
        trt: Any = None,
        shapes: dict[str, list[list[int]]] | None = None,
    ) -> None:
        # It lies beside this file in a bundle alone.
        from . import builder  # type: ignore[attr-defined]

        self._memory = memory or CudaMemory()
        try:
            self._trt = trt = trt or builder.import_tensorrt()
            plan, self.built = _plan(builder, trt, label, model, precision, options, shapes or {})
            try:
                self._engine = builder.open_engine(plan, options.dla, trt)
            except builder.TensorRtError:
                if self.built:
                    raise
                # One that was kept, and cut short or of another driver: never to be believed again.
                kept = vars(options).get("fresh", False)
                options.fresh = True
                plan, self.built = _plan(builder, trt, label, model, precision, options, shapes or {})
                options.fresh = kept
                self._engine = builder.open_engine(plan, options.dla, trt)
            self._tensors = builder.tensors_of(self._engine, trt)
        except builder.TensorRtError as error:
            raise BundleError(f"{label}: {error}") from None
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise BundleError(
                f"{label}: too little GPU memory to run it; close other programs that use the GPU"
            )
        name = builder.library_name(builder.library_version(trt))
        self.name = name + ("" if options.dla is None else f" DLA {options.dla}")
        self._addresses: dict[str, int] = {}
        self._outputs: dict[str, np.ndarray] = {}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; the copies to and from the GPU are part of it."""
        given = [info for info in self._tensors if info.is_input]
        for info in given:
            if -1 in info.shape:
                self._context.set_input_shape(info.name, inputs[info.name].shape)
            # Of the largest shape at once: a later frame may have more.
            size = int(np.prod(info.profile[2])) if info.profile else 0
            array = inputs[info.name]
            self._memory.upload(self._address(info.name, max(size * array.itemsize, array.nbytes)), array)
        for info in self._tensors:
            if not info.is_input and info.name not in self._outputs:
                shape = tuple(self._context.get_tensor_shape(info.name))
                self._outputs[info.name] = np.empty(shape, dtype=info.dtype)
                self._address(info.name, self._outputs[info.name].nbytes)
        if not self._context.execute_async_v3(self._memory.stream):
            raise BundleError("TensorRT could not run the engine")
        for name, array in self._outputs.items():
            self._memory.download(self._addresses[name], array)
        self._memory.wait()
        return {name: array.copy() for name, array in self._outputs.items()}

    def layer_times(self, inputs: dict[str, np.ndarray]) -> dict[str, float]:
        """Milliseconds of each layer by TensorRT's names, made of the file's: mean of LAYER_RUNS."""
        trt: Any = self._trt
        times: dict[str, float] = {}

        class Profiler(trt.IProfiler):
            def __init__(self) -> None:
                trt.IProfiler.__init__(self)

            def report_layer_time(self, layer_name: str, ms: float) -> None:
                times[layer_name] = times.get(layer_name, 0.0) + ms / LAYER_RUNS

        self._context.profiler = profiler = Profiler()
        for _ in range(LAYER_RUNS):
            self.run(inputs)
        del profiler
        return times

    def close(self) -> None:
        """Free the buffers."""
        self._memory.close()

    def _address(self, name: str, size: int) -> int:
        if name not in self._addresses:
            self._addresses[name] = self._memory.allocate(size)
            self._context.set_tensor_address(name, self._addresses[name])
        return self._addresses[name]


def _plan(
    builder: Any,
    trt: Any,
    label: str,
    model: bytes,
    precision: str,
    options: argparse.Namespace,
    shapes: dict[str, list[list[int]]],
) -> tuple[bytes, bool]:
    """The engine of an earlier run with the same model, TensorRT, GPU and options, or a new one: which."""
    from . import files  # lies beside this file in a bundle alone

    folder = options.engines.expanduser()
    about = f"{builder.library_version(trt)} {_gpu()} {precision} {options.dla} {options.workspace}"
    # Without free sizes the name is that of earlier versions, whose engines still fit.
    asked_for = f"{about} {shapes}" if shapes else about
    path = folder / f"{label}-{hashlib.sha256(model + asked_for.encode()).hexdigest()[:16]}.plan"
    if path.is_file() and not getattr(options, "fresh", False):
        return path.read_bytes(), False
    print(f"{label}: building the engine, which takes minutes", flush=True)
    asked = builder.BuildOptions(
        precision=precision, shapes=shapes, workspace_mib=options.workspace, dla=options.dla
    )
    plan, _ = builder.build_plan(model, asked, trt=trt)
    try:
        files.write(path, plan, BundleError, "it is built again next time")
    except BundleError as error:
        print(f"{label}: {error}", flush=True)
    return plan, True


def _gpu() -> str:
    """What tells one GPU from another without a CUDA package: its model, or the board's."""
    from .device import describe_device

    known = describe_device()
    return str(known.get("gpu", "")).split(",")[0] or str(known.get("model", ""))
