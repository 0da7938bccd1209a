"""Street plans, and the ego car's way through one."""

from __future__ import annotations

import numpy as np

from .config import WorldConfig
from .road import Curve, Path, Plan, Street

FIRST_TURN = 80.0
"""Metres that the ego car goes before its first turn; some 50 of them before the first picture."""
MARGIN = 150.0
"""The world goes on so far beyond the ego car's way, metres."""


def draw_plan(config: WorldConfig, length: float, rng: np.random.Generator) -> Plan:
    """A grid of streets for a way of `length` metres that starts near s = 0, t = 0."""
    s_range = (-MARGIN, length + MARGIN)

    def street(along_s: bool, at: float, main: bool) -> Street:
        lanes = (
            int(rng.integers(config.lanes[0], config.lanes[1] + 1)) if main else int(rng.random() < 0.2) + 1
        )
        parking = 2.35 if rng.random() < (0.75 if main else 0.6) else 0.0
        return Street(
            along_s, at, lanes, rng.uniform(*config.lane_width), parking, rng.uniform(*config.pavement)
        )

    def positions(low: float, high: float, first: float) -> list[float]:
        result, at = [], first
        while at > low + 30:
            result.append(at)
            at -= rng.uniform(*config.block)
        at = first + rng.uniform(*config.block)
        while at < high - 30:
            result.append(at)
            at += rng.uniform(*config.block)
        return sorted(result)

    t_low, t_high = -2.6 * config.block[1], 2.6 * config.block[1]
    along = [street(True, at, at == 0.0) for at in positions(t_low, t_high, 0.0)]
    across = [street(False, at, rng.random() < 0.3) for at in positions(*s_range, rng.uniform(50, 95))]
    curve = Curve(rng, *s_range, rng.uniform(*config.bend))
    return Plan(curve, tuple(along), tuple(across), s_range, (t_low, t_high))


def draw_route(
    plan: Plan, config: WorldConfig, length: float, rng: np.random.Generator
) -> tuple[Path, list[tuple[int, int, int]]]:
    """The ego car's path, at least `length` metres long.

    Returns:
        path: of its rear axle, world.
        passed: (along index, across index, axis of approach) of the junctions on it, in order.
    """
    along, across = plan.along, plan.across
    i = along.index(plan.main)
    start = -30.0
    j = next(k for k, street in enumerate(across) if street.at > start + 25)
    on_s, forward, passed = True, True, []
    turns: list[tuple[bool, int, bool]] = [(True, i, True)]
    turning = rng.random() < config.turn
    done, position = 0.0, start
    while done < length + 30 and 0 <= i < len(along) and 0 <= j < len(across):
        passed.append((i, j, 0 if on_s else 1))
        here = across[j].at if on_s else along[i].at
        done += abs(here - position)
        # Where each choice leads: the next junction must exist, so that the world goes on there.
        options = {}
        step = 1 if forward else -1
        ahead = (i, j + step) if on_s else (i + step, j)
        options["straight"] = (on_s, forward, *ahead)
        for name, sign in (("left", 1), ("right", -1)):
            # Left of +s is +t; left of +t is -s.
            after = (forward == (sign > 0)) if on_s else (forward != (sign > 0))
            delta = 1 if after else -1
            options[name] = (not on_s, after, *((i + delta, j) if on_s else (i, j + delta)))
        possible = [n for n, (_, _, a, b) in options.items() if 0 <= a < len(along) and 0 <= b < len(across)]
        bends = [n for n in possible if n != "straight"]
        # The first turn comes some seconds into the scene, not while traffic warms up.
        want = turning and done > FIRST_TURN and (len(turns) == 1 or rng.random() < 0.25)
        if bends and (want or "straight" not in possible):
            choice = bends[rng.integers(len(bends))]
        else:
            choice = "straight" if "straight" in possible else possible[0]
        if choice != "straight":
            turns.append((not on_s, j if on_s else i, options[choice][1]))
        position = across[j].at if not on_s and choice != "straight" else here
        if choice != "straight":
            position = along[i].at if on_s else across[j].at
        on_s, forward, i, j = options[choice]
    legs = []
    for k, (runs_on_s, index, onward) in enumerate(turns):
        street = (along if runs_on_s else across)[index]
        lane = int(rng.integers(street.lanes))
        if k + 1 < len(turns):
            left = (turns[k + 1][2] == onward) if runs_on_s else (turns[k + 1][2] != onward)
            lane = 0 if left else street.lanes - 1
        legs.append((street, lane, onward))
    return plan.route(legs, start), passed
