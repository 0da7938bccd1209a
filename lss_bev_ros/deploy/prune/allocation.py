"""Where channels go: the least loss for the most time, step by step, until the latency is met."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...errors import DeployError
from .latency import LatencyTable

FLOOR = 0.25
"""Share of its channels that every width keeps: the scores are first-order and say little beyond."""


def allocate(
    importance: Mapping[str, torch.Tensor], table: LatencyTable, speedup: float, multiple: int = 8
) -> dict[str, torch.Tensor]:
    """Choose the channels that stay.

    Every step takes the least important channels, `multiple` of them, out of that width where the loss per
    millisecond saved is smallest.

    Args:
        importance: scores of each width that may shrink, (channels,).
        table: measured latencies of a network of these widths.
        speedup: how many times faster the network shall be by the table.
        multiple: widths that change become multiples of this.

    Returns:
        For each width that shrinks the channels that stay, (K,) int64, rising.

    Raises:
        DeployError: the speedup cannot be had.
    """
    if not speedup >= 1:
        raise DeployError(f"speedup {speedup:g} must be at least 1 (times faster than before)")
    full = {name: len(scores) for name, scores in importance.items()}
    # lost[name][n] is the importance of the n least important channels together.
    lost = {name: torch.cat((s.new_zeros(1), s.sort().values.cumsum(0))) for name, s in importance.items()}
    named = dict(full)
    before = latency = table.total(full)
    offers: dict[str, tuple[float, float]] = {}
    while latency > before / speedup:
        for name, width in full.items():
            target = (named[name] - 1) // multiple * multiple
            if name in offers or target < max(multiple, FLOOR * width):
                continue
            saved = _saved(table, named, name, target)
            loss = float(lost[name][width - target] - lost[name][width - named[name]])
            if saved > 0:
                offers[name] = loss / saved, saved
        if not offers:
            raise DeployError(
                f"a speedup of {speedup:g} cannot be reached: with every layer at its narrowest the network "
                f"is {before / latency:.2f} times faster; ask for less"
            )
        best = min(offers, key=lambda name: offers[name][0])
        latency -= offers[best][1]
        named[best] = (named[best] - 1) // multiple * multiple
        # What the others save has changed where they share a part with the one that shrank.
        for part in table.parts:
            if best in part.widths:
                for name in part.widths:
                    offers.pop(name, None)
    return {name: strongest(importance[name], named[name]) for name in full if named[name] < full[name]}


def strongest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The most important channels of a width.

    Args:
        scores: (channels,).
        count: of those that stay.

    Returns:
        (count,) int64, rising.
    """
    return torch.argsort(scores)[len(scores) - count :].sort().values


def _saved(table: LatencyTable, named: dict[str, int], name: str, target: int) -> float:
    """Milliseconds that a narrower width saves."""
    narrower = {**named, name: target}
    return sum(part.at(named) - part.at(narrower) for part in table.parts if name in part.widths)
