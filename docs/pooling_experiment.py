"""The table of performance.md about pooling: how exact the ways to sum points into cells are, on a CPU.

    python docs/pooling_experiment.py DATAROOT                # a synthetic data set will do

The weights that ship lift the features of keyframes. Each way sums them, in each precision, and the BEV
encoder makes logits of the sums, in float32. Exact is the sum in float64. Each way runs four times, on one
thread and on two.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from lss_bev_ros.evaluation.frames import dataset_frames
from lss_bev_ros.model import Calibration, build_model
from lss_bev_ros.runtime.preprocess import NetworkInput

Pool = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
RUNS = 4


def cumsum(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """The published trick: sort, a running sum over all points, differences where the cell changes."""
    order = cells.argsort(stable=True)
    cells, sums = cells[order], points[order].cumsum(0)
    last = torch.ones_like(cells, dtype=torch.bool)
    last[:-1] = cells[1:] != cells[:-1]
    sums = sums[last]
    pooled = points.new_zeros(count, points.shape[1])
    pooled[cells[last]] = torch.cat((sums[:1], sums[1:] - sums[:-1]))
    return pooled


def index_put(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """As the official code does without the trick."""
    return points.new_zeros(count, points.shape[1]).index_put_((cells,), points, accumulate=True)


def scatter_add(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """The sum by an index a value."""
    return points.new_zeros(count, points.shape[1]).scatter_add_(0, cells[:, None].expand_as(points), points)


def index_add(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """The sum by an index a row."""
    return points.new_zeros(count, points.shape[1]).index_add_(0, cells, points)


def bincount(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """A weighted count a channel; PyTorch counts in float64."""
    columns = [torch.bincount(cells, weights=column, minlength=count) for column in points.T.contiguous()]
    return torch.stack(columns, dim=1)


def segment_reduce(points: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """Sorted, and summed by lengths."""
    order = cells.argsort(stable=True)
    return torch.segment_reduce(points[order], "sum", lengths=cells.bincount(minlength=count), axis=0)


WAYS: tuple[Pool, ...] = (cumsum, index_put, scatter_add, index_add, segment_reduce, bincount)
PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataroot", type=Path)
    parser.add_argument("--count", type=int, default=4)
    options = parser.parse_args()
    model = build_model("builtin").eval()
    nx, ny = model.config.grid.shape
    worst: dict[tuple[str, str], list[float]] = {}
    for frame in dataset_frames(options.dataroot, options.count).sets:
        calibration = Calibration.of_rig(frame.rig, model.config)
        names = Calibration.__annotations__
        batch = replace(calibration, **{name: getattr(calibration, name)[None] for name in names})
        with NetworkInput(model.config) as network_input:
            depth, features = model.camencode(network_input(frame))
        cells = model.cells(batch)[0]
        inside = cells >= 0
        points = (depth.unsqueeze(-1) * features.permute(0, 2, 3, 1).unsqueeze(1))[inside]
        cells = cells[inside]

        def logits(pooled: torch.Tensor) -> torch.Tensor:
            return model.bevencode(pooled.float().view(1, nx, ny, -1).permute(0, 3, 1, 2))

        exact = index_add(points.double(), cells, nx * ny)
        told = logits(exact)
        for way in WAYS:
            for precision in PRECISIONS:
                try:
                    seen = way(points.to(precision), cells, nx * ny)
                except (RuntimeError, NotImplementedError) as error:
                    worst[way.__name__, str(precision)] = [float("nan")] * 3
                    print(f"{way.__name__} {precision}: {error}")
                    continue
                apart = 0.0
                for run in range(RUNS):
                    torch.set_num_threads(1 + run % 2)
                    again = way(points.to(precision), cells, nx * ny)
                    apart = max(apart, float((again.double() - seen.double()).abs().max()))
                found = [
                    float((seen.double() - exact).abs().max()),
                    float((logits(seen) - told).abs().max()),
                    apart,
                ]
                kept = worst.setdefault((way.__name__, str(precision)), [0.0] * 3)
                worst[way.__name__, str(precision)] = [max(pair) for pair in zip(kept, found, strict=True)]
        largest = float(exact.abs().max()), float(told.abs().max())
        print(f"{len(cells)} points, sums to {largest[0]:.2f}, logits to {largest[1]:.1f}")
    print("| way | precision | sums off by | logits off by | run to run |")
    for (way, precision), (sums, off, apart) in worst.items():
        print(f"| `{way}` | {precision.removeprefix('torch.')} | {sums:.0e} | {off:.0e} | {apart:.0e} |")
    print(torch.__version__)


if __name__ == "__main__":
    main()
