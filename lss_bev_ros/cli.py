"""`lss-bev`: every part of the package from the command line.

Commands only read their arguments, call the layer that does the work and print what it returns; an error
that the user can mend is one line on stderr and exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import __version__
from .errors import LssBevError
from .standalone import activate
from .standalone.ament_prefix import offer_package
from .standalone.commands import bag, topic

app = typer.Typer(
    help="Bird's-eye-view occupancy from six cameras with Lift-Splat-Shoot.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(topic, name="topic")
app.add_typer(bag, name="bag")

console = Console()

Arguments = Annotated[list[str] | None, typer.Argument(metavar="[name:=value]...")]


def main() -> None:
    """Run the command line."""
    try:
        if not activate():
            offer_package()
        app()
    except LssBevError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of how much of how much is done."""
    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__)


@app.command()
def demo(
    arguments: Arguments = None,
    runs: Annotated[Path, typer.Option(help="Folder for data and results.")] = Path("runs"),
) -> None:
    """Show everything at work: replay, inference, evaluation, a bag, a report and a picture.

    Without `dataroot:=DIR` a synthetic street scene is made once and replayed.
    """
    from .standalone.demo import run_demo

    raise typer.Exit(run_demo(arguments or [], runs, console))


@app.command()
def launch(
    file: Annotated[str, typer.Argument(help="demo.launch.py, another of the package's, or a path.")],
    arguments: Arguments = None,
    show_args: Annotated[bool, typer.Option("--show-args", "-s", help="List the file's arguments.")] = False,
    debug: Annotated[bool, typer.Option("--debug", "-d", help="Log what launch itself does.")] = False,
) -> None:
    """Run a launch file, as `ros2 launch lss_bev_ros FILE` does."""
    from .standalone import launching

    if show_args:
        print(launching.describe_arguments(file))
        return
    raise typer.Exit(launching.launch(file, arguments or [], debug=debug))


@app.command()
def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    scenes: Annotated[int, typer.Option(help="Number of scenes.")] = 2,
    seconds: Annotated[float, typer.Option(help="Length of a scene.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 0,
    sweeps: Annotated[bool, typer.Option(help="12 Hz cameras, 20 Hz LiDAR too.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    version: Annotated[str, typer.Option(help="Name of the version folder.")] = "v1.0-mini",
) -> None:
    """Make a synthetic data set in the nuScenes format."""
    from .dataset.synthetic import synthesize as make

    with _progress("rendering") as progress:
        root = make(
            out,
            scenes=scenes,
            seconds=seconds,
            seed=seed,
            sweeps=sweeps,
            workers=workers,
            progress=progress,
            version=version,
        )
    console.print(f"{root}: {scenes} scenes of {seconds:g} s, version {version}")


@app.command()
def evaluate(
    dataroot: Annotated[Path, typer.Argument(help="nuScenes data root.")],
    version: Annotated[str, typer.Option(help="Version; the one that is there by default.")] = "",
    scenes: Annotated[list[str] | None, typer.Option("--scene", help="Only this scene; repeatable.")] = None,
    split: Annotated[str | None, typer.Option(help="Only the scenes of train, val or test.")] = None,
    limit: Annotated[int | None, typer.Option(help="Keyframes at most.")] = None,
    weights: Annotated[str, typer.Option(help="builtin, a checkpoint, or seed:N.")] = "builtin",
    backend: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads, 0 leaves it to torch.")] = 0,
    threshold: Annotated[float, typer.Option(help="Probability from which a cell is predicted.")] = 0.5,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Report file.")] = None,
    study: Annotated[Path | None, typer.Option(help="Folder for curves and a contact sheet.")] = None,
) -> None:
    """Score the network on a data set, with the numbers that the evaluation node would give.

    With --split or --study also: vehicles that LiDAR sees apart, calibration, and recall by visibility.
    """
    from .dataset import NuScenesReader
    from .dataset.split import scenes_of_split
    from .evaluation import Evaluator, Study, evaluate_dataset, report_table, study_table, write_report
    from .runtime import create_engine
    from .visualization.study import write_study_pictures

    reader = NuScenesReader(dataroot, version, tuple(scenes or ()))
    if split:
        scenes = [name for name in scenes_of_split(reader, split) if not scenes or name in scenes]
    engine = create_engine(backend, weights, threads, precision)
    closer = Study(engine.grid, threshold) if split or study else None
    with _progress("evaluating") as progress:
        report = evaluate_dataset(
            reader,
            engine,
            scenes,
            limit,
            evaluator=Evaluator(threshold=threshold),
            progress=progress,
            observer=closer,
        )
    engine.close()
    console.print(report_table(report))
    if closer:
        report["study"] = closer.report()
        console.print(study_table(report["study"]))
    if output:
        console.print(f"report      {write_report(output, report)}")
    if study and closer:
        for path in write_study_pictures(closer, study):
            console.print(f"picture     {path}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path, typer.Argument(help="File to write, .safetensors.")],
) -> None:
    """Make weights to ship of a training run: calibrated, averaged, in half precision."""
    from .training.publish import publish_run

    figures = publish_run(run, out)
    console.print(f"{out}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def train(context: typer.Context) -> None:
    """Train the network on the synthetic world, drawn as it trains, or on nuScenes."""
    from .training.command import train as command  # loads torch, which no other command should wait for

    trainer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    trainer.command()(command)
    trainer(args=context.args, prog_name="lss-bev train")


@app.command()
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
    from .deploy.benchmark import benchmark_table, run_benchmark, write_report
    from .standalone.demo import synthetic_scene
    from .standalone.node_benchmark import benchmark_nodes, nodes_table

    dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
    with _progress("network") as progress:
        report = run_benchmark(dataroot, weights, repetitions=repetitions, threads=threads, progress=progress)
    console.print(benchmark_table(report))
    if nodes:
        with console.status("nodes") as status:
            report["nodes"] = benchmark_nodes(dataroot, progress=status.update)
        console.print(nodes_table(report["nodes"]))
    write_report(report, output)
    console.print(f"report      {output}")


if __name__ == "__main__":
    main()
