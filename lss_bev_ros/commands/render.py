"""`lss-bev render`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DatasetError, EvaluationError
from .console import console, progress

if TYPE_CHECKING:
    import numpy as np

    from ..dataset import NuScenesReader
    from ..geometry import BevGrid, Rig
    from ..runtime import Engine
    from ..visualization.film import FilmFrame

_RECORDED = "recorded"


def render(
    source: Annotated[Path, typer.Argument(help="nuScenes data root, bag folder or .mcap file.")],
    out: Annotated[Path, typer.Argument(help="FILM.mp4, FILM.gif, or a still: .jpg, .png.")],
    scene: Annotated[str, typer.Option(help="Scene of the data root; its first by default.")] = "",
    version: Annotated[str, typer.Option(help="Version of the data root.")] = "",
    weights: Annotated[
        str,
        typer.Option(help="builtin, a checkpoint, seed:N, or 'recorded': the grids that a bag holds."),
    ] = "",
    backend: Annotated[str, typer.Option(help="What runs the network.")] = "auto",
    fps: Annotated[float, typer.Option(help="Pictures a second; nuScenes has 2 keyframes a second.")] = 4.0,
    size: Annotated[int, typer.Option(help="Width in pixels; the height is 9/16 of it.")] = 1280,
    threshold: Annotated[
        float, typer.Option(help="Probability from which a cell is drawn into images.")
    ] = 0.5,
    boxes: Annotated[bool, typer.Option(help="Draw annotated vehicles into the images.")] = True,
    limit: Annotated[int, typer.Option(help="Frames at most, 0 for all.")] = 0,
    frame: Annotated[
        int | None, typer.Option(help="Of a still: which frame, from 0; the middle one.")
    ] = None,
    max_mb: Annotated[float, typer.Option(help="A GIF is shrunk until it is no larger; 0 for any.")] = 3.0,
) -> None:
    """Make a film of a scene, or a still: the cameras with what is predicted in them, and the grid."""
    from ..dataset import NuScenesReader
    from ..visualization.film import FilmPainter
    from ..visualization.video import STILLS, check_target, write_film, write_still

    kind = check_target(out)
    is_bag = source.suffix == ".mcap" or (source / "metadata.yaml").is_file() or any(source.glob("*.mcap*"))
    if not weights:
        weights = _RECORDED if is_bag else "builtin"
    if weights == _RECORDED and not is_bag:
        raise EvaluationError("--weights recorded: a data set holds no predictions, only a bag does")
    # Before the network, which takes seconds to load.
    reader = None if is_bag else NuScenesReader(source, version, (scene,) if scene else ())
    for notice in reader.notices if reader else ():
        console.print(f"note        {notice}", soft_wrap=True)
    engine = _engine(backend, weights)
    still = kind in STILLS
    first = frame if still else 0
    if reader is None:
        count, frames = _of_bag(source, engine, first)
    else:
        count, frames = _of_dataset(reader, scene, engine, first)
    subtitle = "" if engine is None else f"weights: {engine.weights}"
    painter = FilmPainter(size, threshold, subtitle, boxes)
    try:
        if still:
            one = next(frames, None)
            if one is None:
                raise EvaluationError(f"{source}: no image of that frame can be read; choose another --frame")
            write_still(out, painter.paint(one))
            console.print(f"still       {out}", soft_wrap=True)
            return
        count = min(count, limit) if limit > 0 else count
        with progress("rendering") as bar:
            pictures = (painter.paint(one) for one in _first(frames, count, bar))
            written = write_film(out, pictures, fps, round(max_mb * 1e6))
        megabytes = out.stat().st_size / 1e6
        console.print(f"film        {out}: {written} frames, {megabytes:.1f} MB", soft_wrap=True)
    finally:
        if engine is not None:
            engine.close()


def _engine(backend: str, weights: str) -> Engine | None:
    if weights == _RECORDED:
        return None
    from ..runtime import create_engine

    return create_engine(backend, weights)


def _first(frames: Iterable[FilmFrame], count: int, bar) -> Iterator[FilmFrame]:
    for done, one in enumerate(frames):
        if done == count:
            return
        bar(done, count)
        yield one
    bar(count, count)


def _of_bag(source: Path, engine: Engine | None, first: int | None) -> tuple[int, Iterator[FilmFrame]]:
    from ..standalone.bag.frames import film_frames

    predict = None if engine is None else partial(_predict, engine)
    count, _ = film_frames(source, predict)
    return film_frames(source, predict, _chosen(first, count, source))


def _predict(engine: Engine, stamp: int, rig: Rig, images: dict[str, bytes]) -> tuple[np.ndarray, BevGrid]:
    from ..runtime import FrameSet

    images = {name: image for name, image in images.items() if name in rig.names}
    prediction, _ = engine.infer_usable(FrameSet(stamp, rig, images))
    return prediction.occupancy, prediction.grid


def _chosen(first: int | None, count: int, source: Path) -> int:
    """The frame to begin with: the middle one where none is named."""
    if not count:
        raise EvaluationError(f"{source}: there is no frame to draw")
    first = count // 2 if first is None else first
    if not 0 <= first < count:
        raise EvaluationError(f"--frame {first}: {source} has frames 0 to {count - 1}")
    return first


def _of_dataset(
    reader: NuScenesReader, scene: str, engine: Engine, first: int | None
) -> tuple[int, Iterator[FilmFrame]]:
    from ..dataset.raster import vehicle_raster
    from ..runtime import FrameSet
    from ..visualization.film import FilmFrame

    scene = scene or next(iter(reader.scenes), "")
    if not scene:
        raise DatasetError(f"{reader.dataroot}: has no scene")

    count = reader.count_keyframes(scene)
    begin = _chosen(first, count, reader.dataroot)

    def frames() -> Iterator[FilmFrame]:
        for keyframe in itertools.islice(reader.keyframes(scene), begin, None):
            images = {}
            for name, shot in keyframe.cameras.items():
                try:
                    images[name] = shot.encoded()
                except DatasetError as error:
                    console.print(f"left out    {error}", soft_wrap=True)
            if not images:
                continue
            prediction, problems = engine.infer_usable(FrameSet(keyframe.stamp, keyframe.rig, images))
            for problem in problems.values():
                console.print(f"left out    {problem}", soft_wrap=True)
            scan = keyframe.lidar
            points = None
            if scan is not None:
                try:
                    points = scan.pose.apply(scan.points()[:, :3])
                except DatasetError as error:
                    console.print(f"left out    {error}", soft_wrap=True)
            yield FilmFrame(
                stamp=keyframe.stamp,
                rig=keyframe.rig,
                images=images,
                occupancy=prediction.occupancy,
                grid=prediction.grid,
                truth=vehicle_raster(keyframe.boxes, prediction.grid) if keyframe.annotated else None,
                boxes=keyframe.boxes,
                points=points,
                **({} if scan is None else {"lidar_origin": scan.pose.translation}),
                title=scene,
            )

    return count, frames()
