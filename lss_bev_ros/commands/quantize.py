"""`lss-bev quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def quantize(
    source: Annotated[Path, typer.Argument(help="ONNX file of the network in fp32.")],
    out: Annotated[Path, typer.Argument(help="ONNX file to write.")],
    dataroot: Annotated[
        Path | None, typer.Option(help="nuScenes data root for calibration; by default the demo's.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Number of calibration frames, spread over the data.")] = 16,
    sensitivity_frames: Annotated[
        int, typer.Option(help="Number of these on which each layer is tried alone; 0: none.")
    ] = 1,
    method: Annotated[
        str, typer.Option(help="Calibration method: minmax, percentile or entropy.")
    ] = "percentile",
    percentile: Annotated[float, typer.Option(help="Percentile, for that method.")] = 99.99,
    equalize: Annotated[bool, typer.Option(help="First equalize the ranges of the channels.")] = True,
    bound: Annotated[
        float, typer.Option(help="Largest accepted loss of IoU, or of any score, on the calibration frames.")
    ] = 0.01,
    keep: Annotated[
        list[str] | None, typer.Option(help="Layers to keep in float, by name or prefix; repeatable.")
    ] = None,
    part: Annotated[
        list[Path] | None, typer.Option(help="fp32 file of an encoder to quantise the same way; repeatable.")
    ] = None,
    runtime: Annotated[str, typer.Option(help="Q/DQ style: onnxruntime or tensorrt.")] = "onnxruntime",
    reduced: Annotated[
        str, typer.Option(help="7-bit weights: auto (if the CPU has no VNNI), yes or no.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="int8, or fp8 (e4m3) for TensorRT on GPUs of capability 8.9 or newer.")
    ] = "int8",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all cores.")] = 0,
    turns: Annotated[int, typer.Option(help="Number of timed runs of each file.")] = 10,
) -> None:
    """Quantise an exported network to INT8 or FP8, keeping sensitive layers in float until IoU is kept."""
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
        precision,
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
