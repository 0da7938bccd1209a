"""Every call of TensorRT's Python API that builds an engine or reads one back.

This file imports nothing but the standard library, numpy and tensorrt, and runs on Python 3.8: it also
travels to a Jetson inside a bundle. It knows TensorRT 8.6 to 11, whose differences are all in here:

| | 8.6 | 10 | 11 |
|---|---|---|---|
| explicit batch | flag | the only way | the only way, the flag is gone |
| precision | builder flags FP16, INT8 | of the ONNX (STRONGLY_TYPED) | of the ONNX; the flags are gone |
| progress | - | IProgressMonitor | IProgressMonitor |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Progress = Callable[[str, int, int], None]
    """Told of a phase, its steps done and its steps in all."""

    Shapes = Mapping[str, Sequence[Sequence[int]]]
    """Smallest, usual and largest shape of each input that has a free size."""


class TensorRtError(Exception):
    """TensorRT is missing, or refuses a model or an engine: one line."""


@dataclass(frozen=True)
class BuildOptions:
    """What is asked of the builder.

    Attributes:
        precision: of the ONNX: `fp32`, `fp16` or `int8` (Q/DQ). Only TensorRT 8 and DLA need to be told.
        shapes: of inputs with free sizes.
        workspace_mib: memory that tactics may use; 0 leaves TensorRT's limit, all of the GPU.
        dla: core of the deep-learning accelerator to run on; the GPU runs what it cannot. None for none.
        level: how long to search, 0 to 5; None leaves TensorRT's 3.
    """

    precision: str = "fp32"
    shapes: Shapes = field(default_factory=dict)
    workspace_mib: int = 0
    dla: int | None = None
    level: int | None = None


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of an engine.

    Attributes:
        name: of the tensor.
        is_input: or an output.
        shape: a free size is -1.
        dtype: numpy's name.
        profile: smallest, usual and largest shape of an input with free sizes, else empty.
    """

    name: str
    is_input: bool
    shape: tuple[int, ...]
    dtype: str
    profile: tuple[tuple[int, ...], ...] = ()


def import_tensorrt() -> Any:
    """The module tensorrt.

    Raises:
        TensorRtError: it is not installed, or its libraries cannot be loaded.
    """
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        raise TensorRtError(
            f"TensorRT cannot be loaded ({' '.join(str(error).split())}): on a Jetson `sudo apt install "
            f"python3-libnvinfer`, elsewhere `pip install tensorrt` from NVIDIA's index"
        ) from error
    return tensorrt


def build_plan(
    onnx: bytes,
    options: BuildOptions,
    timing_cache: bytes = b"",
    progress: Progress | None = None,
    trt: Any = None,
) -> tuple[bytes, bytes]:
    """Build an engine.

    Args:
        onnx: the model.
        options: what is asked.
        timing_cache: of an earlier build, or nothing; one of another GPU is ignored.
        progress: where TensorRT tells of it, from version 10.
        trt: the module tensorrt; None imports it.

    Returns:
        The serialised engine and the timing cache, which has grown.

    Raises:
        TensorRtError: an operator is not known, memory is short, or a size is missing.
    """
    trt = trt or import_tensorrt()
    logger, said = _logger(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt, options))
    _parse(trt, network, logger, onnx, said)
    config = builder.create_builder_config()
    _configure(trt, builder, config, network, options)
    cache = config.create_timing_cache(timing_cache)
    if not config.set_timing_cache(cache, True):
        config.set_timing_cache(config.create_timing_cache(b""), True)
    if progress is not None and hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, progress)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise TensorRtError(_why_no_engine(said, options))
    return bytes(plan), bytes(config.get_timing_cache().serialize())


def open_engine(plan: bytes, dla: int | None = None, trt: Any = None) -> Any:
    """Make an ICudaEngine of a serialised engine; the runtime that made it is kept as long.

    Raises:
        TensorRtError: it is damaged, or of another TensorRT or GPU.
    """
    trt = trt or import_tensorrt()
    logger, said = _logger(trt)
    runtime = trt.Runtime(logger)
    if dla is not None:
        if dla >= runtime.num_DLA_cores:
            raise TensorRtError(f"this machine has {runtime.num_DLA_cores} DLA cores, not core {dla}")
        runtime.DLA_core = dla
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise TensorRtError(
            f"TensorRT {trt.__version__} does not take the engine: {_last(said) or 'it is damaged'}; "
            f"build it again with `lss-bev build`"
        )
    return engine


def tensors_of(engine: Any, trt: Any = None) -> list[TensorInfo]:
    """The inputs and outputs of an ICudaEngine, in its order."""
    trt = trt or import_tensorrt()
    found = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        shape = tuple(int(size) for size in engine.get_tensor_shape(name))
        profile: tuple[tuple[int, ...], ...] = ()
        if is_input and min(shape, default=1) < 0:
            shapes = engine.get_tensor_profile_shape(name, 0)
            profile = tuple(tuple(int(size) for size in one) for one in shapes)
        dtype = np.dtype(_numpy_name(trt, engine.get_tensor_dtype(name))).name
        found.append(TensorInfo(name, is_input, shape, dtype, profile))
    return found


