"""`lss-bev benchmark`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress


def benchmark(
    dataroot: Annotated[Path | None, typer.Option(help="By default the demo's scene.")] = None,
    weights: Annotated[str, typer.Option(help="builtin, a checkpoint, or seed:N.")] = "builtin",
    repetitions: Annotated[int, typer.Option(help="Timed runs of each mode.")] = 20,
    threads: Annotated[int, typer.Option(help="CPU threads, 0 leaves it to torch.")] = 0,
    nodes: Annotated[bool, typer.Option(help="Measure the nodes as processes too.")] = True,
    output: Annotated[Path, typer.Option("--output", "-o", help="Report.")] = Path("runs/benchmark.json"),
) -> None:
    """Measure every way to run the network, in turns on the same frames, and the nodes over DDS."""
    # Read when torch is loaded: threads that wait do not spin, so a busy machine blurs the ratios less.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from ..deploy.benchmark import benchmark_table, run_benchmark, write_report
    from ..standalone.demo import synthetic_scene
    from ..standalone.node_benchmark import benchmark_nodes, nodes_table

    dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
    with progress("network") as bar:
        report = run_benchmark(dataroot, weights, repetitions=repetitions, threads=threads, progress=bar)
    console.print(benchmark_table(report))
    if nodes:
        with console.status("nodes") as status:
            report["nodes"] = benchmark_nodes(dataroot, progress=status.update)
        console.print(nodes_table(report["nodes"]))
    write_report(report, output)
    console.print(f"report      {output}")
