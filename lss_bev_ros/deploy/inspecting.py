"""Engines that are built to be looked at."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.table import Table

from ..errors import RuntimeBackendError
from ..runtime.onnx import OnnxDescription
from ..runtime.tensorrt.builder import BuildOptions, TensorRtError, build_plan, library_name, library_version
from ..runtime.tensorrt.building import metadata_of, read_model, with_tables
from ..runtime.tensorrt.inspection import Inspection


@dataclass(frozen=True)
class InspectedModel:
    """What an engine of a file is made of.

    Attributes:
        name: of the file.
        target: compute capability, empty for all.
        library: that built it.
        engine: itself, as it lies in memory.
        layers: of it.
    """

    name: str
    target: str
    library: str
    engine: bytes = field(repr=False)
    layers: Inspection

    @property
    def plan(self) -> int:
        """Bytes of the engine."""
        return len(self.engine)

    @cached_property
    def file(self) -> int:
        """Bytes of the engine as it is written."""
        return len(zlib.compress(self.engine))

    def report(self) -> dict[str, Any]:
        """Everything but the engine itself, for a report file."""
        about = {"name": self.name, "target": self.target, "library": self.library}
        sizes = {"plan": self.plan, "file": self.file, "weights": self.layers.weights}
        return {**about, **sizes, "layers": asdict(self.layers)}


def inspect_model(
    path: Path, target: str = "", shapes: Mapping[str, Sequence[Sequence[int]]] | None = None, trt: Any = None
) -> InspectedModel:
    """Build an engine and say what became of the layers.

    Args:
        path: from `lss-bev export` or `quantize`.
        target: compute capability, empty for all.
        shapes: of inputs with free sizes other than the splat's tables.
        trt: the module tensorrt_rtx; None imports it.

    Raises:
        RuntimeBackendError: TensorRT for RTX is missing or refuses, or the file cannot be read.
        ModelError: the file does not say what it is.
    """
    content, model = read_model(path)
    description = OnnxDescription.read(metadata_of(model), str(path))
    said: list[str] = []
    try:
        trt = trt or _import_rtx()
        known = with_tables(model, description, shapes or {})
        options = BuildOptions(description.precision, known, target=target)
        plan, _ = build_plan(content, options, trt=trt, layers=said.append)
    except TensorRtError as error:
        raise RuntimeBackendError(f"{path}: {error}") from error
    layers = Inspection.of_log(said)
    if not layers.layers:
        raise RuntimeBackendError(f"{path}: {library_name(library_version(trt))} said nothing of the layers")
    return InspectedModel(path.name, target, library_name(library_version(trt)), plan, layers)


def inspection_table(found: Sequence[InspectedModel]) -> Table:
    """One row an engine."""
    table = Table(title=" and ".join(sorted({one.library for one in found})), title_justify="left")
    table.add_column("model", overflow="fold")
    for column in (
        "target",
        "MB",
        "weights",
        "in the file",
        "layers",
        "writing",
        "fused",
        "fp32",
        "only move",
    ):
        table.add_column(column, justify="left" if column == "writing" else "right")
    for one in found:
        layers = one.layers
        precisions = ", ".join(f"{count} {name}" for name, count in layers.precisions().items())
        numbers = (
            len(layers.layers),
            precisions,
            layers.fused,
            len(layers.writing("fp32")),
            len(layers.moves),
        )
        megabytes = (f"{size / 1e6:.1f}" for size in (one.plan, layers.weights, one.file))
        table.add_row(one.name, one.target or "all", *megabytes, *map(str, numbers))
    return table


def _import_rtx() -> Any:
    try:
        import tensorrt_rtx
    except (ImportError, OSError) as error:
        raise TensorRtError(
            f"layers are inspected with TensorRT for RTX, which cannot be loaded ({error}): "
            f"pip install 'lss_bev_ros[rtx]'"
        ) from error
    return tensorrt_rtx
