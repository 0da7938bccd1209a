"""The experiment of adapt.md: what an adaptation recovers where labels are known.

    python docs/adapt_experiment.py OUT                       # draws, adapts and scores; one GPU
    python docs/adapt_experiment.py OUT --seconds 600 --minutes 8

World A is what the weights were trained on. World B has another light, traffic and rig, and no seed that
training ever took. The same weights are scored on B as they are, adapted to a drive through B without labels,
and trained on the same drive by its annotations, with the same recipe. Scores are `lss-bev evaluate`'s of
cameras alone on other streets of B. What was drawn and trained before is taken again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lss_bev_ros.adapt import adaptation
from lss_bev_ros.adapt.passages import PassageMaker, Passages
from lss_bev_ros.adapt.recipe import AdaptRecipe
from lss_bev_ros.adapt.teaching import Taught
from lss_bev_ros.adapt.trainer import AdaptTrainer
from lss_bev_ros.geometry import vehicle_raster
from lss_bev_ros.model.senses import SEGMENTS
from lss_bev_ros.synthetic import synthesize
from lss_bev_ros.synthetic.config import WorldConfig

WORLD_B = WorldConfig(
    lanes=(1, 1),
    pavement=(2.0, 3.0),
    tall=(0.0, 0.3),
    parked=(0.6, 0.95),
    traffic=(2.8, 4.0),
    walkers=(0.1, 0.5),
    trees=(0.7, 1.0),
    works=0.1,
    sun_height=(8.0, 14.0),
    overcast=(0.9, 1.0),
    haze=(0.004, 0.007),
    exposure=(0.45, 0.6),
    mount_angle=3.0,
    mount_shift=0.3,
    focal=(1.12, 1.25),
)
SCENE = 60.0
"""Seconds of one scene of the drive."""
TRUE = 32
"""Bit of the evidence of a cell in which a vehicle is annotated; for the supervised network alone."""
VEHICLE = SEGMENTS.index("vehicle")


class Supervised(AdaptTrainer):
    """Learns vehicles by their annotations, and nothing else but depth and the way that was driven."""

    def _taught(self, pairs: Passages) -> Taught:
        found = super()._taught(pairs)
        segments, known = found.segments.clone(), found.known.clone()
        segments[:, VEHICLE] = ((pairs.evidence & TRUE) > 0).float()
        known[:, VEHICLE] = True
        return replace(found, segments=segments, known=known, agreed=None, steady=None)


class Annotated(PassageMaker):
    """Makes passages that know their vehicles."""

    def passage(self, place: int) -> dict[str, np.ndarray]:
        """As `PassageMaker.passage`."""
        made = super().passage(place)
        boxes = self._drive.keyframes[place].boxes
        made["evidence"] |= vehicle_raster(boxes, self._layout.grid, 1).astype(np.uint8) * np.uint8(TRUE)
        return made


def draw(out: Path, seconds: float, scale: float, seed: int, scene: float = SCENE) -> Path:
    """A data set of world B, unless it is there."""
    if not (out / "synthetic.json").is_file():
        scenes = max(1, round(seconds / scene))
        synthesize(out, scenes, scene, seed, config=WORLD_B, image_scale=scale, truth="boxes")
    return out


def scored(root: Path, weights: str, out: Path) -> dict[str, float]:
    """What `lss-bev evaluate` says of cameras alone."""
    if not out.is_file():
        command = [sys.executable, "-m", "lss_bev_ros.cli", "evaluate", str(root), "--weights", weights]
        subprocess.run([*command, "-o", str(out)], check=True)
    report: dict[str, Any] = json.loads(out.read_text())
    return report["settings"]["cameras"]


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0, help="of the drive")
    parser.add_argument("--test", type=float, default=40.0, help="seconds of other streets, in scenes of 4")
    parser.add_argument("--minutes", type=float, default=4.0, help="of each of the two trainings")
    parser.add_argument("--scale", type=float, default=0.33)
    parser.add_argument("--batch", type=int, default=16)
    given = parser.parse_args()
    out = given.out
    drive = draw(out / "drive", given.seconds, given.scale, 77)
    test = draw(out / "test", given.test, given.scale, 990, 4.0)
    cuda = torch.cuda.is_available()
    recipe = AdaptRecipe(
        seconds=60 * given.minutes, batch=given.batch, precision="bf16" if cuda else "fp32", patience=1000
    )
    files = {"as it is": "builtin-multi"}
    trainers = {"adapted": (AdaptTrainer, PassageMaker), "supervised": (Supervised, Annotated)}
    for name, (trainer, maker) in trainers.items():
        file = out / f"{name}.safetensors"
        if not file.is_file():
            adaptation.AdaptTrainer, adaptation.PassageMaker = trainer, maker  # type: ignore[misc]
            made = adaptation.adapt(
                drive, "builtin-multi", file, out / name, recipe, scale=given.scale, message=print
            )
            print(name, "taken" if made.taken else made.reason, made.before, made.after, flush=True)
            if not made.taken and name == "supervised":
                # Its agreement with the LiDAR is not what it is asked for.
                file.write_bytes((out / name / "average.safetensors").read_bytes())
        files[name] = str(file)
    found = {name: scored(test, weights, out / f"{name}.json") for name, weights in files.items()}
    for name, scores in found.items():
        print(name, {key: value for key, value in scores.items() if "vehicle" in key})


if __name__ == "__main__":
    main()
