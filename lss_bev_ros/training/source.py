"""Where samples come from: synthetic worlds made while the network trains, or a data set on disk."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import queue
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..errors import TrainingError
from ..geometry import CAMERA_NAMES, Camera, Rig
from .config import STREETS, SampleLayout
from .sample import NO_DEPTH, Sample, pack_calibration, pack_depth, pack_raster

if TYPE_CHECKING:
    from ..dataset import Keyframe
    from ..synthetic.assets import Assets
    from ..synthetic.config import WorldConfig
    from .sample_block import SampleBlock

TRAINING_SEED = 2**31
"""First number of the seeds of training worlds. `synthesize` takes seeds below it, so that no data set that
it writes, the test set among them, holds a world that was trained on."""
VALIDATION_SEED = 2**31 + 1
WORLD_SECONDS = 12.0
VALIDATION_WORLDS = 64
"""Over all ranks."""


class Source(ABC):
    """Gives samples, each for training or for validation."""

    validation_samples: int
    """How many of them are for validation in all; they are among the first."""
    endless: bool
    """Whether new samples keep coming."""
    next_world = 0
    """Number after that of the last synthetic training world taken: where a resumed run goes on."""

    @abstractmethod
    def take(self, wait: float) -> tuple[str, Sample | SampleBlock] | None:
        """The next sample, or several, with `train` or `val`, or None if none came within `wait` seconds."""

    def close(self) -> None:  # noqa: B027
        """Stop what works in the background, if anything does."""


class IndexedSource(Source):
    """A finite source whose samples can be read in any order, so that not all have to be held at once."""

    endless = False

    @property
    @abstractmethod
    def training_samples(self) -> int:
        """How many of them are for training in all."""

    @abstractmethod
    def pieces(self) -> list[range]:
        """The numbers of all training samples, those together that are best read together."""

    @abstractmethod
    def sample(self, use: str, number: int) -> Sample:
        """Read a sample, `train` or `val`, by its number from 0; several threads may."""


@dataclass(frozen=True)
class WorldPlan:
    """Which worlds a process draws; all processes of a run together draw each world once.

    Attributes:
        process: its number among those of all ranks.
        every: how many there are.
        samples: training samples a world.
        validation_worlds: worlds for validation, over all ranks.
        validation_samples: samples of each of them.
        first_world: number of the run's first training world.
    """

    process: int
    every: int
    samples: int
    validation_worlds: int
    validation_samples: int
    first_world: int = 0

    @property
    def validation(self) -> range:
        """Validation worlds of this process."""
        return range(self.process, self.validation_worlds, self.every)

    def training(self) -> Iterator[int]:
        """Training worlds of this process, without end."""
        return itertools.count(self.first_world + self.process, self.every)


def world_plans(
    workers: int,
    rank: int,
    ranks: int,
    samples: int,
    validation_samples: int,
    first_world: int = 0,
    validation_worlds: int = VALIDATION_WORLDS,
) -> list[WorldPlan]:
    """A plan for each process of a rank.

    Raises:
        TrainingError: there is no process.
    """
    if workers < 1:
        raise TrainingError("synthetic samples need at least one process: workers 1 or more")
    rest = (workers * ranks, samples, validation_worlds, validation_samples, first_world)
    return [WorldPlan(rank * workers + k, *rest) for k in range(workers)]


class WorldSource(Source):
    """Samples of worlds that processes of their own make, each as its plan says.

    World i of the run is made by process i modulo their number over all ranks, so the worlds are the same
    on every machine, and only how many there are depends on its speed.

    Args:
        layout: of the samples.
        plans: one for each process of this rank, see `world_plans`.
        work: what a process runs: takes a queue, the layout and its plan.
        room: items of that queue.
    """

    endless = True
    samples_a_world: int
    """Training samples that make a world worth its making."""
    validation_samples_a_world: int

    def __init__(
        self, layout: SampleLayout, plans: Sequence[WorldPlan], work: Callable[..., None], room: int
    ):
        self.validation_samples = sum(len(plan.validation) * plan.validation_samples for plan in plans)
        context = multiprocessing.get_context("spawn")
        self._made = context.Queue(maxsize=room)
        self._processes = [
            context.Process(target=work, args=(self._made, layout, plan), daemon=True) for plan in plans
        ]
        for process in self._processes:
            process.start()

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()

    def _check_alive(self) -> None:
        if not any(process.is_alive() for process in self._processes):
            raise TrainingError("all processes that make worlds have died: see the lines above")

    def _taken(self, use: str, world: int) -> None:
        if use == "train":
            self.next_world = max(self.next_world, world + 1)


class SyntheticSource(WorldSource):
    """Worlds drawn by the processes that make them."""

    samples_a_world = 20
    validation_samples_a_world = 4

    def __init__(self, layout: SampleLayout, plans: Sequence[WorldPlan]):
        super().__init__(layout, plans, _work, 4 * len(plans))

    def take(self, wait: float) -> tuple[str, Sample | SampleBlock] | None:
        """As `Source.take`."""
        try:
            use, world, sample = self._made.get(timeout=wait) if wait > 0 else self._made.get_nowait()
        except queue.Empty:
            self._check_alive()
            return None
        self._taken(use, world)
        return use, sample


def _work(out, layout: SampleLayout, plan: WorldPlan) -> None:
    """A process: its validation worlds, then training worlds without end."""
    os.nice(5)
    for world in plan.validation:
        for sample in synthetic_samples(
            (VALIDATION_SEED, world), plan.validation_samples, layout, varied=False
        ):
            out.put(("val", world, sample))
    for world in plan.training():
        try:
            for sample in synthetic_samples((TRAINING_SEED, world), plan.samples, layout):
                out.put(("train", world, sample))
        except (ValueError, IndexError, ZeroDivisionError, StopIteration) as error:
            print(f"world {world} left out: {type(error).__name__}: {error}", flush=True)


def world_config(layout: SampleLayout) -> WorldConfig:
    """What the training worlds of a layout's street vary."""
    from ..synthetic.stream import CARRIED, VARIED

    return VARIED if layout.street == STREETS[0] else CARRIED


