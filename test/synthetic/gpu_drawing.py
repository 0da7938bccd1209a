"""Draws a parcel with the GPU's kernels under numba's simulator: `python gpu_drawing.py PARCEL OUT SCALE`.

A fourth argument names a file with a sky, texels and textures, as of `Assets`.

A process of its own, since numba chooses between simulator and GPU when it is imported.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import torch

from lss_bev_ros.synthetic.gpu import studio
from lss_bev_ros.synthetic.parcel import Parcel

MAP = 48


def main(source: str, out: str, scale: float, *photographed: str) -> None:
    """Draw; footprints are left out, since 360 000 simulated threads take minutes."""
    studio.THREADS = 32
    with np.load(source) as arrays:
        parcel = Parcel(**arrays)
    assets = None
    if photographed:
        with np.load(photographed[0]) as arrays:
            given = dict(arrays)
        sky = SimpleNamespace(map=given.pop("sky"))
        assets = SimpleNamespace(skies=(sky,), **given)
    ours = studio.GpuStudio(scale, "cpu", chunk=2, shadow_size=MAP, queue=4096, assets=assets)
    run, seen = ours._run, {}

    def watched(kernel, blocks, *arguments, threads=None):
        if kernel.fn.__name__ == "footprints":
            arguments[-1].zero_()
            return
        run(kernel, blocks, *arguments, threads=threads)
        if kernel.fn.__name__ == "place":
            seen["thing"] = arguments[-3]
        if kernel.fn.__name__ == "shade":
            names = ("buffers", "fixed", "room", "rotations", "origins", "lenses")
            names += ("vertices", "normals", "uv", "material", "owner")
            seen.update(zip(names, arguments, strict=False))
            seen.update(zip(("offsets", "scales", "maps", "contact"), arguments[16:20], strict=True))

    ours._run = watched
    drawn = ours.draw(parcel)
    tensors = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in seen.items()}
    results = {name: getattr(drawn, name).numpy() for name in type(drawn).__annotations__}
    np.savez(out, **results, **tensors)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), *sys.argv[4:])
