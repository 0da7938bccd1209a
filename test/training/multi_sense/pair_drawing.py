"""Draws a parcel of pairs under numba's simulator: `python pair_drawing.py PARCEL OUT SCALE`.

A process of its own, since numba chooses between simulator and GPU when it is imported.
"""

from __future__ import annotations

import sys

import numpy as np

from lss_bev_ros.model import ModelConfig
from lss_bev_ros.synthetic.gpu import studio
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.multi_sense.pair_parcel import PairParcel
from lss_bev_ros.training.multi_sense.parcels import draw_pairs

SKIPPED = ("footprints", "cast_shadows", "cast_queued", "shade")
"""Kernels whose many simulated threads say nothing of pairs; they are tested with single samples."""


def main(source: str, out: str, scale: float) -> None:
    """Draw two samples at a time, so that the second pair is drawn after the first."""
    studio.THREADS = 32
    with np.load(source) as arrays:
        parcel = PairParcel(**arrays)
    ours = studio.GpuStudio(scale, "cpu", chunk=2, shadow_size=16, queue=4096)
    run = ours._run

    def watched(kernel, blocks, *arguments, threads=None):
        if kernel.fn.__name__ not in SKIPPED:
            run(kernel, blocks, *arguments, threads=threads)

    ours._run = watched
    pairs = draw_pairs(ours, parcel, SampleLayout.of(ModelConfig(), scale))
    np.savez(out, **{name: tensor.numpy() for name, tensor in vars(pairs).items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
