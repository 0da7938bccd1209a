"""Films show every frame, the same from a data set as from a bag of it, and are whole or not there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lss_bev_ros.bags.convert import convert
from lss_bev_ros.bags.frames import film_frames
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import EvaluationError, RosError
from lss_bev_ros.geometry import BevGrid, Rig, vehicle_raster
from lss_bev_ros.visualization import palette
from lss_bev_ros.visualization.film import FilmFrame, FilmPainter
from lss_bev_ros.visualization.video import write_film, write_still

GRID = BevGrid()


@pytest.fixture(scope="module")
def converted(street, tmp_path_factory):
    (bag,) = convert(NuScenesReader(street), tmp_path_factory.mktemp("film") / "bags").bags
    return bag


def predicted(stamp: int) -> np.ndarray:
    """Cells that only depend on the time, in place of a network's."""
    return np.random.default_rng(stamp).integers(-1, 101, GRID.shape).astype(np.int8)


def of_dataset(street) -> list[FilmFrame]:
    return [
        FilmFrame(
            stamp=keyframe.stamp,
            rig=keyframe.rig,
            images={name: shot.jpeg() for name, shot in keyframe.cameras.items()},
            occupancy=predicted(keyframe.stamp),
            grid=GRID,
            truth=vehicle_raster(keyframe.boxes, GRID),
            boxes=keyframe.boxes,
            points=keyframe.lidar.pose.apply(keyframe.lidar.points()[:, :3]),
            lidar_origin=keyframe.lidar.pose.translation,
            title="Lift-Splat-Shoot",
        )
        for keyframe in NuScenesReader(street).keyframes("scene-0001")
    ]


def moving(count: int, width: int = 320) -> list[np.ndarray]:
    """Pictures that differ all over, so that none of a film can be left out unnoticed."""
    rows = np.arange(width * 9 // 16)[:, None, None]
    columns = np.arange(width)[None, :, None]
    channels = np.array([1, 2, 3])
    return [((rows * 2 + columns + 40 * k) * channels % 256).astype(np.uint8) for k in range(count)]


def noisy(count: int) -> list[np.ndarray]:
    """Pictures that no compression makes smaller, so that bytes go with the area."""
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (180, 320, 3), dtype=np.uint8) for _ in range(count)]


def test_a_bag_shows_the_same_as_its_data_set(street, converted):
    count, frames = film_frames(converted, lambda stamp, rig, images: (predicted(stamp), GRID))
    of_bag, expected = list(frames), of_dataset(street)
    assert count == len(of_bag) == len(expected)
    one, other = FilmPainter(640), FilmPainter(640)
    for got, wanted in zip(of_bag, expected, strict=True):
        assert got.stamp == wanted.stamp
        assert got.images == dict(wanted.images)
        assert got.rig.names == wanted.rig.names
        np.testing.assert_array_equal(got.truth, wanted.truth)
        np.testing.assert_allclose(got.points, wanted.points, atol=1e-4)
        assert len(got.boxes) == len(wanted.boxes)
        difference = np.abs(one.paint(got).astype(int) - other.paint(wanted))
        assert (difference > 8).mean() < 1e-3


def test_a_bag_without_predictions_says_what_to_do(converted):
    with pytest.raises(RosError, match="no bev/occupancy; give --weights"):
        film_frames(converted)


def test_a_lost_camera_and_a_missing_scan_leave_their_place_empty(street):
    frame = of_dataset(street)[0]
    bare = FilmFrame(frame.stamp, Rig(()), {"cam_front": b"no JPEG"}, frame.occupancy, GRID)
    picture = FilmPainter(640).paint(bare)
    assert picture.shape == (360, 640, 3)
    assert (picture == palette.PANEL).all(axis=-1).mean() > 0.2


@pytest.mark.parametrize("width", [320, 641, 1280])
def test_both_sides_of_a_picture_are_even(street, width):
    height, wide, channels = FilmPainter(width).paint(of_dataset(street)[0]).shape
    assert height % 2 == wide % 2 == 0
    assert channels == 3
    assert abs(wide - width) <= 1


def test_an_mp4_holds_every_picture_in_a_form_that_browsers_play(tmp_path):
    av = pytest.importorskip("av")
    pictures = moving(7)
    assert write_film(tmp_path / "film.mp4", pictures, fps=4) == 7
    with av.open(str(tmp_path / "film.mp4")) as file:
        (stream,) = file.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == 4
        decoded = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert len(decoded) == 7
    for got in decoded:
        distances = [np.abs(got.astype(int) - picture).mean() for picture in pictures]
        assert got.shape == pictures[0].shape
        assert min(distances) < 40
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index is in front, so that it streams"


