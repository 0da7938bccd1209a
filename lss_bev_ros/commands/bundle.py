"""`lss-bev bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console, progress

if TYPE_CHECKING:
    from ..deploy.bundle.runner.archive import Archive

bundle = typer.Typer(
    help="Models, frames and expected outputs in one file for a device.", no_args_is_help=True
)

BundlePath = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")]


@bundle.command()
def create(
    out: Annotated[Path, typer.Argument(help="File to write, such as car.lssbundle.")],
    data: Annotated[
        Path | None, typer.Option(help="nuScenes data root; by default the demo's scene.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Number of keyframes to pack.", min=1)] = 8,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", "-m", help="Exported network; repeatable. By default fp32 and fp16."),
    ] = None,
    weights: Annotated[str, typer.Option(help="Weights from which the models were exported.")] = "builtin",
) -> None:
    """Pack models, calibration, frames, expected outputs and a runner into one file."""
    import tempfile

    from ..demo.scene import synthetic_scene
    from ..deploy.bundle import create_bundle
    from ..deploy.export import export_network, file_name
    from ..evaluation.frames import dataset_frames
    from ..evaluation.moments import recorded_moments
    from ..model.multi_sense_names import is_multi_sense
    from ..runtime.multi_sense.weights import read_network

    multi = is_multi_sense(weights)
    network = read_network(weights)
    data = data or synthetic_scene(Path("runs") / "data", console)
    taken = recorded_moments(data, frames) if multi else dataset_frames(data, frames)
    with tempfile.TemporaryDirectory() as folder:
        models = list(model or ())
        if not models:
            for precision in ("fp32", "fp16"):
                path = Path(folder, file_name("network", precision, 1, 6, (), False, () if multi else None))
                with console.status(f"exporting {path.name}"):
                    models.append(export_network(network, path, precision=precision, weights=weights).path)
        with progress("frames") as bar:
            create_bundle(out, models, taken, weights, progress=bar)
    console.print(f"{out}: {len(models)} models, {len(taken.sets)} frames, {out.stat().st_size / 1e6:.0f} MB")


@bundle.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    file: BundlePath,
    host: Annotated[str | None, typer.Option(help="Run on this device over ssh: user@host.")] = None,
    python: Annotated[str, typer.Option(help="Python interpreter on the host.")] = "python3",
    ssh: Annotated[
        list[str] | None, typer.Option("--ssh-option", help="Option for ssh and scp, as after their -o.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Results file.")
    ] = None,
) -> None:
    """Run every model on every frame and measure it, here or on a device.

    Other options go to the bundle's own runner: --runtime, --repetitions, --dla, ...; `python3 FILE run -h`.
    """
    import subprocess
    import sys

    from ..deploy.bundle import run_remote
    from ..deploy.bundle.runner.command import RESULTS

    _open(file).close()
    output = output or file.with_name(file.stem + RESULTS)
    if host is None:
        # A process of its own, with nothing of the package on its path, as on the device.
        words = [sys.executable, str(file), "run", "--output", str(output), *context.args]
        raise typer.Exit(subprocess.run(words, check=False).returncode)
    options = [word for option in ssh or () for word in ("-o", option)]
    run_remote(file, host, output, context.args, python, options)
    console.print(f"results     {output}")


@bundle.command()
def measure(
    file: BundlePath,
    models: Annotated[
        list[Path], typer.Argument(help="Exported networks, with the inputs of a bundled one.")
    ],
    host: Annotated[str | None, typer.Option(help="Measure on this device over ssh: user@host.")] = None,
    python: Annotated[str, typer.Option(help="Python interpreter on the host.")] = "python3",
    ssh: Annotated[
        list[str] | None, typer.Option("--ssh-option", help="Option for ssh and scp, as after their -o.")
    ] = None,
    repetitions: Annotated[int, typer.Option(help="Timed runs of each; p99.9 needs 1000.", min=1)] = 1000,
    runtime: Annotated[str, typer.Option(help="auto, tensorrt or onnxruntime.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Report, .json.")
    ] = None,
) -> None:
    """Measure networks on a device one after another, in one connection; nothing but latency is compared.

    The bundle is copied once; each network is fed its frames. Exit code 1 where one does not run.
    """
    from rich.table import Table

    from .. import files
    from ..deploy.bundle import LatencyServer
    from ..errors import DeployError

    _open(file).close()
    shares = ("p50", "p95", "p99", "p99.9")
    table = Table("model", "runtime", *shares, "mean ± deviation, ms")
    words = ["--repetitions", str(repetitions), "--runtime", runtime]
    options = [word for option in ssh or () for word in ("-o", option)]
    measured = []
    with LatencyServer(file, host, words, python, options) as server:
        for model in models:
            one = server.measure(model)
            measured.append(one)
            if "refused" in one:
                console.print(f"{one['name']}: not run: {one['refused']}", markup=False)
                continue
            known = (f"{one[f'{share}_ms']:.2f}" if f"{share}_ms" in one else "" for share in shares)
            mean = f"{one['mean_ms']:.2f} ± {one['deviation_ms']:.2f}"
            table.add_row(one["name"], one["runtime"], *known, mean)
        if output is not None:
            report = {"device": server.device, "models": measured}
            files.write_json(output, report, DeployError)
    console.print(table)
    raise typer.Exit(1 if any("refused" in one for one in measured) else 0)


@bundle.command()
def check(
    file: BundlePath,
    results: Annotated[Path, typer.Argument(help="Results file of `bundle run`.")],
    iou_loss: Annotated[float, typer.Option(help="Largest accepted loss of IoU.")] = 0.01,
    cosine: Annotated[
        float, typer.Option(help="Lowest accepted cosine similarity with PyTorch's logits.")
    ] = 0.99,
    page: Annotated[
        Path | None, typer.Option(help="HTML page to write: latencies, accuracy by head, layers.")
    ] = None,
) -> None:
    """Compare the device's accuracy and latency with this machine's; exit code 1 past a tolerance."""
    from rich.table import Table

    from .. import files
    from ..deploy.bundle import check_bundle, device_page
    from ..errors import DeployError

    verdicts, device = check_bundle(file, results)
    table = Table("model", "where", "IoU", "same cells", "cosine", "max error", "ms")
    for verdict in verdicts:
        home = f"{verdict.home_ms:.2f} onnxruntime"
        table.add_row(verdict.name, "home", f"{verdict.home_iou:.4f}", "", "", "", home)
        table.add_row(
            verdict.precision,
            "device",
            f"{verdict.iou:.4f}",
            f"{verdict.agreement:.2%}",
            f"{verdict.difference.cosine:.6f}",
            f"{verdict.difference.max_error:.2g}",
            f"{verdict.median_ms:.2f} ± {verdict.deviation_ms:.2f}",
            end_section=len(verdict.heads) < 2,
        )
        for name, difference in sorted(verdict.heads.items()) if len(verdict.heads) > 1 else ():
            error = f"{difference.max_error:.2g}"
            table.add_row("", name, "", "", f"{difference.cosine:.6f}", error, "")
        table.add_section()
    console.print(table)
    for verdict in verdicts:
        shares = "  ".join(f"{name} {value:.2f}" for name, value in verdict.percentiles.items())
        for line in (f"{shares} ms" if shares else "", verdict.loading, verdict.conditions):
            if line:
                console.print(f"{verdict.name}: {line}", markup=False, highlight=False)
    for name, value in device.items():
        first = str(value).partition("\n")[0]
        console.print(f"{name:14}{first}", markup=False, highlight=False)
    problems = [
        (verdict.name, problem) for verdict in verdicts if (problem := verdict.problem(iou_loss, cosine))
    ]
    for name, problem in problems:
        console.print(f"{name}: {problem}", markup=False)
    if page is not None:
        files.write(page, device_page(verdicts, device, dict(problems)).encode(), DeployError)
        console.print(f"page        {page}")
    raise typer.Exit(1 if problems else 0)


@bundle.command()
def publish(
    file: BundlePath,
    results: Annotated[Path, typer.Argument(help="Results file of `bundle run`, such as a user sent.")],
    sender: Annotated[str, typer.Option("--by", help="Who measured: the name of an account.")],
    page: Annotated[Path, typer.Option(help="Page with the table of devices.")] = Path("docs/devices.md"),
) -> None:
    """Turn a results file into rows of docs/devices.md, once it is checked against its bundle."""
    from ..deploy.bundle import check_bundle, rows_of
    from ..deploy.bundle import publish as put

    with _open(file) as archive:
        known = archive.manifest["id"]
    verdicts, device = check_bundle(file, results)
    rows = rows_of(verdicts, device, known, sender)
    put(page, rows)
    console.print(f"{page}: {len(rows)} rows of {rows[0][0]}", markup=False)


@bundle.command()
def verify(file: BundlePath) -> None:
    """Check that a bundle is complete and undamaged."""
    from ..deploy.bundle.runner.archive import BundleError
    from ..errors import DeployError

    with _open(file) as archive:
        try:
            console.print(f"{file}: {archive.verify()} files as they were put in")
        except BundleError as error:
            raise DeployError(str(error)) from None


def _open(file: Path) -> Archive:
    """A bundle, its errors as this package's."""
    from ..deploy.bundle.runner.archive import Archive, BundleError
    from ..errors import DeployError

    try:
        return Archive(file)
    except BundleError as error:
        raise DeployError(str(error)) from None
