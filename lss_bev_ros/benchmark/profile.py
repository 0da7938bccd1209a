"""Where the time of the cuda backend goes: every launch of the graph against what the chip could do."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from rich.table import Table

from ..errors import LssBevError
from ..evaluation.frames import BenchmarkFrames
from ..geometry import Lens, Rig
from ..model import ModelConfig
from ..runtime import FrameSet, create_engine
from ..runtime.backends import REGISTRY
from ..runtime.cuda.splat import has_triton
from ..runtime.engine import Engine
from ..runtime.straightening import StraighteningCache
from .modes import normalised

COPY_BYTES = 2**31
"""Of the copy that measures bandwidth, larger than any cache."""

MATRIX = 8192
"""Rows and columns of the product that measures the matrix units."""

BARREL = Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03))
"""A lens as wide cameras have."""

FLUSHED = 2**28
"""Bytes that are written to displace all else from the GPU's cache."""

REPEATS = 20
"""Of one launch in a row, so that its own time and not the graph's is measured."""


def profile_network(engine: Engine, frame: FrameSet, images: torch.Tensor) -> dict[str, Any]:
    """Time every launch by itself and the whole graph.

    Args:
        engine: the cuda backend with its own kernels.
        frame: says which calibration.
        images: (N, 3, H, W) float32, normalised.

    Returns:
        Ready for JSON: `engine`, `ceilings` (bytes a second, operations a second, both measured here),
        `graph_us`, `sum_us` and `launches`, each with `name`, `stage`, `kernel`, `us`, `bytes`, `operations`,
        `floor_us` (the larger of bytes over bandwidth and operations over matrix rate) and `share` of the
        sum.

    Raises:
        LssBevError: the engine has no launches to tell apart.
    """
    from ..runtime.cuda.engine import CudaEngine
    from ..runtime.cuda.launch import KernelLaunch, Launch

    if not isinstance(engine, CudaEngine):
        raise LssBevError(f"backend {engine.name} cannot be profiled: use cuda")
    tables = engine.tables(frame)
    with torch.inference_mode():
        prepared = engine.prepare(images)
        graph = _replays(lambda: engine.network(prepared, tables))
        ceilings = measure_ceilings()
        rows: list[dict[str, Any]] = []
        for stage, launches in engine.plan(len(frame.rig)).stages.items():
            for launch in launches:
                if not isinstance(launch, Launch):
                    raise LssBevError("only our own kernels can be profiled: install Triton and use fp16")
                floor = max(launch.traffic / ceilings["bytes"], launch.operations / ceilings["operations"])
                rows.append(
                    {
                        "name": launch.name,
                        "stage": stage,
                        "kernel": launch.kernel.fn.__name__ if isinstance(launch, KernelLaunch) else "cuDNN",
                        "us": _alone(launch),
                        "bytes": launch.traffic,
                        "operations": launch.operations,
                        "floor_us": floor * 1e6,
                    }
                )
    total = sum(row["us"] for row in rows)
    for row in rows:
        row["share"] = row["us"] / total
    return {"engine": engine.name, "ceilings": ceilings, "graph_us": graph, "sum_us": total, "launches": rows}


def run_profile(weights: str, frames: BenchmarkFrames) -> dict[str, Any]:
    """`profile_network` of the cuda backend, as `auto` sets it up, on the first frame.

    Raises:
        LssBevError: there is no GPU, or Triton is missing.
    """
    engine = create_engine("cuda", weights)
    with engine:
        frame = frames.sets[0]
        profile = profile_network(engine, frame, normalised(ModelConfig(), [frame])[0])
    return profile | {"preprocessing_us": measure_preprocessing(frame.rig, ModelConfig())}


def measure_preprocessing(rig: Rig, config: ModelConfig) -> dict[str, float]:
    """Time what makes the network's input of images on the GPU.

    Args:
        rig: gives the number of cameras and their image sizes.
        config: of the network.

    Returns:
        Microseconds: `pinholes` and `lenses`, all cameras being of that kind, many times in a row, and
        `pinholes_cold` and `lenses_cold`, likewise but with nothing of it in the GPU's cache.
    """
    from ..runtime.cuda.image_loader import image_sizes
    from ..runtime.cuda.preprocessor import DevicePreprocessor

    device, found = torch.device("cuda"), {}
    stacks = [
        torch.randint(0, 256, (len(places), height, width, 3), dtype=torch.uint8, device=device)
        for (width, height), places in image_sizes(rig).items()
    ]
    shape = (len(rig), config.image_height, config.image_width, 3)
    out = torch.zeros(shape, dtype=torch.float16, device=device)
    flushed = torch.empty(FLUSHED, dtype=torch.uint8, device=device)
    flush_alone = _alone(lambda: flushed.zero_())
    for name, lens in (("pinholes", Lens()), ("lenses", BARREL)):
        cameras = tuple(replace(camera, lens=lens) for camera in rig.cameras)
        preprocess = DevicePreprocessor(Rig(cameras), config, device, StraighteningCache(config))
        work = functools.partial(preprocess, stacks, out)
        found[name] = _alone(work)
        found[f"{name}_cold"] = _alone(functools.partial(_flushed, flushed, work)) - flush_alone
    return found


