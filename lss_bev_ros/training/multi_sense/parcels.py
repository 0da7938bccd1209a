"""Pairs drawn on the GPU that trains: processes make worlds, a thread draws them there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..config import SampleLayout
from ..parcels import ParcelSource, make_worlds
from ..source import WorldPlan
from .pair import Pairs


class PairSource(ParcelSource):
    """As `ParcelSource`, but its blocks are `Pairs`.

    Args:
        layout: of the samples.
        plans: as for `WorldSource`, their samples pairs.
        device: a CUDA device.
    """

    samples_a_world = 24
    validation_samples_a_world = 6

    def __init__(self, layout: SampleLayout, plans: Sequence[WorldPlan], device: torch.device):
        super().__init__(layout, plans, device, _work)

    @staticmethod
    def _parcel_class() -> type:
        from .pair_parcel import PairParcel

        return PairParcel

    def _block(self, studio, parcel) -> Pairs:
        return draw_pairs(studio, parcel, self._layout)


def draw_pairs(studio, parcel, layout: SampleLayout) -> Pairs:
    """The pairs of a `PairParcel`, drawn by a `GpuStudio` for the layout's scale and grid."""
    from .synthetic import beam_ages
    from .truth import with_returns

    drawn = studio.draw(parcel, int(np.prod(layout.grid.shape)))
    device = drawn.images.device

    def on(name: str) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(getattr(parcel, name))).to(device)

    def both(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.unflatten(0, (-1, 2))

    spots = tuple(on(name) for name in ("spots", "spot_owner", "spot_bit", "spot_pair"))
    maps, boxes = with_returns(on("maps"), spots, on("boxes"), on("box_owner"), drawn.hits[1::2])
    images, cells = both(drawn.images), layout.grid.shape
    return Pairs(
        images=images,
        calibration=both(drawn.calibration),
        present=both(drawn.present),
        points=both(drawn.points),
        ages=beam_ages().to(device),
        motion=on("motion"),
        depth=drawn.depth[1::2],
        raster=drawn.raster[1::2].unflatten(1, cells),
        maps=maps.unflatten(1, cells),
        things=drawn.things,
        boxes=boxes,
        future=on("future"),
    )


def _work(out, layout: SampleLayout, plan: WorldPlan) -> None:
    from .pair_parcel import pack_pairs

    make_worlds(out, layout, plan, pack_pairs)
