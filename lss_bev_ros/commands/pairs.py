"""Draw pairs for a while: how fast that goes, where the time goes, and what they look like.

`python -m lss_bev_ros.commands.pairs --help`
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer

from ..geometry import CAMERA_NAMES, Box, Camera, Pose
from ..model.senses import DETECTED, SEGMENTS, SensesConfig
from ..synthetic.things import THINGS
from ..training.config import SampleLayout
from ..training.multi_sense.pair import MAP_BITS, Pairs
from ..training.multi_sense.pool import pair_bytes
from ..training.source import TRAINING_SEED, world_plans
from ..visualization.pair import pair_sheet


def trial(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for pictures, one a pair.")] = Path(
        "pairs"
    ),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cuda",
    seconds: Annotated[float, typer.Option(help="How long to draw on a GPU.")] = 60.0,
    workers: Annotated[int, typer.Option(help="Processes that make worlds.")] = 4,
    pictures: Annotated[int, typer.Option(help="Pictures to write.")] = 4,
    world: Annotated[int, typer.Option(help="Number of the world that is shown and timed.")] = 0,
    scale: Annotated[float, typer.Option(help="Size of the cameras' pictures, 1 for 1600 x 900.")] = 0.33,
) -> None:
    """Draw training pairs and say how fast; pictures show whether they are right."""
    layout = SampleLayout.of(SensesConfig().model, scale)
    seed = (TRAINING_SEED, world)
    if device == "cpu":
        from ..training.multi_sense.synthetic import synthetic_pairs

        began = time.monotonic()
        pairs = synthetic_pairs(seed, pictures, layout)
        typer.echo(f"{pictures} pairs on the CPU in {time.monotonic() - began:.1f} s")
    else:
        pairs = _timed(seed, layout, torch.device("cuda", torch.cuda.current_device()))
    beams = pairs.points.shape[2]
    typer.echo(f"{pair_bytes(layout, SensesConfig(), beams) / 1e6:.2f} MB a pair")
    out.mkdir(parents=True, exist_ok=True)
    for k in range(min(pictures, len(pairs))):
        path = out / f"pair_{world}_{k}.png"
        cv2.imwrite(str(path), sheet(pairs, k, layout)[:, :, ::-1])
        typer.echo(str(path))
    if device != "cpu" and seconds > 0:
        typer.echo(_rate(layout, pairs.images.device, seconds, workers))


def _timed(seed: tuple[int, ...], layout: SampleLayout, device: torch.device) -> Pairs:
    """Make and draw one world step by step and say how long each step takes."""
    from ..synthetic.gpu import GpuStudio
    from ..training.multi_sense.pair_parcel import pack_pairs
    from ..training.multi_sense.parcels import PairSource, draw_pairs

    def timed(what: str, step: Callable):
        began = time.monotonic()
        result = step()
        torch.cuda.synchronize(device)
        typer.echo(f"{what:24} {1e3 * (time.monotonic() - began):10.1f} ms")
        return result

    studio = GpuStudio(layout.scale, device, grid=layout.grid)
    timed("compile the kernels", studio.warm_up)
    parcel = timed("make a world's parcel", lambda: pack_pairs(seed, PairSource.samples_a_world))
    timed("draw its pairs", lambda: draw_pairs(studio, parcel, layout))
    torch.cuda.reset_peak_memory_stats(device)
    pairs = timed("draw them again", lambda: draw_pairs(studio, parcel, layout))
    typer.echo(f"{'memory at most':24} {torch.cuda.max_memory_allocated(device) / 1e6:10.1f} MB")
    spent: dict[str, float] = defaultdict(float)
    run = studio._run

    def watched(kernel, blocks, *arguments, threads=None) -> None:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run(kernel, blocks, *arguments, threads=threads)
        end.record()
        end.synchronize()
        spent[kernel.py_func.__name__] += begin.elapsed_time(end)

    vars(studio)["_run"] = watched
    draw_pairs(studio, parcel, layout)
    for kernel, took in sorted(spent.items(), key=lambda item: -item[1]):
        typer.echo(f"  {kernel:22} {took:10.1f} ms")
    return pairs


def _rate(layout: SampleLayout, device: torch.device, seconds: float, workers: int) -> str:
    """Pairs a second from processes to the device."""
    from ..training.multi_sense.parcels import PairSource

    each = PairSource.samples_a_world, PairSource.validation_samples_a_world
    source = PairSource(layout, world_plans(workers, 0, 1, *each), device)
    try:
        first = None
        pairs = 0
        while first is None or time.monotonic() - first < seconds:
            item = source.take(1.0)
            if item is None:
                continue
            if first is None:
                first = time.monotonic()
            else:
                pairs += len(item[1])
        return f"{pairs / seconds:.1f} pairs a second with {workers} processes"
    finally:
        source.close()


def sheet(pairs: Pairs, k: int, layout: SampleLayout) -> np.ndarray:
    """The picture of a pair by `visualization.pair_sheet`."""
    one = pairs[k : k + 1]
    bits = one.maps[0].cpu().numpy()
    maps = {name: (bits & MAP_BITS[name]) > 0 for name in SEGMENTS if name in MAP_BITS}
    maps["vehicle"] = one.raster[0].cpu().numpy() > 128
    clouds = [cloud[torch.isfinite(cloud[:, 0]), :3].float().cpu().numpy() for cloud in one.points[0]]
    x, y, yaw, _ = one.motion[0].tolist()
    return pair_sheet(
        one.images[0].cpu().numpy(),
        _cameras(one.calibration[0, 1].cpu().numpy().astype(np.float64), layout),
        (clouds[0], clouds[1]),
        Pose.from_yaw(yaw, (x, y, 0.0)),
        maps,
        one.things[0].cpu().numpy(),
        _colours(),
        _boxes(one.boxes[0].cpu().numpy().astype(np.float64)),
        one.future[0].cpu().numpy().astype(np.float64),
        layout.grid,
    )


def _cameras(rows: np.ndarray, layout: SampleLayout) -> list[Camera]:
    cameras = []
    for name, row in zip(CAMERA_NAMES, rows, strict=True):
        intrinsics = np.diag([layout.scale, layout.scale, 1.0]) @ row[12:].reshape(3, 3)
        intrinsics[:2, 2] += (layout.scale - 1) / 2
        left, _, right = np.linalg.svd(row[:9].reshape(3, 3))
        cameras.append(Camera(name, intrinsics, layout.width, layout.height, Pose(left @ right, row[9:12])))
    return cameras


def _boxes(rows: np.ndarray) -> list[Box]:
    return [
        Box(
            Pose.from_yaw(row[7], row[1:4]),
            row[4:7],
            DETECTED[int(row[0])],
            velocity=row[8:10],
            num_lidar_pts=int(row[10]),
        )
        for row in rows
        if row[0] >= 0
    ]


def _colours() -> np.ndarray:
    """(len(THINGS), 3) uint8 RGB, neighbours in the list far apart."""
    hue = np.arange(len(THINGS)) * 0.618034 % 1.0
    hsv = np.stack([hue * 179, np.full(len(hue), 150), np.full(len(hue), 235)], -1).astype(np.uint8)
    colours = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    colours[:2] = (14, 17, 23), (70, 72, 80)
    return colours


if __name__ == "__main__":
    typer.run(trial)