def _network_flags(trt: Any, options: BuildOptions) -> int:
    flags = trt.NetworkDefinitionCreationFlag
    chosen = 0
    # DLA takes its precision from the builder flags, as long as there are any.
    typed = options.dla is None or not hasattr(trt.BuilderFlag, "FP16")
    if hasattr(flags, "STRONGLY_TYPED") and typed:
        chosen |= 1 << int(flags.STRONGLY_TYPED)
    elif hasattr(flags, "EXPLICIT_BATCH"):
        chosen |= 1 << int(flags.EXPLICIT_BATCH)
    return chosen


def _parse(trt: Any, network: Any, logger: Any, onnx: bytes, said: list[str]) -> None:
    parser = trt.OnnxParser(network, logger)
    if parser.parse(onnx):
        return
    reasons = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        where = ""
        if hasattr(error, "node_operator"):  # from 10.0
            where = f"{error.node_operator()} ({error.node_name()}): "
        reasons.append(where + " ".join(error.desc().split()))
    reason = reasons[0] if reasons else _last(said) or "no reason given"
    raise TensorRtError(f"TensorRT {trt.__version__} cannot read the ONNX model: {reason[:300]}")


def _configure(trt: Any, builder: Any, config: Any, network: Any, options: BuildOptions) -> None:
    if options.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.level is not None:
        config.builder_optimization_level = options.level
    weakly = options.dla is not None or not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")
    if weakly and hasattr(trt.BuilderFlag, "FP16"):
        if options.precision in ("fp16", "int8"):
            config.set_flag(trt.BuilderFlag.FP16)
        if options.precision == "int8":
            config.set_flag(trt.BuilderFlag.INT8)
    if options.precision == "fp32":
        # TF32 keeps 10 bits of the mantissa, which nobody asked for.
        config.clear_flag(trt.BuilderFlag.TF32)
    if options.dla is not None:
        if options.dla >= builder.num_DLA_cores:
            raise TensorRtError(
                f"this machine has {builder.num_DLA_cores} DLA cores, not core {options.dla}: "
                f"build without --dla"
            )
        if options.precision == "fp32":
            raise TensorRtError("DLA computes in fp16 or int8 alone: export with `--precision fp16`")
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = options.dla
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    _set_shapes(builder, config, network, options)


def _set_shapes(builder: Any, config: Any, network: Any, options: BuildOptions) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    free = [tensor.name for tensor in inputs if any(size < 0 for size in tensor.shape)]
    missing = [name for name in free if name not in options.shapes]
    if missing:
        raise TensorRtError(
            f"{missing[0]} has free sizes: give its smallest, usual and largest shape, such as "
            f"--shape {missing[0]}=1x3x128x352,6x3x128x352,8x3x128x352"
        )
    if free:
        profile = builder.create_optimization_profile()
        for name in free:
            smallest, usual, largest = (tuple(shape) for shape in options.shapes[name])
            profile.set_shape(name, smallest, usual, largest)
        if config.add_optimization_profile(profile) < 0:
            raise TensorRtError(f"TensorRT refuses the shapes of {', '.join(free)}")


def _logger(trt: Any) -> tuple[Any, list[str]]:
    """A logger that keeps errors instead of printing everything."""
    said: list[str] = []

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            if int(severity) <= int(trt.ILogger.Severity.ERROR):
                said.append(" ".join(msg.split()))

    return Logger(), said


def _monitor(trt: Any, progress: Progress) -> Any:
    """TensorRT's nested phases as calls of `progress`, for the outermost one that is under way."""

    class _BuildMonitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            progress(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress(phase_name, step + 1, self.steps.get(phase_name, step + 1))
            return True

        def phase_finish(self, phase_name: str) -> None:
            steps = self.steps.pop(phase_name, 1)
            progress(phase_name, steps, steps)

    return _BuildMonitor()


def _why_no_engine(said: list[str], options: BuildOptions) -> str:
    words = " ".join(said).lower()
    if "out of memory" in words or "outofmemory" in words or "insufficient memory" in words:
        limit = f" within {options.workspace_mib} MiB of workspace" if options.workspace_mib else ""
        return f"too little GPU memory to build{limit}: close other programs that use it, or set --workspace"
    return f"TensorRT built no engine: {_last(said) or 'it gave no reason'}"


def _last(said: list[str]) -> str:
    return said[-1][:300] if said else ""


def _numpy_name(trt: Any, dtype: Any) -> str:
    names = {"FLOAT": "float32", "HALF": "float16", "INT32": "int32", "INT64": "int64", "INT8": "int8"}
    for name, known in names.items():
        if hasattr(trt.DataType, name) and dtype == getattr(trt.DataType, name):
            return known
    raise TensorRtError(f"the engine has a tensor of type {dtype}, which no file of this package has")
