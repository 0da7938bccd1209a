"""What was exported, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from .exporting import ExportedModel


def export_table(models: Sequence[ExportedModel]) -> Table:
    """One row a file and output: operators, size and the distance to PyTorch in fp32."""
    table = Table(
        title="ONNX against PyTorch in fp32, on the same pictures",
        title_justify="left",
        caption="sizes: samples x cameras; cosine as vectors, l2 relative to PyTorch's length",
        caption_justify="left",
    )
    columns = ("part", "precision", "operators", "MB", "sizes", "output", "1 - cosine", "l2", "largest error")
    for column in columns:
        table.add_column(column, justify="left" if column in ("part", "precision", "output") else "right")
    for model in models:
        said = model.description
        first = (said.part, said.precision, _operators(model), f"{model.megabytes:.1f}")
        if not model.agreement:
            table.add_row(*first, "", "not compared")
        for size in model.agreement:
            for name, difference in size.tensors.items():
                table.add_row(
                    *first,
                    f"{size.batch} x {size.cameras}",
                    name,
                    f"{1.0 - difference.cosine:.1e}",
                    f"{difference.l2:.1e}",
                    f"{difference.max_error:.1e}",
                )
                first = ("", "", "", "")
    return table


def _operators(model: ExportedModel) -> str:
    simpler = model.written - model.nodes
    return f"{model.nodes} (-{simpler})" if simpler else str(model.nodes)
