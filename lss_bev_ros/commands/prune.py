"""`lss-bev prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import console, progress

RUNS = ("--repetitions", "100")
"""Of each network that is measured on another device."""


def prune(
    out: Annotated[Path, typer.Argument(help="Weights to write, .safetensors.")] = Path(
        "runs/prune/pruned.safetensors"
    ),
    weights: Annotated[str, typer.Option(help="builtin[-multi], a checkpoint, or seed:N.")] = "builtin",
    speedup: Annotated[
        float | None, typer.Option(help="Wanted speedup of the network alone, on this device; by default 2.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Widths that were chosen before, in place of a speedup: x2, x3 or x4.")
    ] = "",
    dataroot: Annotated[
        Path | None, typer.Option(help="nuScenes data root with annotated frames; by default the demo's.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Number of frames on which channels are scored.")] = 32,
    target: Annotated[
        str, typer.Option(help="Wanted latency of the network alone, such as 5ms, in place of --speedup.")
    ] = "",
    device: Annotated[
        str,
        typer.Option(
            help="Device to prune for: cpu, cuda, or the results of `bundle run --layers` on another one."
        ),
    ] = "cpu",
    bundle: Annotated[
        Path | None,
        typer.Option(help="Bundle that was run there, to measure each cut network on that device again."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="That device, as ssh takes it: user@host; by default this machine.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Precision of the CPU engine: auto, fp32 or bf16.")] = "auto",
    multiple: Annotated[int, typer.Option(help="Changed widths are multiples of this.")] = 8,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides.")] = 0,
    minutes: Annotated[float, typer.Option(help="Minutes of fine-tuning; 0: none.")] = 10.0,
    data: Annotated[
        str, typer.Option(help="Data for fine-tuning: synthetic, or a nuScenes data root.")
    ] = "synthetic",
    rate: Annotated[float, typer.Option(help="Highest learning rate of fine-tuning.")] = 1e-3,
    batch: Annotated[int, typer.Option(help="Samples per step of fine-tuning.")] = 32,
) -> None:
    """Remove channels from the network until it is as fast as asked, here or on a device, then fine-tune it.

    Fine-tuning also learns from the unpruned network. With --minutes 0, fine-tune later with
    `lss-bev train --weights OUT --teacher WEIGHTS`, for example on a machine with a GPU. If no network is
    as fast as asked, the fastest one found is written, a line says so, and the exit code is 1.
    """
    from contextlib import ExitStack

    from .. import files
    from ..demo.scene import synthetic_scene
    from ..deploy.bundle import LatencyServer
    from ..deploy.prune import PruneOptions, prune_table
    from ..deploy.prune import prune as run
    from ..deploy.prune.device_latency import DeviceLatency, milliseconds
    from ..deploy.prune.on_device import OnDevice
    from ..deploy.prune.tuning import tune
    from ..errors import DeployError
    from ..model.lift_splat import LiftSplatShoot
    from ..model.multi_sense_names import is_multi_sense
    from ..model.multi_sense_weights import write_multi_sense
    from ..model.weights import write_weights

    if is_multi_sense(weights) and minutes > 0:
        raise DeployError(
            f"weights {weights} are of the multi-sense network, which is not fine-tuned after pruning yet: "
            f"give --minutes 0 for the pruned network with its scores"
        )
    elsewhere = Path(device) if device not in ("cpu", "cuda") else None
    if (bundle or host) and not (elsewhere and bundle):
        raise DeployError("--bundle and --host go with --device RESULTS, what that bundle measured there")
    if preset and (speedup is not None or target or elsewhere):
        raise DeployError("--preset says all widths: leave --speedup, --target and --device RESULTS out")
    wanted = milliseconds(target) if target else 0.0
    here = device if elsewhere is None else "cpu"
    faster = 2.0 if speedup is None else speedup
    options = PruneOptions(faster, here, precision, multiple, frames, threads, wanted, elsewhere, preset)
    if elsewhere is not None:
        DeviceLatency.read(elsewhere)  # before a scene is made, which takes minutes
    dataroot = dataroot or synthetic_scene(Path("runs") / "data", console)
    with ExitStack() as stack, progress("pruning") as bar:
        measure = None
        if bundle is not None:
            measure = OnDevice(stack.enter_context(LatencyServer(bundle, host, RUNS)), bundle)
        pruned = run(weights, dataroot, options, lambda _, done, total: bar(done, total), measure)
    console.print(prune_table(pruned))
    if pruned.missed:
        # Before the minutes of fine-tuning, for whoever would rather try again.
        console.print(pruned.missed, soft_wrap=True)
    model = pruned.model
    if minutes > 0 and isinstance(model, LiftSplatShoot):
        model, scores = tune(
            model,
            weights,
            out.with_suffix(".run"),
            minutes,
            data,
            rate,
            batch,
            lambda line: console.print(line),
        )
        pruned.report["fine_tuning"] = {"minutes": minutes, "data": data, "rate": rate, **scores}
    facts = {"licence": "Apache-2.0", "pruned_from": str(pruned.report["weights"])}
    if isinstance(model, LiftSplatShoot):
        write_weights(model.state_dict(), out, facts, DeployError)
    else:
        write_multi_sense(model, out, facts, DeployError)
    files.write_json(out.with_suffix(".json"), pruned.report, DeployError)
    console.print(f"weights     {out}\nreport      {out.with_suffix('.json')}")
    if pruned.missed:
        console.print(pruned.missed, soft_wrap=True)
        raise typer.Exit(1)
