"""Every call of TensorRT's Python API that builds an engine or reads one back.

This file imports nothing but the standard library, numpy and tensorrt, and runs on Python 3.8: it also
travels to a Jetson inside a bundle. It knows TensorRT 8.6 to 11, whose differences are all in here:

| | 8.6 | 10 | 11, RTX 1.7 |
|---|---|---|---|
| explicit batch | flag | the only way | the only way, the flag is gone |
| precision | builder flags FP16, INT8 | of the ONNX (STRONGLY_TYPED) | of the ONNX; the flags are gone |
| on DLA | builder flags | builder flags | of the ONNX |
| progress | - | IProgressMonitor | IProgressMonitor |

STRONGLY_TYPED is 1 in 10 and 0 in 11, which was EXPLICIT_BATCH: flags are never written as numbers.

TensorRT for RTX (`tensorrt_rtx`) has the API of 11. It times nothing while it builds and so needs no GPU; the
kernels are compiled when an engine is opened. One is for a compute capability, or for all.
"""

from __future__ import annotations

import re
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
        precision: of the ONNX: `fp32`, `fp16`, `int8` or `fp8` (Q/DQ). Only TensorRT 8 and DLA have to be
            told.
        shapes: of inputs with free sizes.
        workspace_mib: memory that tactics may use; 0 leaves TensorRT's limit, all of the GPU.
        dla: core of the deep-learning accelerator to run on; the GPU runs what it cannot. None for none.
        level: how long to search, 0 to 5; None leaves TensorRT's 3.
        target: compute capability that TensorRT for RTX builds for, such as `8.9`; empty for one that runs on
            any GPU it knows. TensorRT itself builds for the GPU that it runs on.
    """

    precision: str = "fp32"
    shapes: Shapes = field(default_factory=dict)
    workspace_mib: int = 0
    dla: int | None = None
    level: int | None = None
    target: str = ""


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
    """The module tensorrt, or tensorrt_rtx where that alone is installed.

    Raises:
        TensorRtError: neither is installed, or its libraries cannot be loaded.
    """
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        try:
            import tensorrt_rtx
        except (ImportError, OSError) as other:
            # What is installed and broken says more than what is not there.
            broken = other if isinstance(error, ModuleNotFoundError) and error.name == "tensorrt" else error
            if isinstance(other, ModuleNotFoundError) and other.name == "tensorrt_rtx":
                broken = error
            raise TensorRtError(
                f"TensorRT cannot be loaded ({' '.join(str(broken).split())}): on a Jetson `sudo apt install "
                f"python3-libnvinfer`, on an RTX desktop `pip install tensorrt-rtx`, elsewhere `pip install "
                f"tensorrt` from NVIDIA's index"
            ) from broken
        return tensorrt_rtx
    return tensorrt


def is_rtx(trt: Any) -> bool:
    """Whether a module is TensorRT for RTX."""
    return str(getattr(trt, "__name__", "")).startswith("tensorrt_rtx")


def library_version(trt: Any) -> str:
    """What tells libraries apart whose engines do not run in one another: `10.3.0`, or `rtx1.7.1.116`."""
    return f"{'rtx' if is_rtx(trt) else ''}{trt.__version__}"


def library_name(version: str) -> str:
    """A `library_version` for people."""
    return f"TensorRT for RTX {version[3:]}" if version.startswith("rtx") else f"TensorRT {version}"


def _name(trt: Any) -> str:
    return library_name(library_version(trt))


def rtx_targets(trt: Any) -> tuple[str, ...]:
    """Compute capabilities that TensorRT for RTX builds for, such as `8.9`; none for TensorRT itself."""
    members = getattr(getattr(trt, "ComputeCapability", None), "__members__", {})
    return tuple(f"{name[2:-1]}.{name[-1]}" for name in members if name.startswith("SM"))


FP8_FROM = (8, 9)
"""The first compute capability that multiplies in fp8: Ada, then Hopper and Blackwell, with Thor."""


def refuse_fp8(capability: str) -> None:
    """Raise where a GPU has no fp8.

    Args:
        capability: compute capability, such as `8.6`.

    Raises:
        TensorRtError: it is below 8.9.
    """
    if tuple(map(int, capability.split("."))) < FP8_FROM:
        raise TensorRtError(
            f"it is in fp8, which GPUs have from compute capability {'.'.join(map(str, FP8_FROM))} on, and "
            f"this is for {capability}: use the file in int8 or fp16"
        )


def build_plan(
    onnx: bytes,
    options: BuildOptions,
    timing_cache: bytes = b"",
    progress: Progress | None = None,
    trt: Any = None,
    layers: Callable[[str], None] | None = None,
) -> tuple[bytes, bytes]:
    """Build an engine.

    Args:
        onnx: the model.
        options: what is asked.
        timing_cache: of an earlier build, or nothing; one of another GPU is ignored.
        progress: where TensorRT tells of it, from version 10. What it raises, or Ctrl-C, ends the build.
        trt: the module tensorrt; None imports it.
        layers: told what TensorRT says of the layers of the finished engine, see `inspection`; the engine
            then describes itself in detail.

    Returns:
        The serialised engine, and the timing cache, which has grown; TensorRT for RTX has none.

    Raises:
        TensorRtError: an operator is not known, memory is short, a size is missing, or there is no CUDA.
    """
    trt = trt or import_tensorrt()
    if options.precision == "fp8":
        _check_fp8(trt, options)
    listener = _Listener(progress, layers)
    logger, said = _logger(trt, listener)
    builder = _first_object(trt, said, lambda: trt.Builder(logger))
    network = builder.create_network(_network_flags(trt, options))
    _parse(trt, network, logger, onnx, said, options.dla is not None)
    config = builder.create_builder_config()
    _configure(trt, builder, config, network, options)
    if listener.layers is not None:
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    times = not is_rtx(trt)
    if times and not config.set_timing_cache(config.create_timing_cache(timing_cache), True):
        config.set_timing_cache(config.create_timing_cache(b""), True)
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, listener)
    said.clear()
    with listener.interrupts():
        plan = builder.build_serialized_network(network, config)
    listener.raise_what_stopped_it()
    if plan is None:
        raise TensorRtError(_why_no_engine(trt, said, options))
    return bytes(plan), bytes(config.get_timing_cache().serialize()) if times else b""


def open_engine(plan: bytes, dla: int | None = None, trt: Any = None) -> Any:
    """Make an ICudaEngine of a serialised engine; the runtime that made it is kept as long.

    Raises:
        TensorRtError: it is damaged, or of another TensorRT or GPU.
    """
    trt = trt or import_tensorrt()
    logger, said = _logger(trt, _Listener())
    runtime = _first_object(trt, said, lambda: trt.Runtime(logger))
    if dla is not None:
        if dla >= runtime.num_DLA_cores:
            raise TensorRtError(f"{_no_dla(trt, runtime.num_DLA_cores, dla)}: build its engine for the GPU")
        runtime.DLA_core = dla
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        _refuse_missing_cuda(trt, said)
        raise TensorRtError(
            f"{_name(trt)} does not take the engine: {_first(said) or 'it is damaged'}; "
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


def _check_fp8(trt: Any, options: BuildOptions) -> None:
    """Refuse fp8 where there is none, before TensorRT does it in other words."""
    if options.dla is not None:
        raise TensorRtError(
            "DLA computes in fp16 or int8 alone: build without --dla, or use the file in int8"
        )
    if not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        raise TensorRtError(
            f"{_name(trt)} knows no fp8: use TensorRT 10 or newer, or the file in int8 or fp16"
        )
    if options.target in rtx_targets(trt):
        refuse_fp8(options.target)


def _parse(trt: Any, network: Any, logger: Any, onnx: bytes, said: list[str], for_dla: bool) -> None:
    parser = trt.OnnxParser(network, logger)
    if for_dla and hasattr(trt.OnnxParserFlag, "ADJUST_FOR_DLA"):  # from 10.16
        parser.set_flag(trt.OnnxParserFlag.ADJUST_FOR_DLA)
    if parser.parse(onnx):
        return
    reasons = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        words = " ".join(error.desc().split())
        if words in ("", "false"):  # the check that failed and not what is wrong
            words = str(error.code()).rpartition(".")[2].replace("_", " ").lower()
        where = ""
        if hasattr(error, "node_operator") and error.node_operator():  # from 10.0
            where = f"{error.node_operator()} ({error.node_name()}): "
        elif importer := re.search(r"In function import(\w+)", " ".join(said)):
            where = f"{importer[1]}: "
        reasons.append(where + words)
    reason = reasons[0] if reasons else _first(said) or "no reason given"
    if "Int32" in reason and "DequantizeLinear" in reason:
        reason = f"its int32 biases are for onnxruntime, write it with `--runtime tensorrt`: {reason}"
    raise TensorRtError(f"{_name(trt)} cannot read the ONNX model: {reason[:300]}")


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
            raise TensorRtError(f"{_no_dla(trt, builder.num_DLA_cores, options.dla)}: build without --dla")
        if options.precision == "fp32":
            raise TensorRtError("DLA computes in fp16 or int8 alone: export with `--precision fp16`")
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = options.dla
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    if options.target:
        _set_target(trt, config, options.target)
    _set_shapes(builder, config, network, options)


def _no_dla(trt: Any, cores: int, core: int) -> str:
    if cores:
        return f"this machine has {cores} DLA cores, not core {core}"
    return (
        f"{_name(trt)} finds no DLA here (an Orin's is served up to TensorRT 10.7 with JetPack 6, and again "
        f"from 11.4.1 with JetPack 7.2.2)"
    )


def _set_target(trt: Any, config: Any, target: str) -> None:
    known = rtx_targets(trt)
    if not known:
        raise TensorRtError(
            f"TensorRT {trt.__version__} builds for the GPU that it runs on, not for a target: only "
            f"TensorRT for RTX does (pip install tensorrt-rtx)"
        )
    if target not in known:
        raise TensorRtError(
            f"{_name(trt)} builds for the compute capabilities {', '.join(known)}, not for {target}"
        )
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, "SM" + target.replace(".", "")), 0)


def _set_shapes(builder: Any, config: Any, network: Any, options: BuildOptions) -> None:
    inputs = {}
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        inputs[tensor.name] = tuple(int(size) for size in tensor.shape)
    for name, shapes in options.shapes.items():
        _check_shapes(inputs, name, shapes)
    free = [name for name, shape in inputs.items() if min(shape, default=1) < 0]
    missing = [name for name in free if name not in options.shapes]
    if missing:
        raise TensorRtError(
            f"{missing[0]} has free sizes, {_written(inputs[missing[0]])}: give its smallest, usual and "
            f"largest shape, such as {shape_hint(missing[0], inputs[missing[0]])}"
        )
    if free:
        profile = builder.create_optimization_profile()
        for name in free:
            smallest, usual, largest = (tuple(shape) for shape in options.shapes[name])
            profile.set_shape(name, smallest, usual, largest)
        if config.add_optimization_profile(profile) < 0:
            raise TensorRtError(f"TensorRT refuses the shapes of {', '.join(free)}")


def _check_shapes(inputs: Mapping[str, Sequence[int]], name: str, shapes: Sequence[Sequence[int]]) -> None:
    """Refuse shapes that an input cannot have, before TensorRT does it in other words or not at all."""
    if name not in inputs:
        raise TensorRtError(f"--shape {name}: the model has no such input, but {', '.join(inputs)}")
    known = inputs[name]
    if min(known, default=1) > 0:
        raise TensorRtError(f"--shape {name}: its size is fixed, {_written(known)}: leave it out")
    for shape in shapes:
        fits = len(shape) == len(known) and all(known[i] in (size, -1) for i, size in enumerate(shape))
        if not fits:
            raise TensorRtError(
                f"--shape {name}: {'x'.join(map(str, shape))} does not fit {_written(known)}; it can be "
                f"{shape_hint(name, known)}"
            )
    if any(not low <= shapes[1][axis] <= shapes[2][axis] for axis, low in enumerate(shapes[0])):
        raise TensorRtError(
            f"--shape {name}: no size of the usual shape may be below the smallest's or above the largest's, "
            f"such as {shape_hint(name, known)}"
        )


def shape_hint(name: str, shape: Sequence[int]) -> str:
    """A `--shape` that an input with free sizes could be given."""
    each = ["x".join(str(size if size > 0 else free) for size in shape) for free in (1, 6, 8)]
    return f"--shape {name}={','.join(each)}"


def _written(shape: Sequence[int]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in shape)


class _Listener:
    """What hears of a build.

    TensorRT prints what its callbacks raise and goes on: what came up is kept here, ends the build at its
    next step, and is raised when TensorRT returns. So is Ctrl-C, which as an exception could come up at the
    first instruction of a callback, where nothing catches it.

    Args:
        progress, layers: see `build_plan`.
    """

    def __init__(self, progress: Progress | None = None, layers: Callable[[str], None] | None = None) -> None:
        self.layers = layers
        self._progress = progress
        self._stopped_by: BaseException | None = None

    def tell(self, phase: str, done: int, total: int) -> bool:
        """Tell of a step; whether to go on."""
        return self.guard(lambda: self._progress and self._progress(phase, done, total))

    def guard(self, act: Callable[[], object]) -> bool:
        """Do something within a callback; whether to go on."""
        try:
            if self._stopped_by is None:
                act()
        except BaseException as error:  # KeyboardInterrupt above all
            self._stopped_by = error
        return self._stopped_by is None

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Keep Ctrl-C for `raise_what_stopped_it` in here, as far as Python would have raised it."""
        here = threading.current_thread() is threading.main_thread()
        if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def keep(*_: object) -> None:
            self._stopped_by = self._stopped_by or KeyboardInterrupt()

        signal.signal(signal.SIGINT, keep)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def raise_what_stopped_it(self) -> None:
        """Raise what came up in a callback, if anything did."""
        if self._stopped_by is not None:
            raise self._stopped_by


