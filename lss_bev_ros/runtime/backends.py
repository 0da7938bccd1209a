"""Which backend to run: by name, or the best one here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import RuntimeBackendError
from ..geometry import BevGrid
from ..model import LiftSplatShoot
from ..model.multi_sense_names import is_multi_sense
from ..shipped_weights import checkpoint_file
from .cpu.engine import DTYPES, TorchEngine, has_bfloat16
from .cpu.head_start import HeadStart
from .cpu.kept_network import FoldedNetwork, kept
from .engine import Engine
from .onnx.session import why_unusable as onnxruntime_missing
from .options import EngineOptions


@dataclass(frozen=True)
class Backend:
    """One way to run the network. Its functions import what they need themselves, only when called.

    Attributes:
        precisions: that it knows, besides `auto`.
        make: builds the engine; told the options and why it was chosen, a sentence that it may add to. It
            raises RuntimeBackendError, one line with the remedy, where it cannot run.
        unusable: why it cannot run here, in a few words, or None where it can.
        automatic: whether `auto` considers it.
        files: endings of files that it reads besides checkpoints.
    """

    precisions: tuple[str, ...]
    make: Callable[[EngineOptions, str], Engine]
    unusable: Callable[[], str | None]
    automatic: bool = True
    files: tuple[str, ...] = ()


def _make_torch(options: EngineOptions, reason: str) -> Engine:
    capable, precision = has_bfloat16(), options.precision
    if precision == "auto":
        precision = "bf16" if capable else "fp32"
        why = f"{precision}: the processor {'has' if capable else 'lacks'} bfloat16 instructions"
    elif precision == "bf16" and not capable:
        raise RuntimeBackendError("precision 'bf16' is emulated on this processor: use 'fp32' or 'auto'")
    else:
        why = f"{precision}: as asked"
    path = checkpoint_file(options.weights)
    if path is None:  # of a seed
        network: LiftSplatShoot | FoldedNetwork = options.model()
    else:
        network = kept(path, DTYPES[precision], options.config, options.model, options.head_start)
    return TorchEngine(network, options.description, precision, options.threads, f"{reason}; {why}")


def _make_cuda(options: EngineOptions, reason: str) -> Engine:
    from .cuda.engine import CudaEngine, can_be_exact

    if options.precision == "auto":
        precision, exact = "fp16", can_be_exact()
        why = (
            "with low halves where logits would miss them" if exact else "the fastest that keeps the accuracy"
        )
    else:
        precision, exact, why = options.precision, False, "as asked"
    reason = f"{reason}; {precision}: {why}"
    return CudaEngine(options.model(), options.description, precision, reason, exact=exact)


def _cuda_missing() -> str | None:
    from .cuda.engine import cuda_missing

    return cuda_missing()


def _make_onnxruntime(options: EngineOptions, reason: str) -> Engine:
    from .onnx.engine import make_onnxruntime

    return make_onnxruntime(options, reason)


def _make_tensorrt(options: EngineOptions, reason: str) -> Engine:
    from .tensorrt.engine import make_tensorrt

    return make_tensorrt(options, reason)


def _tensorrt_missing() -> str | None:
    from .tensorrt.engine import tensorrt_missing

    return tensorrt_missing()


REGISTRY: dict[str, Backend] = {
    "cuda": Backend(("fp16", "fp32"), _make_cuda, _cuda_missing),
    "torch": Backend(("fp32", "bf16"), _make_torch, lambda: None),
    # PyTorch's folded network is faster on the CPU, so this one is for files and for those who ask.
    "onnxruntime": Backend(
        ("fp32", "fp16", "int8", "fp8"),
        _make_onnxruntime,
        onnxruntime_missing,
        automatic=False,
        files=(".onnx",),
    ),
    # Builds engines for minutes, so only for those who ask.
    "tensorrt": Backend(
        ("fp16", "fp32", "int8", "fp8"),
        _make_tensorrt,
        _tensorrt_missing,
        automatic=False,
        files=(".engine", ".onnx"),
    ),
}
"""Backends by name, in the order that `auto` tries them."""

BACKENDS = ("auto", *REGISTRY)
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8", "fp8")
QUANTIZED = ("int8", "fp8")
"""Precisions that only a file has, since they are measured on frames."""


def create_engine(
    backend: str = "auto",
    weights: str | Path = "builtin",
    threads: int = 0,
    precision: str = "auto",
    grid: BevGrid | None = None,
    image: tuple[int, int] | None = None,
    head_start: HeadStart | None = None,
) -> Engine:
    """Make an engine.

    Args:
        backend: a name in `REGISTRY`, or `auto` for the fastest one that runs here.
        weights: `seed:N`, `builtin` or the path of a checkpoint, see `lss_bev_ros.model.build_model`, or of a
            file that `lss-bev export` or `build` wrote.
        threads: CPU threads, for the whole process since PyTorch knows no other; 0 leaves them alone.
        precision: `fp32`, `bf16`, `fp16`, or `auto` for the fastest one whose results hold. On a GPU that is
            half precision with low halves where logits would miss them (`CudaEngine`'s `exact`), where it was
            proven; `fp16` rounds everything.
        grid: cells to predict; None for the published grid. Checkpoints only fit the grid they were made for.
        image: (height, width) of the network's input, pixels, multiples of 32; None for the published size.
            An exported file has its own, as the multi-sense network has.
        head_start: begun before, for the same weights; the engine is there sooner.

    Returns:
        The engine, warmed up; its `reason` says why it was chosen.

    Raises:
        RuntimeBackendError: no such backend or precision, or it cannot run here.
        ModelError: the weights cannot be had.
    """
    if backend not in BACKENDS:
        raise RuntimeBackendError(f"backend {backend!r} must be one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise RuntimeBackendError(f"precision {precision!r} must be one of {', '.join(PRECISIONS)}")
    if isinstance(threads, bool) or not isinstance(threads, int) or not 0 <= threads <= 1024:
        raise RuntimeBackendError(f"threads {threads!r} must be a whole number from 0 (leave alone) to 1024")
    options = EngineOptions(weights, precision, threads, grid, image, head_start)
    readers = _readers_of(weights)
    if precision in QUANTIZED and not readers:
        raise RuntimeBackendError(
            f"precision {precision!r} is of files alone: give one that `lss-bev quantize` wrote as weights"
        )
    if is_multi_sense(weights):
        return _make_multi_sense(backend, options)
    if backend == "auto" and not readers:
        return _best(options)
    if readers and backend not in ("auto", *readers):
        known = " or ".join(repr(reader) for reader in readers)
        raise RuntimeBackendError(f"backend {backend!r} reads no {Path(weights).suffix} file: use {known}")
    if backend == "auto":
        return REGISTRY[readers[0]].make(options, f"{readers[0]} reads {Path(weights).suffix} files")
    chosen = REGISTRY[backend]
    if precision not in ("auto", *chosen.precisions):
        known = ", ".join(("auto", *chosen.precisions))
        raise RuntimeBackendError(f"precision {precision!r} is none of backend {backend!r}: use {known}")
    return chosen.make(options, f"{backend} as asked")


def _make_multi_sense(backend: str, options: EngineOptions) -> Engine:
    """The engine of the multi-sense network: our own kernels on a GPU in half precision, else PyTorch."""
    from .multi_sense.engine import MultiSenseEngine
    from .multi_sense.weights import read_multi_sense

    if backend in ("onnxruntime", "tensorrt"):
        return REGISTRY[backend].make(options, f"{backend} as asked")
    if backend not in ("auto", "cuda", "torch"):
        raise RuntimeBackendError(
            f"backend {backend!r} runs no multi-sense network such as {str(options.weights)!r}: use 'auto', "
            f"'cuda', 'torch', 'onnxruntime' or 'tensorrt'"
        )
    missing = _cuda_missing() if backend != "torch" else "not asked for"
    if backend == "cuda" and missing is not None:
        raise RuntimeBackendError(f"backend 'cuda' cannot run here: {missing}; use 'torch' or 'auto'")
    device = "cpu" if missing is not None else "cuda"
    precision = options.precision
    if precision == "auto":
        precision = "fp16" if device == "cuda" else "bf16" if has_bfloat16() else "fp32"
    model = read_multi_sense(options.weights)
    if options.grid is not None and options.grid != model.config.model.grid:
        raise RuntimeBackendError(
            f"weights {str(options.weights)!r} are of {model.config.model.grid}: leave grid out"
        )
    reason = f"{device}: {'as asked' if backend != 'auto' else missing or 'the fastest that runs here'}"
    if device == "cuda" and precision == "fp16":
        from .cuda.splat import has_triton

        if not has_triton():
            reason = f"{reason}; by PyTorch's kernels: Triton is not installed"
        else:
            from .cuda.engine import can_be_exact
            from .cuda.multi_sense_engine import CudaMultiSenseEngine

            exact = options.precision == "auto" and can_be_exact()
            try:
                return CudaMultiSenseEngine(model, options.description, exact, reason)
            except RuntimeBackendError as error:
                reason = f"{reason}; by PyTorch's kernels: {error}"
    return MultiSenseEngine(model, options.description, precision, options.threads, reason, device)


def _readers_of(weights: str | Path) -> list[str]:
    """The backends that read such a file, where it is no checkpoint."""
    suffix = Path(weights).suffix
    return [name for name, backend in REGISTRY.items() if suffix and suffix in backend.files]


def _best(options: EngineOptions) -> Engine:
    """The first backend that runs here in the precision asked for."""
    passed: list[str] = []
    for name, backend in REGISTRY.items():
        if not backend.automatic:
            continue
        if options.precision not in ("auto", *backend.precisions):
            passed.append(f"{name} has no {options.precision}")
            continue
        problem = backend.unusable()
        if problem is None:
            reason = f"{name} is the fastest that runs here"
            try:
                return backend.make(options, f"{reason} ({'; '.join(passed)})" if passed else reason)
            except RuntimeBackendError as error:
                problem = str(error)
        passed.append(f"{name}: {problem}")
    raise RuntimeBackendError(f"no backend runs here: {'; '.join(passed)}")
