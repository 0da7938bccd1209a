"""Prints how far the splat's kernels are from the naive sum, under numba's simulator."""

from __future__ import annotations

import torch

from lss_bev_ros.training.splat import splat_batch
from lss_bev_ros.training.splat_kernels import Splat

generator = torch.Generator().manual_seed(0)
batch, cameras, bins, h, w, channels, shape = 2, 2, 5, 2, 3, 4, (6, 7)
depth = torch.rand(batch * cameras, bins, h, w, generator=generator).requires_grad_()
features = torch.randn(batch * cameras, channels, h, w, generator=generator).requires_grad_()
cells = torch.randint(-1, 42, (batch, cameras, bins, h, w), generator=generator)
cells = torch.where(torch.rand(cells.shape, generator=generator) < 0.4, torch.tensor(5), cells)
weight = torch.randn(batch, channels, *shape, generator=generator)
first = torch.arange(batch).view(-1, 1, 1, 1, 1) * 42
index = torch.where(cells >= 0, cells + first, -1).permute(0, 1, 3, 4, 2)
ours = Splat.apply(
    depth.permute(0, 2, 3, 1).reshape(-1, bins).contiguous(),
    features.permute(0, 2, 3, 1).reshape(-1, channels).contiguous(),
    index.reshape(-1, bins).int().contiguous(),
    batch * 42,
)
ours = ours.view(batch, *shape, channels).permute(0, 3, 1, 2)
plain = splat_batch(depth, features, cells, shape)
errors = [(ours - plain).abs().max().item()]
for leaf in (depth, features):
    mine, theirs = (
        torch.autograd.grad((o * weight).sum(), leaf, retain_graph=True)[0] for o in (ours, plain)
    )
    errors.append((mine - theirs).abs().max().item())
print(max(errors))
