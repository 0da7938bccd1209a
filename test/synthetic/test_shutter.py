"""A rolling shutter moves the rows of a picture as the car moves while they are read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.geometry import Pose
from lss_bev_ros.synthetic.realism import REALISTIC, ResponseRanges
from lss_bev_ros.synthetic.response import draw_response
from lss_bev_ros.synthetic.shutter import motions_of, rolled

HEIGHT, WIDTH, FOCAL = 81, 160, 100.0
LENS = np.array([FOCAL, FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2])
READOUT = 0.03
SIDE = Pose(np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), np.array([1.0, 0.5, 1.5]))
"""Looks to the left of the car: the car's way is the picture's right."""
AHEAD = Pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([1.5, 0.0, 1.5]))
POLE = 8.0
"""Metres to it."""


@pytest.fixture
def pole():
    """A white pole before a grey wall 80 m away, and their nearness."""
    image, near = np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.full((HEIGHT, WIDTH), 1 / 80, np.float32)
    image[:, 78:82], near[:, 78:82] = 255, 1 / POLE
    return image, near


def read_out(image, near, car, camera=SIDE, readout=READOUT):
    motion = motions_of(car, 3.0, [camera])[0]
    parts = (image, near, LENS, motion, np.float32(readout))
    return rolled(*(torch.from_numpy(np.asarray(part))[None] for part in parts))[0].numpy()


def middles(image):
    """(H,) column of the pole's middle in each row."""
    white = image[..., 0].astype(float) - 90.0
    return (white * np.arange(WIDTH)).sum(1) / white.sum(1)


def driving(speed):
    return lambda time: Pose.from_yaw(0.4, (speed * time * np.cos(0.4), speed * time * np.sin(0.4), 0.2))


@pytest.mark.parametrize("speed", [5.0, 12.0, -3.0])
def test_a_pole_at_the_side_leans_by_speed_times_readout(pole, speed):
    """From its first row to its last it moves by that many metres, seen at its distance."""
    columns = middles(read_out(*pole, driving(speed)))
    lean = columns[-1] - columns[0]
    assert lean == pytest.approx(-speed * READOUT / POLE * FOCAL, abs=0.1)
    # The middle row is the picture's own instant, and the pole stays straight and as wide.
    assert columns[HEIGHT // 2] == pytest.approx(79.5, abs=0.1)
    straight = np.linspace(columns[0], columns[-1], HEIGHT)
    assert np.abs(columns - straight).max() < 0.6


def test_what_is_far_leans_less_and_stays_behind(pole):
    image, near = pole
    image[:, 20:24] = 200
    rows = read_out(image, near, driving(12.0))
    far = rows[:, 10:40, 0].astype(float) - 90.0
    columns = (far * np.arange(10, 40)).sum(1) / far.sum(1)
    assert columns[-1] - columns[0] == pytest.approx(-12.0 * READOUT / 80.0 * FOCAL, abs=0.1)
    assert (rows[:, 60:100].max((1, 2)) > 240).all()


def test_a_turning_car_shears_near_and_far_alike(pole):
    image, near = pole
    image[:, 20:24] = 255
    image[:, 78:82] = 90
    near[:] = 0.0
    rate = 0.5
    columns = middles(read_out(image, near, lambda time: Pose.from_yaw(rate * time)))
    x = (21.5 - LENS[2]) / FOCAL
    # It turns to the left, so what it sees goes to the right.
    assert columns[-1] - columns[0] == pytest.approx(rate * READOUT * FOCAL * (1 + x * x), abs=0.3)


def test_ahead_what_is_low_comes_nearer_and_what_is_high_was_farther(pole):
    image, near = pole
    near[:] = 1 / 10
    image[:] = 90
    image[10:12], image[69:71] = 255, 255
    rows = read_out(image, near, driving(20.0), AHEAD).astype(float)[:, 80, 0] - 90
    high, low = (
        (rows[part] * np.arange(HEIGHT)[part]).sum() / rows[part].sum()
        for part in (slice(0, 40), slice(40, 81))
    )
    for row, before in ((high, 10.5), (low, 69.5)):
        late = (before / (HEIGHT - 1) - 0.5) * READOUT
        moved = (before - LENS[3]) * 20.0 / 10 * late
        assert row - before == pytest.approx(moved, abs=0.1)


def test_without_motion_or_readout_pictures_are_the_same_bytes(pole):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    near = rng.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    assert (read_out(image, near, driving(0.0)) == image).all()
    assert (read_out(image, near, driving(9.0), readout=0.0) == image).all()


def test_shutters_are_global_unless_asked_for():
    rng = np.random.default_rng(0)
    assert not draw_response(ResponseRanges(chance=1.0), 6, rng).readout.any()
    readout = np.stack([draw_response(REALISTIC.response, 6, rng).readout for _ in range(50)])
    assert (readout == readout[:, :1]).all()
    assert 0.02 < readout.max() < 0.034
