"""`synthesize`: worlds, recorded and written as a nuScenes data set."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..dataset.split import SYNTHETIC_MARKER
from ..errors import DatasetError
from ..files import replacing
from .assets import Assets, load_assets
from .bending import LENSES, MIXED
from .config import WorldConfig
from .realism import REALISTIC
from .recording import instants
from .rigs import mounted
from .scene import ScenePlan, write_json
from .scenes import record_scenes
from .tables import TableWriter

STREETS = ("drawn", "realistic")
"""Names of the street as it is by default, and of one nearer to recorded streets."""

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
    processes: int = 1,
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
        workers: threads, of all processes together; by default one a processor that this process may use.
        progress: called with the number of files done and of all files.
        version: name of the folder with the tables.
        config: what may vary; by default `WorldConfig()`.
        image_scale: of the images' size and intrinsics; 1 gives nuScenes' 1600 x 900.
        lens: of the cameras: a name in `LENSES`, or `mixed`; "" for pinholes.
        truth: one of `TRUTHS`.
        assets: that the worlds may have, where the configuration wants some.
        processes: that record scenes side by side, at most one a scene. More than one are spawned, so the
            caller must not be a script without `if __name__ == "__main__"`.

    Returns:
        The data set's folder.

    Raises:
        DatasetError: for an argument out of range, a target that holds something else, or a full disk.
    """
    out = Path(out)
    _check(out, scenes, seconds, seed, workers, processes, version, image_scale)
    if lens and lens != MIXED and lens not in LENSES:
        raise DatasetError(f"lens must be one of {', '.join((*LENSES, MIXED))}, got {lens!r}")
    if truth not in TRUTHS:
        raise DatasetError(f"truth must be one of {', '.join(TRUTHS)}, got {truth!r}")
    config = config or WorldConfig()
    workers = workers or len(os.sched_getaffinity(0))
    processes = min(scenes, processes)
    with replacing(out, DatasetError, "free the space or choose another folder") as partial:
        # As the recorders of the scenes will have them.
        rigs = [mounted(config, np.random.default_rng([seed, index, 1])) for index in range(scenes)]
        _make_folders(
            partial, version, sweeps, truth, {m.channel for rig, lidar in rigs for m in (*rig, lidar)}
        )
        moments = tuple(instants(seconds, sweeps))
        plan = ScenePlan(
            *(partial, seed, moments, config, assets),
            *(image_scale, lens, truth, math.ceil(workers / processes)),
        )
        files = sum(1 + len(rig) * moment.cameras for rig, _ in rigs for moment in moments)
        tables = TableWriter(seed)
        for part in record_scenes(plan, scenes, files, processes, progress):
            tables.extend(part)
        tables.write(partial / version)
        if truth != "boxes":
            write_json(partial / "maps/prediction/prediction_scenes.json", tables.prediction_scenes())
        if truth == "all":
            write_json(partial / "annotations.json", tables.occ3d_annotations())
        facts = {"scenes": scenes, "seconds": seconds, "seed": seed, "sweeps": sweeps, "version": version}
        if lens:
            facts["lens"] = lens
        facts["truth"] = truth
        if config.realism.on:
            facts["street"] = STREETS[1]
        (partial / SYNTHETIC_MARKER).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return out


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


def _check(out: Path, scenes, seconds, seed, workers, processes, version: str, image_scale: float) -> None:
    if not 1 <= scenes <= 9999:
        raise DatasetError(f"scenes must be 1 to 9999, got {scenes}")
    if not 0.5 <= seconds <= 120:
        raise DatasetError(f"seconds must be 0.5 to 120, got {seconds}")
    if not 0 <= seed < 2**31:
        raise DatasetError(f"seed must be 0 to {2**31 - 1}, got {seed}")
    if workers is not None and not 1 <= workers <= 256:
        raise DatasetError(f"workers must be 1 to 256, got {workers}")
    if not 1 <= processes <= 256:
        raise DatasetError(f"processes must be 1 to 256, got {processes}")
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
