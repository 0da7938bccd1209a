"""`lss-bev benchmark`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console, progress

if TYPE_CHECKING:
    from ..benchmark import BenchmarkFrames, BenchmarkOptions
    from ..benchmark.other_tree import Tree


def benchmark(
    dataroot: Annotated[
        Path | None, typer.Option(help="nuScenes data root; by default the demo's scene.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Take the frames from a file of --save-frames; no data set reader is needed."),
    ] = None,
    save_frames: Annotated[
        Path | None, typer.Option(help="Only write the frames to an .npz file, for another machine.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Number of frames of the data set, used over and over.")
    ] = 8,
    modes: Annotated[
        str,
        typer.Option(
            help="serial, reference and backends, separated by commas; `torch:bf16` for one precision."
        ),
    ] = "",
    weights: Annotated[str, typer.Option(help="builtin[-multi], a checkpoint, or seed:N.")] = "builtin",
    repetitions: Annotated[int, typer.Option(min=1, help="Number of timed rounds of each mode.")] = 20,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch decides.")] = 0,
    memory: Annotated[
        bool, typer.Option(help="Run each mode in its own process to measure its memory.")
    ] = True,
    nodes: Annotated[bool, typer.Option(help="Also measure the nodes as processes.")] = False,
    dashboard: Annotated[
        bool, typer.Option(help="Only measure the dashboard, with 0, 5 and 50 clients.")
    ] = False,
    scaling: Annotated[
        str, typer.Option(help="Measure how a backend, such as `torch:fp32`, scales with cameras and sizes.")
    ] = "",
    profile: Annotated[
        bool,
        typer.Option(
            help="Time every kernel launch of the cuda backend and compare it with the limit of the GPU."
        ),
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Measure only this package beside the one in another folder, such as an older checkout, by "
            "turns; with --nodes its inference node too."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="Report file.")] = Path(
        "runs/benchmark.json"
    ),
    datasheet: Annotated[
        Path | None,
        typer.Option(
            help="Also write NAME.json, NAME.md and charts; NAME is for example docs/performance/cpu."
        ),
    ] = None,
    commit: Annotated[str, typer.Option(help="Commit of the code, if it is not in a git checkout.")] = "",
) -> None:
    """Measure every way to run the network, alternating on the same frames, and the nodes over DDS."""
    from .. import files
    from ..benchmark import (
        BenchmarkOptions,
        benchmark_tables,
        run_benchmark,
        skipped_lines,
        write_datasheet,
    )
    from ..benchmark import save_frames as write_frames
    from ..benchmark.modes import check_modes
    from ..benchmark.other_tree import Tree
    from ..benchmark.profile import check_profile, profile_table, run_profile
    from ..benchmark.report import scaling_table
    from ..benchmark.scaling import run_scaling
    from ..errors import LssBevError
    from ..runtime.multi_sense.weights import means_multi_sense

    multi = means_multi_sense(weights)
    if multi:
        for option, given in (
            ("--frames", frames),
            ("--save-frames", save_frames),
            ("--scaling", scaling),
            ("--profile", profile),
            ("--nodes", nodes),
            ("--datasheet", datasheet),
        ):
            if given:
                raise LssBevError(
                    f"{option} measures the published network alone: leave it out for weights {weights}"
                )
    wanted = tuple(word.strip() for word in modes.split(",") if word.strip())
    check_modes((*wanted, *filter(None, [scaling])))
    if against is not None:
        for option, given in (
            ("--save-frames", save_frames),
            ("--dashboard", dashboard),
            ("--scaling", scaling),
            ("--profile", profile),
            ("--datasheet", datasheet),
            ("multi-sense weights", multi),
        ):
            if given:
                raise LssBevError(f"--against compares modes and nodes alone: leave {option} out")
        tree = Tree.at(against)
    if profile:
        check_profile()
    if frames is None and dataroot is None:
        from ..demo.scene import synthetic_scene

        dataroot = synthetic_scene(Path("runs") / "data", console)
    if dashboard:
        _dashboard(dataroot, output)
        return
    if multi:
        assert dataroot is not None
        _multi_sense(dataroot, count, wanted, weights, repetitions, threads, commit, output)
        return
    chosen = _frames(dataroot, frames, count)
    if save_frames is not None:
        write_frames(chosen, save_frames)
        console.print(f"frames      {save_frames} ({chosen.source})")
        return
    # Where files lie on this machine tells a reader nothing.
    command = " ".join(
        ["lss-bev", *(Path(word).name if word.startswith("/") else word for word in sys.argv[1:])]
    )
    options = BenchmarkOptions(wanted, weights, repetitions, threads, memory, commit, command)
    if against is not None:
        _against(chosen, tree, options, nodes, output)
        return
    with progress("network") as bar:
        report = run_benchmark(chosen, options, bar)
    for table in benchmark_tables(report):
        console.print(table)
    for line in skipped_lines(report):
        console.print(f"not run     {line}", markup=False)
    if scaling:
        with progress("scaling") as bar:
            turns = max(2, repetitions // 4)
            growth = run_scaling(*_backend(scaling), threads, turns, progress=bar)
        report["scaling"] = growth
        console.print(scaling_table(growth))
    if profile:
        with console.status("launches"):
            launches = run_profile(weights, chosen)
        report["profile"] = launches
        console.print(profile_table(launches))
    if nodes:
        from ..benchmark.nodes import benchmark_nodes, nodes_tables

        with console.status("nodes") as status:
            through_ros = benchmark_nodes(dataroot, chosen, progress=status.update)
        report["nodes"] = through_ros
        for table in nodes_tables(through_ros):
            console.print(table)
    if datasheet is None:
        files.write_json(output, report)
        console.print(f"report      {output}")
        return
    for path in write_datasheet(report, datasheet):
        console.print(f"datasheet   {path}")


def _against(
    frames: BenchmarkFrames, tree: Tree, options: BenchmarkOptions, nodes: bool, output: Path
) -> None:
    from pipros import activate

    from .. import files
    from ..benchmark.against import against_table, benchmark_against
    from ..benchmark.machine import describe_code, describe_machine
    from ..benchmark.report import skipped_lines

    with progress("network") as bar:
        report = benchmark_against(frames, tree, options, bar)
    report |= {"machine": describe_machine(), "code": describe_code(options.commit)}
    report["configuration"] = {"command": options.command, "data": frames.source, "frames": len(frames.sets)}
    console.print(against_table(report))
    for line in skipped_lines(report):
        console.print(f"not run     {line}", markup=False)
    if nodes:
        activate()
        from ..benchmark.first_grid import first_grid_table, measure_first_grids

        with progress("first grids") as bar:
            rounds = max(2, options.repetitions // 4)
            report["first_grid"] = measure_first_grids(frames, tree, rounds, options.weights, bar)
        console.print(first_grid_table(report["first_grid"]))
    files.write_json(output, report)
    console.print(f"report      {output}")


def _multi_sense(
    dataroot: Path,
    count: int,
    wanted: tuple[str, ...],
    weights: str,
    repetitions: int,
    threads: int,
    commit: str,
    output: Path,
) -> None:
    from .. import files
    from ..benchmark.senses import benchmark_senses, senses_tables

    with progress("network") as bar:
        report = benchmark_senses(dataroot, count, wanted, weights, repetitions, threads, commit, bar)
    for table in senses_tables(report):
        console.print(table)
    for name, reason in report["skipped"].items():
        console.print(f"not run     {name}: {reason}", markup=False)
    files.write_json(output, report)
    console.print(f"report      {output}")


def _dashboard(dataroot: Path | None, output: Path) -> None:
    from pipros import activate

    from .. import files
    from ..errors import LssBevError

    if dataroot is None:
        raise LssBevError("--dashboard replays a data set: give one with --dataroot instead of --frames")
    activate()
    from ..benchmark.dashboard import benchmark_dashboard, dashboard_table

    with console.status("dashboard") as status:
        report = benchmark_dashboard(dataroot, progress=status.update)
    console.print(dashboard_table(report))
    files.write_json(output, report)
    console.print(f"report      {output}")


def _backend(word: str) -> tuple[str, str]:
    name, _, precision = word.partition(":")
    return name, precision or "auto"


def _frames(dataroot: Path | None, saved: Path | None, count: int) -> BenchmarkFrames:
    from ..benchmark import dataset_frames, load_frames
    from ..errors import LssBevError

    if saved is not None:
        if dataroot is not None:
            raise LssBevError("--frames and --dataroot both say which frames: give one")
        return load_frames(saved)
    assert dataroot is not None
    return dataset_frames(dataroot, count)