def assets_of(layout: SampleLayout) -> Assets | None:
    """The assets of a layout's street, read once a process; None without.

    Raises:
        DatasetError: the folder has none.
    """
    return _assets(layout.assets) if layout.assets else None


@lru_cache(maxsize=1)
def _assets(folder: str) -> Assets:
    from ..synthetic.assets import load_assets

    return load_assets(folder)


def synthetic_samples(
    seed: tuple[int, ...], count: int, layout: SampleLayout, varied: bool = True
) -> Iterator[Sample]:
    """Samples of one world; not `varied`, its cameras are nuScenes' own, as in `synthesize`."""
    from ..synthetic.config import WorldConfig
    from ..synthetic.stream import stream_world

    config, assets = (world_config(layout), assets_of(layout)) if varied else (WorldConfig(), None)
    for sample in stream_world(seed, count, WORLD_SECONDS, layout.scale, config, assets):
        yield Sample(
            images=sample.images,
            depth=pack_depth(sample.depth),
            raster=pack_raster(sample.boxes, layout.grid),
            calibration=pack_calibration(sample.rig),
            present=sample.present,
        )


SCENES_KEPT = 16
"""Scenes whose keyframes are kept, without their images, while samples are read in shuffled order."""

PIECE = 10
"""Keyframes of a scene that are read together: its tables are looked up once for them."""


