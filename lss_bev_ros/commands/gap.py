"""`lss-bev gap`: what a network loses from synthetic to recorded frames, one difference at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import typer
from rich.table import Table

from .. import files
from ..errors import EvaluationError
from .console import console, listed, progress

if TYPE_CHECKING:
    from ..dataset import Keyframe
    from ..geometry import Box, Camera, Rig
    from ..runtime import Engine
    from ..synthetic.assets import Assets
    from ..synthetic.backdrop import Backdrop
    from ..synthetic.twin import Twin
    from ..synthetic.world import World

NEAR = 20.0
"""Radius of the second IoU, metres."""
_JPEG = 75
_MOMENT = 4.0
"""Seconds into the drawn world that its street and traffic are taken at."""
_ROOF = (1.2, 3.2)
"""Heights of LiDAR sensors, metres."""
_SCORED: dict[str, tuple[str, ...]] = {
    "cameras": ("cameras",),
    "LiDAR": ("lidar",),
    "both": ("cameras", "lidar"),
}


@dataclass(frozen=True, eq=False)
class GapScene:
    """What one row of the study gives a network.

    Attributes:
        rig: the cameras.
        images: camera name to (H, W, 3) uint8 RGB or a file.
        points: (N, 3 or 4) LiDAR returns, metres, base_link, with intensity from 0 to 1; None without LiDAR.
        boxes: what is there, base_link.
    """

    rig: Rig
    images: Mapping[str, np.ndarray | bytes]
    points: np.ndarray | None
    boxes: tuple[Box, ...]


class GapStage:
    """A recorded keyframe beside drawn worlds, from which all rows are made.

    Args:
        keyframe: with annotations.
        seed: of the drawn world.
        scale: of the drawn pictures' size, 1 for that of the recorded ones.
        assets: for the rows with photographs, or None.
    """

    def __init__(self, keyframe: Keyframe, seed: int, scale: float, assets: Assets | None = None) -> None:
        self.keyframe, self._seed, self._scale, self._assets = keyframe, seed, scale, assets

    @property
    def _world(self) -> World:
        return _drawn_world(self._seed)

    @cached_property
    def _drawn(self) -> Twin:
        from ..synthetic.twin import standing

        return standing(self._world, _MOMENT)

    @cached_property
    def _twin(self) -> Twin:
        from ..synthetic.twin import twin_of

        return twin_of(self._world, _MOMENT, self.keyframe.boxes)

    @cached_property
    def _raised(self) -> Twin:
        from ..synthetic.twin import twin_of

        return twin_of(self._world, _MOMENT, self.keyframe.boxes, grounded=False)

    @cached_property
    def _photographed(self) -> Twin:
        """The twin with models of the assets, and photographs of road, pavement and grass."""
        from ..synthetic.twin import twin_of

        assert self._assets is not None, "rows with photographs are left out without"
        world = _modelled_world(self._seed, self._assets)
        return twin_of(world, _MOMENT, self.keyframe.boxes, modelled=True)

    @cached_property
    def _sky(self) -> Backdrop:
        from ..synthetic.backdrop import draw_backdrop
        from ..synthetic.config import WorldConfig
        from ..synthetic.realism import Realism

        config = WorldConfig(realism=Realism(sky=1.0))
        rng = np.random.default_rng(self._seed)
        return draw_backdrop(config, self._world.light, self._assets, rng)

    def photographed_sky(self) -> GapScene:
        """The twin under a photographed sky, in its light."""
        return self._shown(self._twin, self._sky)

    def photographed_things(self) -> GapScene:
        """The twin with photographed vehicles and surfaces."""
        return self._shown(self._photographed)

    def photographed(self) -> GapScene:
        """The twin with all of it: photographed sky, vehicles and surfaces, through another camera."""
        scene = self._shown(self._photographed, self._sky)
        return replace(scene, images=self._through_response(scene.images))

    def _shown(self, twin: Twin, around: Backdrop | None = None) -> GapScene:
        taken = self._taken(twin, self._real_rig, moved=True, around=around)
        images = {name: image for name, (image, _) in taken.items()}
        return GapScene(self._real_rig, images, None, self.keyframe.boxes)

    @cached_property
    def _own_rig(self) -> Rig:
        from ..geometry import CAMERA_NAMES, Camera, Rig
        from ..synthetic.config import WorldConfig
        from ..synthetic.sensors import HEIGHT, WIDTH, mounts

        cameras, _ = mounts(WorldConfig(), np.random.default_rng(0))
        by_name = {mount.channel.lower(): mount for mount in cameras}
        return Rig(
            tuple(Camera(n, by_name[n].intrinsics, WIDTH, HEIGHT, by_name[n].pose) for n in CAMERA_NAMES)
        )

    @cached_property
    def _real_rig(self) -> Rig:
        """The recorded cameras without what bends their rays."""
        from ..geometry import Rig

        return Rig(tuple(c.straight for c in self.keyframe.rig.cameras if c.name in self.keyframe.cameras))

    @cached_property
    def recorded(self) -> GapScene:
        """The frame itself."""
        images = {name: shot.encoded() for name, shot in self.keyframe.cameras.items()}
        return GapScene(self.keyframe.rig, images, self._recorded_points, self.keyframe.boxes)

    @cached_property
    def _recorded_points(self) -> np.ndarray | None:
        from ..evaluation.moments import placed_returns

        lidar = self.keyframe.lidar
        return None if lidar is None else placed_returns(lidar.points(), lidar.pose)

    @cached_property
    def _photographs(self) -> dict[str, np.ndarray]:
        """The recorded pictures, straightened, RGB."""
        pictures = {}
        for name, shot in self.keyframe.cameras.items():
            picture = cv2.imdecode(np.frombuffer(shot.encoded(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
            if not shot.camera.lens.is_pinhole:
                u = np.arange(float(shot.camera.width))[None]
                v = np.arange(float(shot.camera.height))[:, None]
                columns, rows = (
                    np.nan_to_num(p, nan=-1e4).astype(np.float32) for p in shot.camera.bend(u, v)
                )
                picture = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR)
            pictures[name] = np.ascontiguousarray(picture)
        return pictures

    def _sweep(self, twin: Twin) -> np.ndarray:
        from ..evaluation.moments import placed_returns
        from ..synthetic.config import WorldConfig
        from ..synthetic.sensors import mounts

        pose = mounts(WorldConfig(), np.random.default_rng(0))[1].pose
        lidar = self.keyframe.lidar
        # A cloud of several sensors is often told from the ground, where no sensor is.
        if lidar is not None and _ROOF[0] < lidar.pose.translation[2] < _ROOF[1]:
            pose = lidar.pose
        return placed_returns(twin.sweep(pose, self._seed).points, pose)

    def _taken(
        self, twin: Twin, rig: Rig, moved: bool, around: Backdrop | None = None
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Camera name to a picture (H, W, 3) RGB and which pixels show a vehicle (H, W)."""
        vehicles = np.array([False, *(a.category.startswith("vehicle") for a in twin.world.actors), False])
        taken = {}
        for k, camera in enumerate(rig.cameras):
            seen_from = self._as_shot(camera) if moved else camera
            picture = twin.picture(seen_from, 7919 * self._seed + k, self._scale, around)
            shows = vehicles[picture.instances]
            image = np.ascontiguousarray(picture.image[:, :, ::-1])
            if self._scale != 1.0:
                size = (camera.width, camera.height)
                image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
                shows = cv2.resize(shows.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
            taken[camera.name] = image, shows
        return taken

    def _as_shot(self, camera: Camera) -> Camera:
        """The camera where it was at its own instant rather than at the keyframe's."""
        shot = self.keyframe.cameras[camera.name]
        return replace(camera, pose=self.keyframe.ego.inverse() @ shot.ego @ camera.pose)

    def drawn(self) -> GapScene:
        """The synthetic world as the network knows it."""
        return self._scene(self._drawn, self._own_rig)

    def drawn_by_real_rig(self) -> GapScene:
        """Its street and traffic before the recorded car's cameras."""
        return self._scene(self._drawn, self._real_rig)

    def layout_by_own_rig(self) -> GapScene:
        """The recorded traffic before the synthetic car's cameras."""
        return self._scene(self._twin, self._own_rig)

    @cached_property
    def _base(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return self._taken(self._twin, self._real_rig, moved=True)

    @cached_property
    def _base_points(self) -> np.ndarray:
        return self._sweep(self._twin)

    def twin(self) -> GapScene:
        """The recorded traffic before the recorded car's cameras."""
        return self._changed(lambda image, shows, photograph: image, self._base_points)

    def raised(self) -> GapScene:
        """The twin with everything as high over the car's plane as annotated."""
        taken = self._taken(self._raised, self._real_rig, moved=True)
        images = {name: image for name, (image, _) in taken.items()}
        return GapScene(self._real_rig, images, self._sweep(self._raised), self.keyframe.boxes)

    def compressed(self) -> GapScene:
        """The twin as JPEG files of ordinary quality."""

        def change(image, shows, photograph):
            _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
            return data.tobytes()

        return self._changed(change)

    def responded(self) -> GapScene:
        """The twin through another camera's exposure, blur, sensor and tone curve."""
        images = self._through_response({name: image for name, (image, _) in self._base.items()})
        return GapScene(self._real_rig, images, None, self.keyframe.boxes)

    def _through_response(self, images: Mapping[str, np.ndarray | bytes]) -> dict[str, np.ndarray]:
        import torch

        from ..synthetic.develop import respond
        from ..synthetic.realism import ResponseRanges
        from ..synthetic.response import draw_response

        ranges = ResponseRanges(chance=1.0)
        response = draw_response(ranges, len(images), np.random.default_rng(self._seed))
        return {
            name: respond(torch.from_numpy(np.asarray(image))[None], response[k], np.array([k]))[0].numpy()
            for k, (name, image) in enumerate(images.items())
        }

    def coloured(self) -> GapScene:
        """The twin with the recorded pictures' histograms."""
        return self._changed(lambda image, shows, photograph: matched(image, photograph))

    def pasted_onto_photographs(self) -> GapScene:
        """The twin's vehicles before the recorded background."""
        return self._changed(lambda image, shows, photograph: np.where(shows[..., None], image, photograph))

    def photographed_vehicles(self) -> GapScene:
        """The recorded pixels of the twin's vehicles before the drawn background."""
        return self._changed(lambda image, shows, photograph: np.where(shows[..., None], photograph, image))

    def photographs_coloured(self) -> GapScene:
        """The recorded pictures with the twin's histograms."""
        return self._changed(lambda image, shows, photograph: matched(photograph, image))

    def photographs_styled(self) -> GapScene:
        """The recorded pictures with the twin's low spatial frequencies' amplitudes."""
        return self._changed(lambda image, shows, photograph: styled(photograph, image))

    def photographs_smoothed(self) -> GapScene:
        """The recorded pictures without fine detail, edges kept."""
        return self._changed(lambda image, shows, photograph: cv2.bilateralFilter(photograph, 9, 45, 6))

    def photographs_in_place(self) -> GapScene:
        """The recorded pictures, straightened."""
        return self._changed(lambda image, shows, photograph: photograph, self._recorded_points)

    def _changed(self, change: Callable, points: np.ndarray | None = None) -> GapScene:
        images = {
            name: change(image, shows, self._photographs[name]) for name, (image, shows) in self._base.items()
        }
        return GapScene(self._real_rig, images, points, self.keyframe.boxes)

    def _scene(self, twin: Twin, rig: Rig) -> GapScene:
        images = {name: image for name, (image, _) in self._taken(twin, rig, moved=False).items()}
        to_ego = twin.ego.inverse()
        boxes = tuple(
            replace(box, pose=to_ego @ box.pose) for box in (actor.box(0.0) for actor in twin.world.actors)
        )
        return GapScene(rig, images, self._sweep(twin), boxes)


@lru_cache(maxsize=2)
def _drawn_world(seed: int) -> World:
    """The world of a seed; all keyframes are set into the same ones."""
    from ..synthetic.world import World

    return World.draw((seed, 0), _MOMENT + 1.0)


@lru_cache(maxsize=2)
def _modelled_world(seed: int, assets: Assets) -> World:
    """As `_drawn_world`, with models of vehicles and photographs of surfaces."""
    from ..synthetic.config import WorldConfig
    from ..synthetic.realism import Realism
    from ..synthetic.world import World

    config = WorldConfig(realism=Realism(models=1.0, surfaces=1.0))
    return World.draw((seed, 0), _MOMENT + 1.0, config, assets)


ROWS: dict[str, Callable[[GapStage], GapScene]] = {
    "synthetic world, its own rig": GapStage.drawn,
    "synthetic world, recorded rig": GapStage.drawn_by_real_rig,
    "recorded traffic, synthetic rig": GapStage.layout_by_own_rig,
    "twin: recorded traffic and rig": GapStage.twin,
    "twin, heights as annotated": GapStage.raised,
    "twin, JPEG": GapStage.compressed,
    "twin, camera response": GapStage.responded,
    "twin, photographed sky": GapStage.photographed_sky,
    "twin, photographed things": GapStage.photographed_things,
    "twin, all photographed": GapStage.photographed,
    "twin, recorded colours": GapStage.coloured,
    "twin, recorded background": GapStage.pasted_onto_photographs,
    "twin, recorded vehicles": GapStage.photographed_vehicles,
    "recorded, twin's colours": GapStage.photographs_coloured,
    "recorded, twin's style": GapStage.photographs_styled,
    "recorded, no fine detail": GapStage.photographs_smoothed,
    "recorded": GapStage.photographs_in_place,
}
"""What the table's rows are called and how they are made."""


def matched(image: np.ndarray, model: np.ndarray) -> np.ndarray:
    """The picture with another's histogram, channel by channel; both (H, W, 3) uint8."""
    result = np.empty_like(image)
    for channel in range(3):
        have = np.cumsum(np.bincount(image[..., channel].ravel(), minlength=256)) / image[..., 0].size
        counts = np.bincount(model[..., channel].ravel(), minlength=256)
        values = np.flatnonzero(counts)
        want = np.cumsum(counts)[values] / model[..., 0].size
        result[..., channel] = np.interp(have, want, values).round().astype(np.uint8)[image[..., channel]]
    return result


def styled(image: np.ndarray, model: np.ndarray, share: float = 0.02) -> np.ndarray:
    """The picture with another's amplitudes at low spatial frequencies; both (H, W, 3) uint8.

    Yang and Soatto, "FDA: Fourier domain adaptation for semantic segmentation", CVPR 2020, equation 3.

    Args:
        image: whose phases are kept.
        model: of the same size.
        share: of the spectrum's width and height that is swapped, around its middle.
    """
    height, width = image.shape[:2]
    model = cv2.resize(model, (width, height), interpolation=cv2.INTER_AREA)
    spectrum, other = (np.fft.fft2(x.astype(np.float32), axes=(0, 1)) for x in (image, model))
    rows = np.abs(np.fft.fftfreq(height))[:, None, None] < share / 2
    columns = np.abs(np.fft.fftfreq(width))[None, :, None] < share / 2
    amplitude = np.where(rows & columns, np.abs(other), np.abs(spectrum))
    back = np.fft.ifft2(amplitude * np.exp(1j * np.angle(spectrum)), axes=(0, 1)).real
    return np.clip(back.round(), 0, 255).astype(np.uint8)


def gap(
    dataroots: Annotated[list[Path], typer.Argument(help="nuScenes roots with annotated keyframes.")],
    weights: Annotated[
        list[str] | None, typer.Option(help="builtin, builtin-multi or a checkpoint; repeatable.")
    ] = None,
    worlds: Annotated[int, typer.Option(help="Drawn worlds that each keyframe is set into.")] = 2,
    limit: Annotated[int, typer.Option(help="Keyframes of each root, evenly spread.")] = 1,
    rows: Annotated[
        list[str] | None, typer.Option("--row", help="Only rows whose name has this in it; repeatable.")
    ] = None,
    assets: Annotated[
        Path | None, typer.Option(help="Folder of models, textures and skies for the photographed rows.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Size at which pictures are drawn, 1 for the recorded.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the drawn worlds.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Report file.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for a picture of each row.")
    ] = None,
) -> None:
    """Swap one difference between synthetic and recorded frames at a time, and score the network on each.

    A twin of each keyframe has the annotated boxes, filled with drawn shapes on a drawn street, before the
    recorded cameras. IoU of vehicles over the whole grid, and within 20 m, for each frame.
    """
    from ..runtime import create_engine

    wanted = {name: make for name, make in ROWS.items() if not rows or any(r in name for r in rows)}
    if not wanted:
        raise EvaluationError(
            f"no row has {' or '.join(rows or [])} in its name; there are {', '.join(ROWS)}"
        )
    if not 0.05 <= scale <= 1.0 or worlds < 1 or limit < 1:
        raise EvaluationError("scale must be 0.05 to 1, worlds and limit at least 1")
    found_assets = None
    if assets is None:
        wanted = {name: make for name, make in wanted.items() if "photographed" not in name}
    else:
        from ..synthetic.assets import load_assets

        found_assets = load_assets(assets)
    engines = {name: create_engine("auto", name) for name in listed(weights) or ("builtin",)}
    frames = [frame for root in dataroots for frame in _keyframes(root, limit)]
    found: list[dict[str, object]] = []
    with progress("rows") as bar:
        done, total = 0, len(frames) * worlds * len(wanted)
        for k in range(worlds):
            for label, keyframe in frames:
                stage = GapStage(keyframe, seed + k, scale, found_assets)
                for row, make in wanted.items():
                    scene = make(stage)
                    for name, engine in engines.items():
                        for senses, iou, near in _scores(engine, scene, keyframe.stamp):
                            found.append(
                                {"frame": label, "world": seed + k, "row": row, "weights": name}
                                | {"senses": senses, "iou": iou, "iou_20": near}
                            )
                    if pictures and k == 0:
                        _write(pictures, f"{label} {row}", scene)
                    done += 1
                    bar(done, total)
                    if output:
                        # As it grows: a study takes long.
                        facts = {"worlds": worlds, "seed": seed, "scale": scale}
                        files.write_json(output, facts | {"scores": found}, EvaluationError)
    for engine in engines.values():
        engine.close()
    for label, _ in frames:
        console.print(gap_table(label, [f for f in found if f["frame"] == label]))
    if output:
        console.print(f"report      {output}")


def _keyframes(root: Path, limit: int) -> Iterator[tuple[str, Keyframe]]:
    from ..dataset import NuScenesReader

    reader = NuScenesReader(root, "")
    frames = [k for scene in reader.scenes for k in reader.keyframes(scene) if k.annotated and k.cameras]
    if not frames:
        raise EvaluationError(f"{root} has no annotated keyframe with pictures: choose another root")
    limit = min(limit, len(frames))
    for k in range(limit):
        yield f"{root.name}/{frames[k * len(frames) // limit].scene}#{k}", frames[k * len(frames) // limit]


def _scores(engine: Engine, scene: GapScene, stamp: int) -> Iterator[tuple[str, float, float]]:
    """Of each setting of the senses that the network has and the scene gives: its name and two IoU."""
    from ..evaluation.metrics import AnnotationScore
    from ..geometry import vehicle_raster
    from ..runtime import FrameSet
    from ..runtime.multi_sense.engine import MultiSenseEngine
    from ..runtime.multi_sense.moment import Moment

    truth = vehicle_raster(scene.boxes, engine.grid)

    def score(occupancy: np.ndarray) -> tuple[float, float]:
        counted = AnnotationScore(engine.grid, edges=(0.0, NEAR))
        metrics = counted.update(occupancy, truth)
        return metrics["iou"], metrics[f"iou_0_{NEAR:.0f}"]

    frame_set = FrameSet(stamp, scene.rig, scene.images)
    if not isinstance(engine, MultiSenseEngine):
        yield "cameras", *score(engine.infer_usable(frame_set)[0].occupancy)
        return
    for name, senses in _SCORED.items():
        if not set(senses) <= set(engine.config.senses) or ("lidar" in senses and scene.points is None):
            continue
        moment = Moment(stamp, frame_set, scene.points)
        answers = engine.answer(moment, ("segmentation",), senses)
        yield name, *score(answers.prediction.occupancy)


def gap_table(label: str, found: list[dict]) -> Table:
    """The scores of one frame, rows by what was swapped, columns by weights and senses, means over worlds."""
    columns = list(dict.fromkeys((f["weights"], f["senses"]) for f in found))
    table = Table(title=f"{label}: vehicle IoU, whole grid / within {NEAR:.0f} m", title_justify="left")
    table.add_column("what the network is given")
    for weights, senses in columns:
        table.add_column(f"{weights}\n{senses}", justify="right")
    for row in dict.fromkeys(f["row"] for f in found):
        cells = []
        for column in columns:
            mine = [f for f in found if f["row"] == row and (f["weights"], f["senses"]) == column]
            means = [np.mean([f[key] for f in mine]) if mine else None for key in ("iou", "iou_20")]
            cells.append(" / ".join("-" if m is None else f"{m:.3f}" for m in means) if mine else "-")
        table.add_row(row, *cells)
    return table


def _write(folder: Path, name: str, scene: GapScene) -> None:
    tiles = []
    for image in scene.images.values():
        if isinstance(image, bytes):
            picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
        else:
            picture = image[:, :, ::-1]
        tiles.append(cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 3)
    page = np.vstack([np.hstack(tiles[k : k + 3]) for k in range(0, len(tiles), 3)])
    _, data = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 90])
    stem = "".join(c if c.isalnum() else "_" for c in name)
    files.write(folder / f"{stem}.jpg", data.tobytes(), EvaluationError)
