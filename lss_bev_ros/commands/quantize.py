"""`lss-bev quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def quantize(
    source: Annotated[Path, typer.Argument(help="ONNX file of the network in fp32.")],
    out: Annotated[Path, typer.Argument(help="ONNX file to write.")],
    dataroot: Annotated[Path | None, typer.Option(help="Calibration frames; by default the demo's.")] = None,
    frames: Annotated[int, typer.Option(help="Calibration frames, spread over the data.")] = 16,
    sensitivity_frames: Annotated[
        int, typer.Option(help="Of those, to try each layer alone on; 0 for none.")
    ] = 1,
    method: Annotated[str, typer.Option(help="minmax, percentile or entropy.")] = "percentile",
    percentile: Annotated[float, typer.Option(help="For that method.")] = 99.99,
    equalize: Annotated[bool, typer.Option(help="Bring channels to one range first.")] = True,
    bound: Annotated[float, typer.Option(help="IoU that may be lost on the calibration frames.")] = 0.01,
    keep: Annotated[
        list[str] | None, typer.Option(help="Layers to leave in float, by name or beginning; repeatable.")
    ] = None,
    part: Annotated[
        list[Path] | None, typer.Option(help="fp32 file of an encoder, to quantise alike; repeatable.")
    ] = None,
    runtime: Annotated[str, typer.Option(help="Whose Q/DQ: onnxruntime or tensorrt.")] = "onnxruntime",
    reduced: Annotated[str, typer.Option(help="7 bit weights: auto (without VNNI), yes or no.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads, 0 for all cores.")] = 0,
    turns: Annotated[int, typer.Option(help="Timed runs of each file.")] = 10,
) -> None:
    """Quantise an exported network to INT8, leaving the most sensitive layers in float until IoU holds."""
    from .. import files
    from ..demo.scene import synthetic_scene
    from ..deploy.quantize import QuantizeOptions, quantize_table
    from ..deploy.quantize import quantize as run
    from ..errors import DeployError

    options = QuantizeOptions(
        frames,
        sensitivity_frames,
        method,
        percentile,
        equalize,
        bound,
        tuple(keep or ()),
        runtime,
        reduced,
        threads,
        turns,
    )
    dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
    with progress("quantising") as bar:
        result = run(
            source, out, dataroot, options, tuple(part or ()), lambda _, done, total: bar(done, total)
        )
    console.print(quantize_table(result))
    report = out.with_suffix(".json")
    files.write_json(report, result.report, DeployError)
    console.print(f"network     {out}\nreport      {report}")