def check_profile() -> None:
    """Raise LssBevError where there is nothing to profile."""
    problem = REGISTRY["cuda"].unusable()
    if problem is None and not has_triton():
        problem = "Triton is not installed"
    if problem is not None:
        raise LssBevError(f"--profile needs the cuda backend with its own kernels: {problem}")


def measure_ceilings() -> dict[str, float]:
    """Bytes a second of a copy, read and written, and half-precision operations a second of a product."""
    source = torch.empty(COPY_BYTES, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    copy = _replays(functools.partial(target.copy_, source))
    del source, target
    left, right = (torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.float16) for _ in range(2))
    product = _replays(functools.partial(torch.matmul, left, right))
    return {"bytes": 2e6 * COPY_BYTES / copy, "operations": 2e6 * MATRIX**3 / product}


COLUMNS = ("launch", "kernel", "us", "share", "GFLOP", "MB", "floor us", "times the floor")


def profile_table(profile: dict[str, Any], least: float = 0.01) -> Table:
    """The launches that take more than `least` of the time, the rest by kernel, and the sum."""
    table = Table(
        title=f"Launches of {profile['engine']}, {profile['sum_us']:.0f} us one by one, "
        f"{profile['graph_us']:.0f} us as a graph",
        title_justify="left",
        caption=". ".join([ceilings_line(profile), *preprocessing_line(profile)]),
        caption_justify="left",
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("launch", "kernel") else "right")
    for row in profile_rows(profile, least):
        table.add_row(*row)
    return table


def profile_lines(profile: dict[str, Any], least: float = 0.01) -> list[str]:
    """`profile_table` in Markdown."""
    return [
        f"One run of {profile['engine']} takes {profile['graph_us']:.0f} us as a graph, and its "
        f"{len(profile['launches'])} launches {profile['sum_us']:.0f} us, each measured alone, many times in "
        f"a row. {ceilings_line(profile)}.",
        *(f"{line}." for line in preprocessing_line(profile)),
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *["| " + " | ".join(row) + " |" for row in profile_rows(profile, least)],
    ]


def ceilings_line(profile: dict[str, Any]) -> str:
    """What the floor of a launch is reckoned with."""
    ceilings = profile["ceilings"]
    return (
        f"Floor: bytes at {ceilings['bytes'] / 1e12:.1f} TB/s or operations at "
        f"{ceilings['operations'] / 1e12:.0f} TFLOP/s, a copy and a matrix product measured in the same run"
    )


def preprocessing_line(profile: dict[str, Any]) -> list[str]:
    """What comes before the network, where it was measured."""
    us = profile.get("preprocessing_us")
    if us is None:
        return []
    return [
        f"Pre-processing before it: {us['pinholes']:.1f} us for pinholes, {us['lenses']:.1f} us for lenses; "
        f"{us['pinholes_cold']:.1f} and {us['lenses_cold']:.1f} us with nothing in the cache"
    ]


def profile_rows(profile: dict[str, Any], least: float = 0.01) -> list[tuple[str, ...]]:
    """Texts of `COLUMNS`, slowest first."""
    launches = sorted(profile["launches"], key=lambda row: -row["us"])
    shown = [row for row in launches if row["share"] >= least]
    rest: dict[str, list[dict[str, Any]]] = {}
    for row in launches:
        if row["share"] < least:
            rest.setdefault(row["kernel"], []).append(row)
    for kernel, rows in sorted(rest.items(), key=lambda item: -sum(row["us"] for row in item[1])):
        shown.append({"name": f"{len(rows)} smaller ones", "kernel": kernel, **_sums(rows)})
    shown.append({"name": f"all {len(launches)}", "kernel": "", **_sums(launches)})
    return [
        (
            row["name"],
            row["kernel"],
            f"{row['us']:.1f}",
            f"{100 * row['share']:.1f}%",
            f"{row['operations'] / 1e9:.2f}",
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['floor_us']:.2f}",
            f"{row['us'] / max(row['floor_us'], 1e-3):.1f}",
        )
        for row in shown
    ]


def _sums(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {key: sum(row[key] for row in rows) for key in ("us", "bytes", "operations", "floor_us", "share")}


def _flushed(memory: torch.Tensor, work: Callable[[], object]) -> None:
    """Overwrite what the caches hold, then work."""
    memory.zero_()
    work()


def _alone(launch: Callable[[], object]) -> float:
    """Microseconds of one launch among others of its kind."""

    def work() -> None:
        for _ in range(REPEATS):
            launch()

    graph = torch.cuda.CUDAGraph()
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        # cuDNN tries what it has before the capture, in which it cannot.
        work()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            work()
    return _replays(graph.replay, 5) / REPEATS


def _replays(work: Callable[[], object], count: int = 15) -> float:
    """Median microseconds of some work, by the device's own clock."""
    work()
    times = []
    for _ in range(count):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1e3)
    return statistics.median(times)
