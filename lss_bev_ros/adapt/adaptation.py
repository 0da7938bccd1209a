"""`adapt`: a drive that nobody annotated in, weights for the car that drove it out, or the old ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .. import files
from ..dataset import NuScenesReader
from ..errors import TrainingError
from ..model.multi_sense_weights import load_multi_sense, write_multi_sense
from ..runtime.multi_sense.weights import read_multi_sense
from ..training.config import SampleLayout
from ..training.journal import Watch
from ..training.place import Place
from .checks import check_calibration, check_drive, check_network
from .holdout import split_drive
from .judging import SCORE, why_not
from .passages import Drive, DriveSource, PassageMaker, PassagePool, passage_bytes, read_drive
from .recipe import AdaptRecipe
from .trainer import BEST, AdaptTrainer

REPORT_VERSION = 1
GPU_SCALE, CPU_SCALE = 0.33, 0.24
"""Size of the pictures that are kept, 1 for 1600 x 900."""

_RESERVED_GB = 24.0
"""Of a GPU, for the network and its gradients."""

_CAMERAS = 6
"""Places of a sample; a car with fewer cameras leaves some empty."""


@dataclass
class Adaptation:
    """What came of it.

    Attributes:
        out: the file of weights.
        taken: whether they are new; otherwise the old ones were written.
        reason: why not; empty where they are.
        before: scores of the held-out minutes by the weights that were given.
        after: by the best that were found.
        history: scores of each judgement, with its step.
        facts: of the drive and the run, as the report lists them.
    """

    out: Path
    taken: bool
    reason: str
    before: dict[str, float]
    after: dict[str, float]
    history: list[dict[str, float]]
    facts: dict[str, object] = field(default_factory=dict)

    def report(self) -> dict[str, object]:
        """As JSON has it."""
        told = {name: value for name, value in vars(self).items() if name != "facts"}
        return {"report_version": REPORT_VERSION, **told, **self.facts}


def adapt(
    dataroot: Path,
    weights: str,
    out: Path,
    run: Path,
    recipe: AdaptRecipe | None = None,
    version: str = "",
    device: str = "auto",
    workers: int = 0,
    memory_gb: float = 0.0,
    scale: float = 0.0,
    resume: bool = False,
    message: Callable[[str], None] = lambda line: None,
    watch: Watch | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Adaptation:
    """Adapt a network's cameras to a car, by a drive of it.

    Args:
        dataroot: the drive, in nuScenes' format; annotations in it are not looked at.
        weights: of a multi-sense network with cameras and LiDAR.
        out: file of weights to write: new ones where held-out minutes like them better, else the old ones.
        run: folder of the run: its state, its logs and `adapt.json`.
        recipe: see there.
        version: of the data set.
        device: `auto`, `cpu` or `cuda`.
        workers: threads that read; 0 for one a processor.
        memory_gb: of the device for the drive; 0 for what is free but 24 GB on a GPU, at least 1 GB, and for
            4 GB on the CPU. Of a drive that does not fit, keyframes are taken evenly.
        scale: size of the pictures that are kept; 0 for 0.33 on a GPU and 0.24 on the CPU.
        resume: go on with the run.
        message: takes a line for the user.
        watch: takes the figures of every log line.
        progress: told how many of how many scans are read.

    Raises:
        TrainingError: the drive cannot teach anything: no LiDAR, too short, a car that stands, a calibration
            that is wrong; or the device has too little memory.
        ModelError: the weights cannot be had, or have not both senses.
        DatasetError: the data set is damaged.
    """
    began = time.monotonic()
    recipe = recipe or AdaptRecipe()
    place = Place.of_environment(device)
    model = read_multi_sense(weights)
    check_network(model, weights)
    reader = NuScenesReader(dataroot, version)
    threads = workers or place.processors
    message(f"reading the scans of {dataroot}")
    drive = read_drive(reader, model.config.model.grid, threads, progress)
    check_drive(drive, dataroot)
    warnings = [str(problem) for problem in check_calibration(reader)]
    for line in warnings:
        message(f"doctor: {line}")
    train, held = split_drive(drive, recipe)
    cuda = place.device.type == "cuda"
    cameras = max(_CAMERAS, *(len(frame.rig.names) for frame in drive.keyframes))
    layout = SampleLayout.of(model.config.model, scale or (GPU_SCALE if cuda else CPU_SCALE))
    layout = SampleLayout(
        cameras, layout.height, layout.width, layout.scale, layout.depth_stride, layout.grid
    )
    train, held = _fitting(train, held, layout, drive.most, memory_gb, place)
    message(
        f"{drive.seconds:.0f} s and {drive.metres:.0f} m in {len(drive)} keyframes: {len(train)} to learn "
        f"from, {len(held)} to judge by"
    )
    maker = PassageMaker(drive, layout, recipe.reach, drive.most)
    source = DriveSource(maker, train, held, place.device, threads)
    pool, validation = (PassagePool(len(each), layout, drive.most, place.device) for each in (train, held))
    original = read_multi_sense(weights)
    try:
        trainer = AdaptTrainer(
            recipe,
            model,
            source,
            pool,
            validation,
            run,
            layout,
            place.device,
            resume,
            message,
            watch,
            began,
        )
        trainer.describe(data=str(dataroot), weights=weights, adapt=True)
        trainer.run()
        # As they are written, in half precision.
        best = run / BEST
        candidate = load_multi_sense(best) if best.is_file() else None
        before = trainer.before
        after = before if candidate is None else trainer.scores_of(candidate.to(place.device))
    except torch.cuda.OutOfMemoryError as error:
        raise place.too_little_memory(f"{recipe.batch} passages") from error
    reason = why_not(after, before, recipe.least_gain)
    if (reason or candidate is None) and math.isnan(before[SCORE]) and math.isnan(after[SCORE]):
        reason = (
            "in the held-out minutes the LiDAR is sure of no vehicle, so nothing can be judged: "
            "record a drive through traffic"
        )
    elif candidate is None:
        reason = f"no judgement was better than before ({SCORE} {before[SCORE]:.4f})"
    facts = {"adapted_from": str(weights), "licence": "Apache-2.0"}
    chosen = original if reason or candidate is None else candidate.cpu()
    write_multi_sense(chosen, out, facts if not reason else {"licence": "Apache-2.0"}, TrainingError)
    told = _facts(drive, train, held, warnings)
    made = Adaptation(out, not reason, reason, before, after, trainer.history, told)
    made.facts |= {"weights": weights, "steps": trainer.step, "seconds": round(time.monotonic() - began, 1)}
    made.facts |= {"recipe": recipe.description(), "device": str(place.device)}
    files.write_json(run / "adapt.json", made.report(), TrainingError)
    return made


def _fitting(
    train: list[int], held: list[int], layout: SampleLayout, returns: int, memory_gb: float, place: Place
) -> tuple[list[int], list[int]]:
    """As many keyframes, taken evenly, as the device has room for."""
    if not memory_gb:
        cuda = place.device.type == "cuda"
        memory_gb = max(1.0, torch.cuda.mem_get_info(place.device)[0] / 1e9 - _RESERVED_GB) if cuda else 4.0
    room = int(memory_gb * 1e9 // passage_bytes(layout, returns))
    total = len(train) + len(held)
    if room >= total:
        return train, held
    if room < 32:
        raise TrainingError(f"{place.device}: {memory_gb:.1f} GB hold {room} keyframes: give more --memory")
    return tuple(  # type: ignore[return-value]
        [each[k * len(each) // size] for k in range(size)]
        for each in (train, held)
        for size in [max(8, room * len(each) // total)]
    )


def _facts(drive: Drive, train: list[int], held: list[int], warnings: list[str]) -> dict[str, object]:
    return {
        "drive": {
            "seconds": round(drive.seconds, 1),
            "metres": round(drive.metres, 1),
            "keyframes": len(drive),
            "trained_on": len(train),
            "held_out": len(held),
            "unreadable": list(drive.left_out),
        },
        "doctor": warnings,
    }