class DatasetSource(IndexedSource):
    """The keyframes of a nuScenes root.

    Args:
        dataroot, version: as for the reader.
        layout: of the samples.
        rank, ranks: each rank takes its share of the keyframes.
    """

    def __init__(self, dataroot, version: str, layout: SampleLayout, rank: int = 0, ranks: int = 1):
        from ..dataset import NuScenesReader
        from .split import split_scenes

        self._layout = layout
        self._reader = NuScenesReader(dataroot, version)
        train, val = (self._annotated(names) for names in split_scenes(self._reader))
        if not train or not val:
            raise TrainingError(
                f"{self._reader.dataroot}: too few scenes with annotated vehicles to train and validate on; "
                f"{'; '.join(self._reader.notices) or 'choose a version with annotations'}"
            )
        self._jobs = [("val", name) for name in val] + [("train", name) for name in train]
        self._rank, self._ranks = rank, ranks
        self._samples = self._read()
        self._lock = threading.Lock()
        self._scenes: OrderedDict[str, list[Keyframe]] = OrderedDict()
        counts = {name: self._reader.count_keyframes(name) for name in val}
        self.validation_samples = sum(len(range(rank, count, ranks)) for count in counts.values())

    def _annotated(self, names: Sequence[str]) -> list[str]:
        """Those with something to learn from: an empty raster would teach that there are no vehicles."""
        return [name for name in names if self._reader.annotated(name)]

    def take(self, wait: float) -> tuple[str, Sample | SampleBlock] | None:
        """As `Source.take`."""
        return next(self._samples, None)

    def _read(self) -> Iterator[tuple[str, Sample]]:
        for use, scene in self._jobs:
            for k, keyframe in enumerate(self._reader.keyframes(scene)):
                if k % self._ranks == self._rank:
                    yield use, keyframe_sample(keyframe, self._layout)

    @cached_property
    def _frames(self) -> dict[str, list[tuple[str, int]]]:
        """Scene and place in it of every sample of this rank, by use."""
        frames: dict[str, list[tuple[str, int]]] = {"train": [], "val": []}
        for use, scene in self._jobs:
            places = range(self._rank, self._reader.count_keyframes(scene), self._ranks)
            frames[use].extend((scene, place) for place in places)
        return frames

    @property
    def training_samples(self) -> int:
        """See `IndexedSource`."""
        return len(self._frames["train"])

    def pieces(self) -> list[range]:
        """See `IndexedSource`."""
        found: list[range] = []
        first = 0
        for _, scene in itertools.groupby(self._frames["train"], key=lambda frame: frame[0]):
            last = first + len(list(scene))
            found.extend(range(k, min(k + PIECE, last)) for k in range(first, last, PIECE))
            first = last
        return found

    def sample(self, use: str, number: int) -> Sample:
        """See `IndexedSource`."""
        scene, place = self._frames[use][number]
        with self._lock:
            if scene not in self._scenes:
                self._scenes[scene] = list(self._reader.keyframes(scene))
                if len(self._scenes) > SCENES_KEPT:
                    self._scenes.popitem(last=False)
            self._scenes.move_to_end(scene)
            keyframe = self._scenes[scene][place]
        return keyframe_sample(keyframe, self._layout)


def keyframe_sample(keyframe, layout: SampleLayout) -> Sample:
    """A keyframe's pictures at the stored size, straightened, without depth; cameras of any image size.

    nuScenes' six cameras have places of their own, others take those that are left, in the rig's order.
    """
    import cv2

    from ..runtime.image_decoder import decode_image

    shape = (layout.cameras, layout.height, layout.width)
    images = np.zeros((*shape, 3), np.uint8)
    present = np.zeros(layout.cameras, bool)
    step = layout.depth_stride
    depth = np.full((layout.cameras, layout.height // step, layout.width // step), NO_DEPTH, np.uint8)
    cameras = []
    known = {camera.name: camera for camera in keyframe.rig.cameras}
    fallback = next(iter(known.values()))
    for k, name in enumerate(places_of(keyframe.rig.names, layout.cameras)):
        shot = keyframe.cameras.get(name)
        camera = known.get(name, fallback)
        cameras.append(_full_size(camera, name))
        if shot is None:
            continue
        pixels = _straighten(shot.camera, decode_image(shot.camera, shot.encoded()))
        images[k] = cv2.resize(pixels, (layout.width, layout.height), interpolation=cv2.INTER_AREA)
        present[k] = True
    calibration = pack_calibration(Rig(tuple(cameras)))
    return Sample(images, depth, pack_raster(keyframe.boxes, layout.grid), calibration, present)


def places_of(names: Sequence[str], count: int) -> list[str]:
    """The camera of each place of a sample: its name, or that of one that is missing."""
    strangers = iter(name for name in names if name not in CAMERA_NAMES)
    known = [*CAMERA_NAMES[:count], *(f"none_{k}" for k in range(len(CAMERA_NAMES), count))]
    return [name if name in names else next(strangers, name) for name in known]


def _straighten(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) as `camera.straight` would have seen it, black where the lens saw nothing."""
    import cv2

    if camera.lens.is_pinhole:
        return pixels
    return cv2.remap(pixels, *_lookup(camera), cv2.INTER_LINEAR)


@lru_cache(maxsize=16)
def _lookup(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) columns and rows of the image for every pixel of the straight one, in OpenCV's fixed point."""
    import cv2

    places = camera.bend(np.arange(float(camera.width))[None], np.arange(float(camera.height))[:, None])
    u, v = (np.nan_to_num(each, nan=-1e4).astype(np.float32) for each in places)
    return cv2.convertMaps(u, v, cv2.CV_16SC2)


def _full_size(camera: Camera, name: str) -> Camera:
    """The camera with its intrinsics scaled to 1600 x 900, which all augmentation is expressed in."""
    factor = np.diag([1600 / camera.width, 900 / camera.height, 1.0])
    return Camera(name, factor @ camera.intrinsics, 1600, 900, camera.pose)