def test_a_gif_holds_every_picture_and_fits(tmp_path):
    assert write_film(tmp_path / "film.gif", noisy(2), fps=10) == 2
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 2
        assert film.info["duration"] == 100
        assert film.info["loop"] == 0
        full = film.size
    limit = (tmp_path / "film.gif").stat().st_size * 3 // 4
    write_film(tmp_path / "small.gif", noisy(2), fps=10, max_bytes=limit)
    assert (tmp_path / "small.gif").stat().st_size <= limit
    with Image.open(tmp_path / "small.gif") as film:
        assert film.n_frames == 2
        assert film.size[0] < full[0]


def test_a_gif_that_cannot_fit_is_not_written(tmp_path):
    with pytest.raises(EvaluationError, match="2 pictures do not fit into 1000 bytes"):
        write_film(tmp_path / "film.gif", noisy(2), fps=10, max_bytes=1000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_film_that_breaks_off_leaves_nothing(tmp_path, name):
    def pictures():
        yield moving(1)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_film(tmp_path / name, pictures(), fps=4)
    with pytest.raises(EvaluationError, match="no frame to draw"):
        write_film(tmp_path / name, [], fps=4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["still.jpg", "still.png"])
def test_a_still_is_the_picture(tmp_path, name):
    picture = np.repeat(np.repeat(moving(1)[0][::8, ::8], 8, axis=0), 8, axis=1)
    write_still(tmp_path / name, picture)
    with Image.open(tmp_path / name) as image:
        assert np.abs(np.asarray(image).astype(int) - picture).mean() < 20


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "lss_bev_ros.cli", "render", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_films_a_scene(street, tmp_path):
    out = tmp_path / "film.gif"
    result = run(street, out, "--weights", "seed:0", "--size", 320, "--limit", 2)
    assert result.returncode == 0, result.stderr
    with Image.open(out) as film:
        assert film.n_frames == 2
        assert film.size == (320, 180)


@pytest.fixture(scope="module")
def damaged(street, tmp_path_factory):
    """The scene with all images of its second frame and one of its third of another size than calibrated."""
    root = tmp_path_factory.mktemp("damaged") / "street"
    shutil.copytree(street, root)
    _, second, third, *_ = NuScenesReader(root).keyframes("scene-0001")
    small = cv2.imencode(".jpg", np.zeros((90, 160, 3), np.uint8))[1].tobytes()
    for shot in (*second.cameras.values(), third.cameras["cam_back"]):
        shot.path.write_bytes(small)
    return root


@pytest.mark.parametrize("kind", ["data set", "bag"])
def test_a_film_goes_on_where_all_images_of_a_frame_are_damaged(damaged, street, tmp_path, kind):
    from lss_bev_ros.cli import app

    frames = NuScenesReader(street).count_keyframes("scene-0001")
    source = damaged
    if kind == "bag":
        (source,) = convert(NuScenesReader(damaged), tmp_path / "bags").bags
    out = tmp_path / "film.gif"
    words = ["render", str(source), str(out), "--weights", "seed:0", "--size", "320"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1, result.output
    with Image.open(out) as film:
        assert film.n_frames == frames - 1
    said = " ".join(result.output.split())
    assert "none of its images can be used" in said
    assert "left out cam_back: " in said
    assert "left out, since they cannot be read: frames: 1, images or scans: 1" in said


def test_a_still_of_a_damaged_frame_is_refused_where_it_was_asked_for(damaged, tmp_path):
    from lss_bev_ros.cli import app

    words = ["render", str(damaged), str(tmp_path / "still.png"), "--weights", "seed:0", "--size", "320"]
    result = CliRunner().invoke(app, [*words, "--frame", "1"])
    assert isinstance(result.exception, EvaluationError)
    assert "no image of this frame can be read; choose another --frame" in str(result.exception)


def test_a_picture_whose_header_is_beyond_all_sizes_is_drawn_as_none(street):
    frame = of_dataset(street)[0]
    jpeg = bytearray(frame.images["cam_front"])
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = (65500).to_bytes(2, "big") * 2
    images = {**frame.images, "cam_front": bytes(jpeg)}
    shown = FilmPainter(320).paint(replace(frame, images=images))
    without = FilmPainter(320).paint(replace(frame, images={**images, "cam_front": b""}))
    assert np.array_equal(shown, without)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("{street}", "{out}/film.avi"), "a film ends with .mp4, .gif; a still with .jpg"),
        (("/nowhere", "{out}/film.mp4"), "no such folder"),
        (("{street}", "{out}/film.mp4", "--weights", "recorded"), "needs a bag"),
        (("{bag}", "{out}/film.mp4"), "no bev/occupancy; give --weights"),
        (("{street}", "/proc/film.mp4"), "/proc"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(street, converted, tmp_path, arguments, told):
    result = run(*(each.format(street=street, bag=converted, out=tmp_path) for each in arguments))
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert list(tmp_path.iterdir()) == []
