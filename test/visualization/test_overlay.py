"""What is drawn into an image lies where the camera sees it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.geometry import BevGrid, Box, Camera, Lens, Pose
from lss_bev_ros.visualization import palette
from lss_bev_ros.visualization.overlay import CameraOverlay

GRID = BevGrid(-20.0, 20.0, -20.0, 20.0, 0.5)
SIZE = (400, 225)
INTRINSICS = np.array([[1266.0, 0.0, 816.0], [0.0, 1250.0, 491.0], [0.0, 0.0, 1.0]])
# Columns: where the optical axes x (right), y (down) and z (forward) point in base_link.
FORWARD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
BOX_EDGES = [(i, (i + 1) % 4) for i in range(4)] + [(i + 4, (i + 1) % 4 + 4) for i in range(4)]
BOX_EDGES += [(i, i + 4) for i in range(4)]
GREY = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)


def camera(yaw: float = 0.0, pitch: float = 0.0, height: float = 1.5) -> Camera:
    """A camera over the origin that looks along `yaw`, and down by `pitch`, radians."""
    c, s = np.cos(pitch), np.sin(pitch)
    down = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]]).T
    pose = Pose.from_yaw(yaw) @ Pose(FORWARD @ down, np.array([0.0, 0.0, height]))
    return Camera("cam_front", INTRINSICS, 1600, 900, pose)


def in_grey(cam: Camera, occupancy: np.ndarray | None, boxes=(), threshold: float = 0.5) -> np.ndarray:
    """What is drawn into a grey image."""
    return CameraOverlay(cam, GRID, SIZE).draw(GREY, occupancy, boxes, threshold)


cameras = st.builds(camera, st.floats(-3.1, 3.1), st.floats(-0.3, 0.8), st.floats(0.8, 3.0))
cells = st.tuples(st.integers(0, GRID.shape[0] - 1), st.integers(0, GRID.shape[1] - 1))


def one_cell(cell: tuple[int, int], percent: int = 100) -> np.ndarray:
    occupancy = np.zeros(GRID.shape, np.int8)
    occupancy[cell] = percent
    return occupancy


def ground_corners(cell: tuple[int, int]) -> np.ndarray:
    """(4, 3) corners of a cell in base_link."""
    low = np.array([GRID.x_min, GRID.y_min]) + np.array(cell) * GRID.resolution
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * GRID.resolution
    return np.column_stack([low + steps, np.zeros(4)])


def pixels_of(cam: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points lie in an image of SIZE, whole numbers being centres of pixels, and their depth."""
    pixels, depth = cam.project(points)
    return (pixels + 0.5) * np.array([SIZE[0] / cam.width, SIZE[1] / cam.height]) - 0.5, depth


def distance_outside(outline: np.ndarray, pixel: np.ndarray) -> float:
    return -cv2.pointPolygonTest(outline.astype(np.float32).reshape(-1, 1, 2), tuple(map(float, pixel)), True)


@settings(deadline=None, max_examples=30)
@given(cameras, cells)
def test_a_cell_is_drawn_where_the_camera_sees_its_ground(cam, cell):
    corners, depth = pixels_of(cam, ground_corners(cell))
    assume((depth > 0.5).all())
    drawn = np.argwhere(CameraOverlay(cam, GRID, SIZE).cell_image(one_cell(cell)))[:, ::-1]
    for pixel in drawn:
        assert distance_outside(corners, pixel) <= 1.1
    center, _ = pixels_of(cam, ground_corners(cell).mean(axis=0))
    if ((center >= 0) & (center <= np.array(SIZE) - 1)).all():
        assert np.abs(drawn - center).max(axis=1).min() <= 1.0


