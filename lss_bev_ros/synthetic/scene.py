"""One scene of a synthetic data set: drawn, recorded on threads, and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .assets import Assets
from .bending import lenses_of
from .config import WorldConfig
from .ground import rounded
from .map_expansion import map_expansion
from .map_layers import MapLayers
from .occupancy import OccupancyRecorder
from .recording import Observation, Revolution, WorldRecorder
from .road import CORNER
from .tables import TableWriter, sample_token
from .world import MAP_MARGIN, World

EPOCH = 1_590_969_600_000_000
"""Start of the first scene, microseconds of Unix time; the others follow `SCENE_GAP` apart."""
SCENE_GAP = 600_000_000
MAP_RESOLUTION = 0.1
"""Metres a pixel of the map masks; nuscenes-devkit takes it for granted."""


@dataclass(frozen=True)
class ScenePlan:
    """What all scenes of a data set have in common.

    Attributes:
        root: folder of the data set; the sensors' folders are there.
        seed: of the data set.
        moments: when sensors record, in order.
        config: what may vary.
        assets: that the worlds may have, or None.
        image_scale, lens, truth: as in `synthesize`.
        threads: that record a scene.
    """

    root: Path
    seed: int
    moments: tuple[Revolution, ...]
    config: WorldConfig
    assets: Assets | None
    image_scale: float
    lens: str
    truth: str
    threads: int


def record_scene(plan: ScenePlan, index: int, step: Callable[[], None]) -> TableWriter:
    """Record a scene with its truth.

    Args:
        plan: of the data set.
        index: of the scene, from 0; it depends on nothing else but the plan.
        step: called after every file of a sensor, by any thread; what it raises ends the scene.

    Returns:
        The tables of this scene alone.
    """
    root, seed, key = plan.root, plan.seed, (plan.seed, index)
    world = World.draw(key, plan.moments[-1].micros * 1e-6 + 0.5, plan.config, plan.assets)
    log = f"s{index + 1:03d}-2020-06-01-00-{index % 6}0-00+0000"
    recording = WorldRecorder(
        world, root, log, EPOCH + index * SCENE_GAP, key, plan.image_scale, lenses_of(plan.lens)
    )
    name, location = f"scene-{index + 1:04d}", f"synthetic-{index + 1:04d}"
    voxels = OccupancyRecorder(recording, root / "gts" / name) if plan.truth == "all" else None

    def label(instant: Revolution, scan: Path) -> None:
        if voxels is not None and instant.is_key:
            returns = np.fromfile(scan, np.float32).reshape(-1, 5)
            voxels.write(sample_token(seed, name, instant.micros), instant.micros, returns)

    observations = _record(recording, plan, step, label)
    mask = f"maps/{log}.png"
    size = _write_mask(world, root / mask)
    if plan.truth != "boxes":
        layers = MapLayers.of_plan(world.plan)
        expansion = map_expansion(world.plan, layers, world.scape.obstacles, size)
        write_json(root / f"maps/expansion/{location}.json", expansion)
    tables = TableWriter(seed)
    tables.add_scene(name, _description(world), log, recording, observations, mask, location)
    return tables


def _record(
    recording: WorldRecorder,
    plan: ScenePlan,
    step: Callable[[], None],
    label: Callable[[Revolution, Path], None],
) -> list[Observation]:
    """Record every instant of a scene on several threads; the compiled parts run without Python's lock."""
    cancelled = False

    def work(moment: Revolution) -> Observation:
        steps = recording.record(moment)
        observation = next(steps)
        label(moment, plan.root / observation.shots[0].filename)
        step()
        for _ in steps:
            if cancelled:
                break
            step()
        return observation

    pool = ThreadPoolExecutor(plan.threads)
    try:
        futures = [pool.submit(work, moment) for moment in plan.moments]
        for future in as_completed(futures):
            future.result()
    except BaseException:
        cancelled = True
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]


def write_json(path: Path, value: object) -> None:
    """Write a file of JSON without spaces."""
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")


def _write_mask(world: World, path: Path) -> tuple[float, float]:
    """The roads as nuScenes' semantic prior: white where a car may drive, north up; its size in metres."""
    size = world.ego.path.at(world.ego.distance).max(0) + MAP_MARGIN
    width, height = (np.ceil(size / MAP_RESOLUTION)).astype(int)
    mask = np.zeros((height, width), np.uint8)

    def fill(st: np.ndarray, value: int) -> None:
        outline = world.plan.curve.world(st) / MAP_RESOLUTION
        outline[:, 1] = height - outline[:, 1]
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (value,))

    (s0, s1), (t0, t1) = world.plan.s_range, world.plan.t_range
    fill(rounded(s0, s1, t0, t1, 0.5), 255)
    for s0, s1, t0, t1, *_ in world.plan.blocks():
        fill(rounded(s0, s1, t0, t1, CORNER), 0)
    path.write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    return width * MAP_RESOLUTION, height * MAP_RESOLUTION


def _description(world: World) -> str:
    """A few words about a scene."""
    sky = "overcast" if world.light.cloud > 0.7 else "partly cloudy" if world.light.cloud > 0.25 else "clear"
    sun = "low sun" if world.light.sun[2] < 0.45 else "high sun"
    path, distance = world.ego.path, world.ego.distance
    turned = float(np.degrees(np.ptp(np.unwrap(path.heading(distance)))))
    way = "turn at junction" if turned > 50 else "straight on"
    return f"Synthetic, {sky}, {sun}, {way}, {len(world.actors)} objects"
