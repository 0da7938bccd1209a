"""`synthesize`: worlds, recorded and written as a nuScenes data set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import cv2
import numpy as np

from ..dataset.split import SYNTHETIC_MARKER
from ..errors import DatasetError
from ..files import replacing
from .assets import Assets, load_assets
from .bending import LENSES, MIXED, lenses_of
from .config import WorldConfig
from .ground import rounded
from .map_expansion import map_expansion
from .map_layers import MapLayers
from .occupancy import OccupancyRecorder
from .realism import REALISTIC
from .recording import Observation, Revolution, WorldRecorder, instants
from .rigs import mounted
from .road import CORNER
from .tables import TableWriter, sample_token
from .world import MAP_MARGIN, World

EPOCH = 1_590_969_600_000_000
"""Start of the first scene, microseconds of Unix time; the others follow `SCENE_GAP` apart."""
SCENE_GAP = 600_000_000
MAP_RESOLUTION = 0.1
"""Metres a pixel of the map masks; nuscenes-devkit takes it for granted."""
TRUTHS = ("boxes", "maps", "all")
"""How much truth is written: annotations; also street maps and whose future to predict; also voxels."""


def synthesize(
    out: Path | str,
    scenes: int = 2,
    seconds: float = 10.0,
    seed: int = 0,
    sweeps: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    version: str = "v1.0-mini",
    config: WorldConfig | None = None,
    image_scale: float = 1.0,
    lens: str = "",
    truth: str = "all",
    assets: Assets | None = None,
) -> Path:
    """Write a synthetic nuScenes data set.

    The same arguments give the same bytes, whatever the number of workers, and scene i of a seed is the
    same in a set of any size. The set is made beside `out` and put in its place when it is complete.

    Args:
        out: folder of the data set; made, or replaced where it holds an earlier synthetic set.
        scenes: how many.
        seconds: length of a scene; keyframes come at 2 Hz, so 10 s give 20.
        seed: of everything.
        sweeps: whether the 12 Hz cameras and the 20 Hz LiDAR between keyframes are recorded too.
        workers: threads; by default one a processor that this process may use.
        progress: called with the number of files done and of all files.
        version: name of the folder with the tables.
        config: what may vary; by default `WorldConfig()`.
        image_scale: of the images' size and intrinsics; 1 gives nuScenes' 1600 x 900.
        lens: of the cameras: a name in `LENSES`, or `mixed`; "" for pinholes.
        truth: one of `TRUTHS`.
        assets: that the worlds may have, where the configuration wants some.

    Returns:
        The data set's folder.

    Raises:
        DatasetError: for an argument out of range, a target that holds something else, or a full disk.
    """
    out = Path(out)
    _check(out, scenes, seconds, seed, workers, version, image_scale)
    if lens and lens != MIXED and lens not in LENSES:
        raise DatasetError(f"lens must be one of {', '.join((*LENSES, MIXED))}, got {lens!r}")
    if truth not in TRUTHS:
        raise DatasetError(f"truth must be one of {', '.join(TRUTHS)}, got {truth!r}")
    config = config or WorldConfig()
    workers = workers or len(os.sched_getaffinity(0))
    with replacing(out, DatasetError, "free the space or choose another folder") as partial:
        # As the recorders of the scenes will have them.
        rigs = [mounted(config, np.random.default_rng([seed, index, 1])) for index in range(scenes)]
        _make_folders(
            partial, version, sweeps, truth, {m.channel for rig, lidar in rigs for m in (*rig, lidar)}
        )
        tables = TableWriter(seed)
        moments = instants(seconds, sweeps)
        files = sum(1 + len(rig) * moment.cameras for rig, _ in rigs for moment in moments)
        counter = _Counter(files, progress)
        for index in range(scenes):
            world = World.draw((seed, index), moments[-1].micros * 1e-6 + 0.5, config, assets)
            log = f"s{index + 1:03d}-2020-06-01-00-{index % 6}0-00+0000"
            recording = WorldRecorder(
                world, partial, log, EPOCH + index * SCENE_GAP, (seed, index), image_scale, lenses_of(lens)
            )
            name, location = f"scene-{index + 1:04d}", f"synthetic-{index + 1:04d}"
            voxels = OccupancyRecorder(recording, partial / "gts" / name) if truth == "all" else None

            def label(instant: Revolution, scan: Path, name=name, voxels=voxels) -> None:
                if voxels is not None and instant.is_key:
                    returns = np.fromfile(scan, np.float32).reshape(-1, 5)
                    voxels.write(sample_token(seed, name, instant.micros), instant.micros, returns)

            observations = _record(recording, moments, workers, counter, partial, label)
            mask = f"maps/{log}.png"
            size = _write_mask(world, partial / mask)
            if truth != "boxes":
                layers = MapLayers.of_plan(world.plan)
                expansion = map_expansion(world.plan, layers, world.scape.obstacles, size)
                _write_json(partial / f"maps/expansion/{location}.json", expansion)
            tables.add_scene(name, _description(world), log, recording, observations, mask, location)
        tables.write(partial / version)
        if truth != "boxes":
            _write_json(partial / "maps/prediction/prediction_scenes.json", tables.prediction_scenes())
        if truth == "all":
            _write_json(partial / "annotations.json", tables.occ3d_annotations())
        facts = {"scenes": scenes, "seconds": seconds, "seed": seed, "sweeps": sweeps, "version": version}
        if lens:
            facts["lens"] = lens
        facts["truth"] = truth
        if config.realism.on:
            facts["street"] = STREETS[1]
        (partial / SYNTHETIC_MARKER).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return out


STREETS = ("drawn", "realistic")
"""Names of the street as it is by default, and of one nearer to recorded streets."""


def street_config(street: str, folder: Path | None) -> tuple[WorldConfig, Assets | None]:
    """What `synthesize` takes for the name of a street and a folder of assets, if one is given.

    Raises:
        DatasetError: no such street, assets for one that has none, or a folder without any.
    """
    if street not in STREETS:
        raise DatasetError(f"street must be {' or '.join(STREETS)}, got {street!r}")
    if street == STREETS[0]:
        if folder is not None:
            raise DatasetError(f"--assets {folder} are for --street {STREETS[1]}: give both")
        return WorldConfig(), None
    return WorldConfig(realism=REALISTIC), None if folder is None else load_assets(folder)


def _check(out: Path, scenes, seconds, seed, workers, version: str, image_scale: float) -> None:
    if not 1 <= scenes <= 9999:
        raise DatasetError(f"scenes must be 1 to 9999, got {scenes}")
    if not 0.5 <= seconds <= 120:
        raise DatasetError(f"seconds must be 0.5 to 120, got {seconds}")
    if not 0 <= seed < 2**31:
        raise DatasetError(f"seed must be 0 to {2**31 - 1}, got {seed}")
    if workers is not None and not 1 <= workers <= 256:
        raise DatasetError(f"workers must be 1 to 256, got {workers}")
    if not 0.05 <= image_scale <= 1.0:
        raise DatasetError(f"image_scale must be 0.05 to 1, got {image_scale}")
    if not version.startswith("v") or "/" in version or version in (".", ".."):
        raise DatasetError(f"version must be a folder name such as v1.0-mini, got {version!r}")
    if out.exists() and not out.is_dir():
        raise DatasetError(f"{out} is a file; choose a folder for the data set")
    if out.is_dir() and any(out.iterdir()) and not (out / SYNTHETIC_MARKER).is_file():
        raise DatasetError(
            f"{out} is not empty and holds no synthetic data set; choose another folder or empty it"
        )


def _make_folders(root: Path, version: str, sweeps: bool, truth: str, channels: set[str]) -> None:
    for folder in ("samples", "sweeps") if sweeps else ("samples",):
        for channel in channels:
            (root / folder / channel).mkdir(parents=True)
    (root / version).mkdir()
    for folder in ("maps",) if truth == "boxes" else ("maps/expansion", "maps/prediction"):
        (root / folder).mkdir(parents=True)


class _Counter:
    """Counts files and tells the caller."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def step(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)


def _record(
    recording: WorldRecorder,
    moments: list[Revolution],
    workers: int,
    counter: _Counter,
    root: Path,
    label: Callable[[Revolution, Path], None],
) -> list[Observation]:
    """Record every instant of a scene on several threads; the compiled parts run without Python's lock."""
    cancelled = False

    def work(moment: Revolution) -> Observation:
        steps = recording.record(moment)
        observation = next(steps)
        label(moment, root / observation.shots[0].filename)
        counter.step()
        for _ in steps:
            if cancelled:
                break
            counter.step()
        return observation

    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(work, moment) for moment in moments]
        for future in as_completed(futures):
            future.result()
    except BaseException:
        cancelled = True
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]


def _write_json(path: Path, value: object) -> None:
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