@settings(deadline=None, max_examples=30)
@given(cameras, cells)
def test_a_cell_beside_the_camera_covers_only_its_own_ground(cam, cell):
    corners = ground_corners(cell)
    _, depth = pixels_of(cam, corners)
    assume((depth < 0.5).any())
    drawn = np.argwhere(CameraOverlay(cam, GRID, SIZE).cell_image(one_cell(cell)))[:, ::-1]
    if (depth < 0).all():
        assert not len(drawn)
    for pixel in drawn:
        full = (pixel + 0.5) * np.array([cam.width, cam.height]) / SIZE - 0.5
        ray = cam.pose.rotation @ np.linalg.inv(cam.intrinsics) @ [*full, 1.0]
        assert ray[2] < 0, "drawn above the horizon"
        ground = cam.pose.translation + ray * (-cam.pose.translation[2] / ray[2])
        # So near to the camera a pixel is less than a few centimetres of ground.
        assert (np.abs(ground - corners.mean(axis=0))[:2] <= GRID.resolution / 2 + 0.05).all()


@settings(max_examples=30)
@given(st.integers(1, 100), st.floats(0.01, 1.0))
def test_a_cell_counts_from_the_threshold_on(percent, threshold):
    overlay = CameraOverlay(camera(), GRID, SIZE)
    values = set(np.unique(overlay.cell_image(one_cell((60, 40), percent), threshold)))
    assert values == ({0, percent} if percent / 100 >= threshold - 1e-6 else {0})


def test_unseen_cells_are_not_drawn():
    occupancy = np.full(GRID.shape, -1, np.int8)
    np.testing.assert_array_equal(in_grey(camera(), occupancy, threshold=0.0), GREY)


def test_the_more_certain_a_cell_the_less_shines_through():
    overlay = CameraOverlay(camera(), GRID, SIZE)
    place = tuple(np.argwhere(overlay.cell_image(one_cell((60, 40))))[0])
    left = []
    for percent in (50, 75, 100):
        bright, dark = (
            overlay.draw(np.full_like(GREY, value), one_cell((60, 40), percent))[place].astype(int)
            for value in (200, 0)
        )
        left.append((bright - dark).mean())
    assert left[0] > left[1] > left[2]
    assert left[0] == pytest.approx(150, abs=1.5)
    assert left[2] == pytest.approx(50, abs=1.5)


boxes = st.builds(
    lambda x, y, yaw, length: Box(
        Pose.from_yaw(yaw, (x, y, 0.8)), np.array([length, 1.8, 1.6]), "vehicle.car"
    ),
    st.floats(-20, 20),
    st.floats(-20, 20),
    st.floats(-3.1, 3.1),
    st.floats(1, 12),
)


