"""`lss-bev render`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DatasetError, EvaluationError, ImageError
from .console import console, progress
from .left_out import LeftOut
from .moment_asker import MomentAsker

if TYPE_CHECKING:
    import numpy as np

    from ..dataset import NuScenesReader
    from ..geometry import BevGrid, Rig
    from ..runtime import Engine
    from ..visualization.film import FilmFrame
    from ..visualization.moment import ShownMoment

_RECORDED = "recorded"
_REMEMBERED = 1
"""Instants before the one to draw that a network sees first, so that it remembers."""


def render(
    source: Annotated[Path, typer.Argument(help="nuScenes data root, bag folder or .mcap file.")],
    out: Annotated[
        Path, typer.Argument(help="Video to write, .mp4 or .gif; or a still image, .jpg or .png.")
    ],
    scene: Annotated[str, typer.Option(help="Scene of the data root; by default its first.")] = "",
    version: Annotated[str, typer.Option(help="Version of the data root.")] = "",
    weights: Annotated[
        str,
        typer.Option(help="builtin, builtin-multi, a checkpoint, seed:N, or 'recorded': what is in the bag."),
    ] = "",
    backend: Annotated[str, typer.Option(help="Engine that runs the network.")] = "auto",
    fps: Annotated[float, typer.Option(help="Frames per second; nuScenes has 2 keyframes per second.")] = 4.0,
    size: Annotated[int, typer.Option(help="Width in pixels; the height is 9/16 of it.")] = 1280,
    threshold: Annotated[
        float,
        typer.Option(help="Lowest probability at which a cell is drawn into the images."),
    ] = 0.5,
    boxes: Annotated[
        bool, typer.Option(help="Draw annotated vehicles, or the objects of a multi-sense network.")
    ] = True,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", help="Words for a multi-sense network to show; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Largest number of frames; 0: all.")] = 0,
    frame: Annotated[
        int | None, typer.Option(help="Frame of a still image, from 0; by default the middle one.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="Namespace of the car to show, if a bag has several.")
    ] = None,
    base_frame: Annotated[
        str, typer.Option(help="The car's frame in a bag; by default that of its grids, or base_link.")
    ] = "",
    max_mb: Annotated[float, typer.Option(help="Shrink a GIF to at most this many MB; 0: any size.")] = 3.0,
) -> None:
    """Make a video of a scene, or a still image: the cameras with the predictions, and the grid.

    With weights of a multi-sense network, or a bag with its answers, all of them are shown. What cannot be
    read is left out and reported; the exit code is then 1.
    """
    from ..dataset import NuScenesReader
    from ..visualization.film import FilmPainter
    from ..visualization.video import STILLS, check_target, write_film, write_still

    kind = check_target(out)
    is_bag = _is_bag(source)
    if not weights:
        weights = _RECORDED if is_bag else "builtin"
    if weights == _RECORDED and not is_bag:
        raise EvaluationError("--weights recorded needs a bag: a data set contains no predictions")
    # Before the network, which takes seconds to load.
    reader = None if is_bag else NuScenesReader(source, version, (scene,) if scene else ())
    for notice in reader.notices if reader else ():
        console.print(f"note        {notice}", soft_wrap=True)
    engine = _engine(backend, weights)
    still = kind in STILLS
    first = frame if still else 0
    left_out = LeftOut()
    ask = _asker(engine, weights, tuple(prompts or ()), left_out)
    if reader is None:
        count, frames = _of_bag(source, engine, ask, first, left_out, namespace, base_frame)
    else:
        assert engine is not None, "a data set holds no predictions"
        count, frames = _of_dataset(reader, scene, engine, ask, first, left_out)
    subtitle = "" if engine is None else f"weights: {engine.weights}"
    painter = FilmPainter(size, threshold, subtitle, boxes)
    try:
        if still:
            one = next(frames, None)
            if one is None or (frame is not None and left_out.frames):
                raise EvaluationError(f"{source}: no image of this frame can be read; choose another --frame")
            write_still(out, painter.paint(one))
            console.print(f"still       {out}", soft_wrap=True)
        else:
            count = min(count, limit) if limit > 0 else count
            with progress("rendering") as bar:
                pictures = (painter.paint(one) for one in _first(frames, count, bar))
                written = write_film(out, pictures, fps, round(max_mb * 1e6))
            megabytes = out.stat().st_size / 1e6
            console.print(f"film        {out}: {written} frames, {megabytes:.1f} MB", soft_wrap=True)
        if left_out.items:
            console.print(left_out.summary(), soft_wrap=True)
            raise typer.Exit(1)
    finally:
        if engine is not None:
            engine.close()


def _engine(backend: str, weights: str) -> Engine | None:
    if weights == _RECORDED:
        return None
    from ..runtime import create_engine

    return create_engine(backend, weights)


def _asker(
    engine: Engine | None, weights: str, prompts: tuple[str, ...], left_out: LeftOut
) -> MomentAsker | None:
    """What asks a multi-sense network about an instant; None for other networks.

    Raises:
        EvaluationError: another network is asked for words.
    """
    if engine is not None:
        from ..runtime.multi_sense.engine import MultiSenseEngine

        if isinstance(engine, MultiSenseEngine):
            return MomentAsker(engine, prompts, left_out)
    if prompts:
        raise EvaluationError(
            f"--prompt needs a multi-sense network, which {weights!r} is not: add --weights builtin-multi"
        )
    return None


def _first(frames: Iterable[FilmFrame], count: int, bar) -> Iterator[FilmFrame]:
    for done, one in enumerate(frames):
        if done == count:
            return
        bar(done, count)
        yield one
    bar(count, count)


def _is_bag(source: Path) -> bool:
    if source.name.endswith((".mcap", ".mcap.zstd", ".db3", ".db3.zstd")):
        return True
    return (source / "metadata.yaml").is_file() or any((*source.glob("*.mcap*"), *source.glob("*.db3*")))


def _of_bag(
    source: Path,
    engine: Engine | None,
    ask: MomentAsker | None,
    first: int | None,
    left_out: LeftOut,
    namespace: str | None,
    base_frame: str,
) -> tuple[int, Iterator[FilmFrame]]:
    from ..bags.frames import SensedInstant, film_frames

    def warn(line: str) -> None:
        console.print(f"warning     {line}", soft_wrap=True, markup=False)

    predict = None if engine is None or ask is not None else partial(_predict, engine, left_out)
    if ask is None:
        count, _ = film_frames(source, predict, namespace=namespace)
        return film_frames(source, predict, _chosen(first, count, source), namespace, base_frame, warn)
    asked = itertools.count()

    def answer(instant: SensedInstant) -> ShownMoment | None:
        shown = next(asked) >= chosen - begin
        return ask(instant.stamp, instant.rig, instant.images, instant.returns, instant.ego, shown)

    count, _ = film_frames(source, namespace=namespace, answer=answer)
    chosen = _chosen(first, count, source)
    begin = max(0, chosen - _REMEMBERED)
    return film_frames(source, None, begin, namespace, base_frame, warn, answer)


def _predict(
    engine: Engine, left_out: LeftOut, stamp: int, rig: Rig, images: Mapping[str, bytes]
) -> tuple[np.ndarray, BevGrid] | None:
    """The grid of a frame; None where no image of it can be used."""
    from ..runtime import FrameSet

    known = {name: image for name, image in images.items() if name in rig.names}
    if not known:
        left_out.frame(stamp, "no camera_info or transform of their cameras came before them")
        return None
    try:
        prediction, problems = engine.infer_usable(FrameSet(stamp, rig, known))
    except ImageError as error:
        left_out.frame(stamp, error)
        return None
    for problem in problems.values():
        left_out.item(problem)
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
    reader: NuScenesReader,
    scene: str,
    engine: Engine,
    ask: MomentAsker | None,
    first: int | None,
    left_out: LeftOut,
) -> tuple[int, Iterator[FilmFrame]]:
    import numpy as np

    from ..geometry import vehicle_raster
    from ..visualization.film import FilmFrame

    scene = scene or next(iter(reader.scenes), "")
    if not scene:
        raise DatasetError(f"{reader.dataroot}: has no scene")

    count = reader.count_keyframes(scene)
    begin = _chosen(first, count, reader.dataroot)
    if ask is not None:
        return count, _asked(reader, scene, ask, begin, left_out)

    def frames() -> Iterator[FilmFrame]:
        for keyframe in itertools.islice(reader.keyframes(scene), begin, None):
            images = {}
            for name, shot in keyframe.cameras.items():
                try:
                    images[name] = shot.encoded()
                except DatasetError as error:
                    left_out.item(error)
            if not images:
                left_out.frame(keyframe.stamp, "there is none")
                continue
            predicted = _predict(engine, left_out, keyframe.stamp, keyframe.rig, images)
            if predicted is None:
                continue
            occupancy, grid = predicted
            scan = keyframe.lidar
            points = None
            if scan is not None:
                try:
                    points = scan.pose.apply(scan.points()[:, :3])
                except DatasetError as error:
                    left_out.item(error)
            yield FilmFrame(
                stamp=keyframe.stamp,
                rig=keyframe.rig,
                images=images,
                occupancy=occupancy,
                grid=grid,
                truth=vehicle_raster(keyframe.boxes, grid) if keyframe.annotated else None,
                boxes=keyframe.boxes,
                points=points,
                lidar_origin=np.zeros(3) if scan is None else scan.pose.translation,
                title=scene,
            )

    return count, frames()


def _asked(
    reader: NuScenesReader, scene: str, ask: MomentAsker, begin: int, left_out: LeftOut
) -> Iterator[FilmFrame]:
    """Every answer of each keyframe, from one on."""
    from ..evaluation.moments import placed_returns
    from ..visualization.film import FilmFrame

    first = max(0, begin - _REMEMBERED)
    for place, keyframe in enumerate(itertools.islice(reader.keyframes(scene), first, None), first):
        shown = place >= begin
        images, returns = {}, None
        for name, shot in keyframe.cameras.items():
            try:
                images[name] = shot.encoded()
            except DatasetError as error:
                if shown:
                    left_out.item(error)
        try:
            if keyframe.lidar is not None:
                returns = placed_returns(keyframe.lidar.points(), keyframe.lidar.pose)
        except DatasetError as error:
            if shown:
                left_out.item(error)
        moment = ask(keyframe.stamp, keyframe.rig, images, returns, keyframe.ego, shown)
        if moment is not None:
            yield FilmFrame(
                keyframe.stamp, keyframe.rig, images, moment.vehicles, moment.grid, title=scene, moment=moment
            )