def _logger(trt: Any, listener: _Listener) -> tuple[Any, list[str]]:
    """A logger that keeps errors instead of printing everything."""
    said: list[str] = []

    def keep(severity: Any, msg: str) -> None:
        if int(severity) <= int(trt.ILogger.Severity.ERROR):
            said.append(" ".join(msg.split()))
        elif listener.layers is not None and "LayerType: " in msg:
            listener.layers(msg)

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            listener.guard(lambda: keep(severity, msg))

    return Logger(), said


def _monitor(trt: Any, listener: _Listener) -> Any:
    """TensorRT's nested phases as calls of the listener."""

    class _BuildMonitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            listener.tell(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return listener.tell(phase_name, step + 1, self.steps.get(phase_name, step + 1))

        def phase_finish(self, phase_name: str) -> None:
            steps = self.steps.pop(phase_name, 1)
            listener.tell(phase_name, steps, steps)

    return _BuildMonitor()


def _first_object(trt: Any, said: list[str], make: Callable[[], Any]) -> Any:
    """The builder or the runtime, whose constructor fails where CUDA does."""
    try:
        return make()
    except (TypeError, RuntimeError) as error:
        said.append(" ".join(str(error).split()))
        _refuse_missing_cuda(trt, said)
        raise TensorRtError(f"{_name(trt)} does not start: {_first(said)}") from error


NO_CUDA = ("cudaerror", "cuda initialization failure", "cuda driver", "no cuda-capable device")
"""Words of TensorRT's where CUDA itself does not work, in small letters."""


def _refuse_missing_cuda(trt: Any, said: list[str]) -> None:
    """Raise where the first error means that there is no working CUDA."""
    first = _first(said).lower()
    if any(word in first for word in NO_CUDA) and "out of memory" not in first:
        raise TensorRtError(
            f"CUDA does not work here, which {_name(trt)} needs: see what `nvidia-smi` says, and install or "
            f"update NVIDIA's driver ({_first(said)})"
        )


def _why_no_engine(trt: Any, said: list[str], options: BuildOptions) -> str:
    words = " ".join(said).lower()
    if "out of memory" in words or "outofmemory" in words or "insufficient memory" in words:
        limit = f" within {options.workspace_mib} MiB of workspace" if options.workspace_mib else ""
        return f"too little GPU memory to build{limit}: close other programs that use it, or set --workspace"
    _refuse_missing_cuda(trt, said)
    if options.precision == "fp8" and "fp8" in words:
        return (
            f"{_name(trt)} built no engine of fp8, which GPUs have from compute capability "
            f"{'.'.join(map(str, FP8_FROM))} on: use the file in int8 or fp16 ({_first(said)})"
        )
    return f"{_name(trt)} built no engine: {_first(said) or 'it gave no reason'}"


def _first(said: list[str]) -> str:
    """The first error, which is the cause; later ones say where it was noticed."""
    return said[0][:300] if said else ""


def _numpy_name(trt: Any, dtype: Any) -> str:
    names = {"FLOAT": "float32", "HALF": "float16", "INT32": "int32", "INT64": "int64", "INT8": "int8"}
    for name, known in names.items():
        if hasattr(trt.DataType, name) and dtype == getattr(trt.DataType, name):
            return known
    raise TensorRtError(f"the engine has a tensor of type {dtype}, which no file of this package has")