@settings(deadline=None, max_examples=30)
@given(cameras, boxes)
def test_a_box_is_drawn_along_its_edges_in_front_of_the_camera(cam, box):
    drawn = np.argwhere((CameraOverlay(cam, GRID, SIZE).draw(GREY, None, [box]) != GREY).any(axis=-1))[
        :, ::-1
    ]
    corners = box.corners()
    bottom, top = corners[:4], corners[4:]
    starts = [*bottom, *top, *bottom, bottom.mean(axis=0)]
    ends = [*np.roll(bottom, -1, axis=0), *np.roll(top, -1, axis=0), *top, bottom[[0, 3]].mean(axis=0)]
    share = np.linspace(0, 1, 600)[:, None, None]
    points = (np.array(starts) * (1 - share) + np.array(ends) * share).reshape(-1, 3)
    pixels, depth = pixels_of(cam, points)
    pixels = pixels[depth > 0.3]
    inside = ((pixels > 0.5) & (pixels < np.array(SIZE) - 1.5)).all(axis=1)
    if inside.any():
        nearest = cv2.distanceTransform(
            _mask(drawn, value=0, otherwise=1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )
        at = np.round(pixels[inside]).astype(int)
        assert nearest[at[:, 1], at[:, 0]].max() <= 1.5
    elif not ((pixels > -2) & (pixels < np.array(SIZE) + 1)).all(axis=1).any():
        assert not len(drawn)


def _mask(pixels: np.ndarray, value: int, otherwise: int) -> np.ndarray:
    mask = np.full((SIZE[1], SIZE[0]), otherwise, np.uint8)
    mask[pixels[:, 1], pixels[:, 0]] = value
    return mask


def test_what_is_behind_the_camera_leaves_the_image_as_it_is():
    behind = Box(Pose.from_yaw(0.3, (-8.0, 0.5, 0.8)), np.array([4.0, 1.8, 1.6]), "vehicle.car")
    before = GREY.copy()
    picture = in_grey(camera(), one_cell((5, 40)), [behind])
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(GREY, before)
    assert picture is not GREY


def test_kinds_of_objects_have_their_colours():
    overlay = CameraOverlay(camera(), GRID, SIZE)
    for category, color in {
        "vehicle.car": palette.TRUTH,
        "human.pedestrian.adult": palette.PERSON,
        "movable_object.barrier": palette.OBJECT,
    }.items():
        box = Box(Pose.from_yaw(0.0, (8.0, 0.0, 0.8)), np.array([4.0, 1.8, 1.6]), category)
        picture = overlay.draw(GREY, None, [box]).astype(int)
        # Smoothed lines are mixed with what is below, nowhere beyond their own colour.
        strongest = picture.reshape(-1, 3)[np.abs(picture - 100).sum(axis=-1).argmax()]
        np.testing.assert_allclose(strongest, color, atol=40)


def test_other_shapes_are_refused():
    overlay = CameraOverlay(camera(), GRID, SIZE)
    with pytest.raises(EvaluationError, match="cam_front for 400x225 pixels"):
        overlay.draw(GREY[:-1])
    with pytest.raises(EvaluationError, match="cannot show"):
        overlay.draw(GREY, np.zeros((3, 3), np.int8))


LENSES = [
    Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03)),
    Lens("rational_polynomial", (0.5, -0.1, 0.0, 0.0, 0.01, 0.85, 0.02, 0.0)),
    Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
]


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.model)
def test_a_cell_is_drawn_on_the_ground_that_a_lens_bends(lens):
    cam = replace(camera(pitch=-0.5), lens=lens)
    cell = (46, 42)
    drawn = np.argwhere(CameraOverlay(cam, GRID, SIZE).cell_image(one_cell(cell)))[:, ::-1]
    assert len(drawn) > 50
    corners = ground_corners(cell)
    full = (drawn + 0.5) * np.array([cam.width, cam.height]) / SIZE - 0.5
    rays = cam.rays(full) @ cam.pose.rotation.T
    ground = cam.pose.translation + rays * (-cam.pose.translation[2] / rays[:, 2:])
    # A pixel's rounding is some centimetres of the ground there.
    assert (np.abs(ground - corners.mean(axis=0))[:, :2] <= GRID.resolution / 2 + 0.05).all()
    straight = np.argwhere(CameraOverlay(cam.straight, GRID, SIZE).cell_image(one_cell(cell)))
    assert not np.array_equal(drawn[:, ::-1], straight)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.model)
def test_the_edges_of_a_box_are_bent_as_the_lens_bends_them(lens):
    cam = replace(camera(), lens=lens)
    box = Box(Pose.from_yaw(0.6, (9.0, 3.5, 0.8)), np.array([6.0, 2.0, 2.2]), "vehicle.car")
    picture = in_grey(cam, None, [box])
    drawn = np.argwhere((picture != GREY).any(axis=-1))[:, ::-1]
    corners = box.corners()
    share = np.linspace(0, 1, 200)[:, None]
    lines = [corners[a] * (1 - share) + corners[b] * share for a, b in BOX_EDGES]
    lines.append(corners[:4].mean(axis=0) * (1 - share) + corners[[0, 3]].mean(axis=0) * share)
    expected, _ = pixels_of(cam, np.concatenate(lines))
    for pixel in drawn:
        assert np.abs(expected - pixel).max(axis=1).min() < 2.0


def test_what_is_beyond_a_lens_is_not_drawn():
    cam = replace(camera(), lens=Lens("plumb_bob", (-0.6, 0.0, 0.0, 0.0)))
    beside = Box(Pose.from_yaw(0.0, (2.0, 6.0, 0.8)), np.array([4.0, 2.0, 1.5]), "vehicle.car")
    np.testing.assert_array_equal(in_grey(cam, None, [beside]), GREY)
