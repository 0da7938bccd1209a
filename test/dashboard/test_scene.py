from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dashboard.scene import Scene
from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import BevGrid

S = 1_000_000_000
GRID = BevGrid()
CELLS = np.zeros(GRID.shape, np.int8)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_nothing_is_shown_before_something_came():
    assert Scene(["a"]).compose() is None


@given(
    stamps=st.lists(st.integers(0, 4 * S), min_size=1, max_size=20, unique=True).map(sorted),
    wanted=st.integers(0, 4 * S),
)
def test_a_grid_is_shown_with_the_image_nearest_to_it_in_time(stamps, wanted):
    scene = Scene(["a", "b"], slop=0.15)
    for stamp in stamps:
        scene.add_image("a", stamp, b"%d" % stamp)
    scene.add_prediction(wanted, CELLS, GRID)
    frame = scene.compose()
    nearest = min(abs(stamp - wanted) for stamp in stamps)
    assert "b" not in frame.images
    if nearest <= 0.15 * S:
        assert abs(int(frame.images["a"]) - wanted) == nearest
    else:
        assert not frame.images


def test_a_slow_network_is_shown_with_the_images_it_saw():
    scene = Scene(["a"])
    for k in range(60):  # five seconds of a 12 Hz camera
        scene.add_image("a", k * S // 12, b"%d" % k)
    scene.add_prediction(20 * S // 12, CELLS, GRID)
    assert scene.compose().images["a"] == b"20"


def test_images_without_a_grid_are_shown_after_a_while():
    clock, changes = Clock(), []
    scene = Scene(["a"], clock=clock)
    scene.on_change = lambda: changes.append(clock.now)
    scene.add_image("a", 0, b"first")
    assert scene.compose() is None
    clock.now += 1.5
    scene.add_image("a", S, b"second")
    assert changes == [clock.now]
    frame = scene.compose()
    assert frame.images["a"] == b"second"
    assert frame.occupancy is None


def test_a_grid_that_stops_coming_is_no_longer_shown():
    clock = Clock()
    scene = Scene(["a"], clock=clock)
    scene.add_prediction(0, CELLS, GRID)
    for k in range(1, 20):
        clock.now += 0.5
        scene.add_image("a", k * S // 2, b"image")
    frame = scene.compose()
    assert frame.occupancy is None
    assert frame.stamp == 19 * S // 2


def test_a_paused_replay_keeps_its_grid():
    clock = Clock()
    scene = Scene(["a"], clock=clock)
    scene.add_image("a", 0, b"image")
    scene.add_prediction(0, CELLS, GRID)
    clock.now += 3600.0
    assert scene.compose().occupancy is CELLS


def test_a_recording_that_starts_again_is_followed():
    scene = Scene(["a"])
    scene.add_image("a", 50 * S, b"end")
    scene.add_image("a", 1 * S, b"start")
    scene.add_prediction(1 * S, CELLS, GRID)
    assert scene.compose().images["a"] == b"start"


def test_what_comes_after_its_grid_is_shown_with_it_and_what_came_before_brings_no_frame():
    """So that the last frame before a pause has its truth, however fast the network is."""
    changes, truth = [], np.zeros(GRID.shape, bool)
    scene = Scene(["a"])
    scene.on_change = lambda: changes.append(scene.compose().stamp)
    scene.add_truth(1 * S, truth, GRID)
    scene.add_prediction(1 * S, CELLS, GRID)
    scene.add_prediction(2 * S, CELLS, GRID)
    assert scene.compose().truth is None
    scene.add_points(3 * S, np.zeros((1, 3), np.float32))
    assert changes == [1 * S, 2 * S]
    scene.add_truth(2 * S, truth, GRID)
    scene.add_boxes(2 * S, ())
    scene.add_points(2 * S, np.zeros((1, 3), np.float32))
    assert changes == [1 * S] + [2 * S] * 4
    assert scene.compose().truth is truth


def test_annotations_on_another_grid_are_left_out():
    scene = Scene(["a"])
    scene.add_truth(0, np.zeros((20, 20), bool), BevGrid(-5, 5, -5, 5, 0.5))
    scene.add_prediction(0, CELLS, GRID)
    assert scene.compose().truth is None


@pytest.mark.parametrize(
    ("shape", "resolution"),
    [((1001, 1000), 0.5), ((200, 200), 1e-3), ((200, 200), 1e6), ((1, 4001), 0.5)],
)
def test_a_grid_that_would_stop_the_page_is_refused_and_the_last_one_stays(shape, resolution):
    scene = Scene(["a"])
    scene.add_prediction(S, CELLS, GRID)
    nx, ny = shape
    grid = BevGrid(0.0, nx * resolution, 0.0, ny * resolution, resolution)
    with pytest.raises(GeometryError, match="is not drawn"):
        scene.add_prediction(2 * S, np.zeros(shape, np.int8), grid)
    with pytest.raises(GeometryError, match="is not drawn"):
        scene.add_truth(2 * S, np.zeros(shape, bool), grid)
    assert scene.compose().stamp == S


def test_cells_that_are_not_those_of_their_grid_are_refused():
    with pytest.raises(GeometryError):
        Scene(["a"]).add_prediction(S, CELLS[:-1], GRID)


def test_a_fine_grid_of_the_usual_size_is_drawn():
    scene = Scene(["a"])
    grid = BevGrid(resolution=0.1)
    scene.add_prediction(S, np.zeros(grid.shape, np.int8), grid)
    assert scene.compose().occupancy.shape == (1000, 1000)
