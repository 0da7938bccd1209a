"""Which axis of which parameter each width is, so that a channel is taken out of all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import torch

from ...errors import DeployError
from ...model import LiftSplatShoot, ModelConfig, Widths
from ...model.multi_sense import MultiSense, Network, sizes_of
from ...model.senses import SensesConfig

N = TypeVar("N", LiftSplatShoot, MultiSense)

JOINED = (("stages.4", "stages.6"), ("bev.0", "bev.2"))
"""Widths that lie one behind the other where `Up` joins the fine map and the coarse one."""

PROBE = 10_000
"""Above any channel count: two of these numbers add up to more than each of them."""

Axis = tuple[str, ...]
"""The widths that make up one axis, in order; none for an axis that never changes."""


def axes_of(model: Network) -> dict[str, tuple[Axis, ...]]:
    """`axes` of a network's kind."""
    return axes(model.config if isinstance(model, MultiSense) else None)


@lru_cache(maxsize=4)
def axes(senses: SensesConfig | None = None) -> dict[str, tuple[Axis, ...]]:
    """For each parameter and buffer what its axes are; of the multi-sense network where its senses are given.

    Nothing is written down twice: a network whose widths are all different, and that has shapes but no
    memory, says by its shapes which width each axis is.
    """
    names = list(Widths().named())
    probe = {name: PROBE + index for index, name in enumerate(names)}
    known: dict[int, Axis] = {width: (name,) for name, width in probe.items()}
    known |= {probe[fine] + probe[coarse]: (fine, coarse) for fine, coarse in JOINED}
    widths = Widths().with_named(probe)
    model: Network
    with torch.device("meta"):
        if senses is None:
            model = LiftSplatShoot(ModelConfig(widths=widths))
        else:
            model = MultiSense(replace(senses, model=replace(senses.model, widths=widths)))
    return {name: tuple(known.get(n, ()) for n in t.shape) for name, t in model.state_dict().items()}


def narrow(model: N, kept: Mapping[str, torch.Tensor]) -> N:
    """Take channels out of a network.

    Args:
        model: of any widths; left as it is.
        kept: for some widths the channels that stay, (K,) int64, rising.

    Returns:
        The smaller network in evaluation mode.

    Raises:
        DeployError: a width or channel that the network does not have.
    """
    sizes = sizes_of(model)
    widths = sizes.widths.named()
    for name, channels in kept.items():
        if name not in widths:
            raise DeployError(f"no width is called {name!r}: use one of {', '.join(widths)}")
        if not len(channels) or int(channels.min()) < 0 or int(channels.max()) >= widths[name]:
            raise DeployError(
                f"width {name} has channels 0 to {widths[name] - 1}: keep at least one of those"
            )
    state = {}
    for name, tensor in model.state_dict().items():
        for position, axis in enumerate(axes_of(model)[name]):
            if any(width in kept for width in axis):
                tensor = tensor.index_select(position, joined(axis, kept, widths))
        state[name] = tensor
    smaller = replace(sizes, widths=sizes.widths.with_named({n: len(kept[n]) for n in kept}))
    narrowed: Network
    if isinstance(model, MultiSense):
        narrowed = MultiSense(replace(model.config, model=smaller))
    else:
        narrowed = LiftSplatShoot(smaller)
    narrowed.load_state_dict(state, strict=True)
    return narrowed.eval().requires_grad_(False)


def joined(axis: Axis, kept: Mapping[str, torch.Tensor], widths: Mapping[str, int]) -> torch.Tensor:
    """The positions that stay along an axis of one or two widths."""
    parts, first = [], 0
    for width in axis:
        parts.append(first + kept.get(width, torch.arange(widths[width])))
        first += widths[width]
    return torch.cat(parts)
