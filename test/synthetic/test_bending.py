"""Pictures of cameras with lenses are those of the world, bent, and the tables say how."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lss_bev_ros.geometry import Camera, Lens, Pose
from lss_bev_ros.synthetic import synthesize
from lss_bev_ros.synthetic.bending import LENSES, Bending, lenses_of

K = np.array([[316.0, 0.0, 204.0], [0.0, 316.0, 122.0], [0.0, 0.0, 1.0]])
SIZE = (400, 225)


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
def test_a_drawn_point_moves_to_where_the_lens_images_it(lens):
    bending = Bending.of(K, *SIZE, lens)
    camera = Camera("cam", K, *SIZE, Pose.identity(), lens)
    for point in ([0.0, 0.0, 1.0], [0.3, -0.15, 1.0], [-0.45, 0.2, 1.0]):
        straight, bent = camera.straight.image(np.array(point)), camera.image(np.array(point))
        u, v = np.meshgrid(np.arange(bending.width), np.arange(bending.height))
        u, v = u - straight[0] - bending.left, v - straight[1] - bending.top
        spot = (255 * np.exp(-(u**2 + v**2) / 18)).astype(np.uint8)
        found = bending.bend(np.repeat(spot[..., None], 3, axis=2))[..., 0].astype(float)
        rows, columns = np.indices(found.shape)
        centre = np.array([(columns * found).sum(), (rows * found).sum()]) / found.sum()
        np.testing.assert_allclose(centre, bent, atol=0.15)


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
def test_the_whole_picture_of_a_lens_is_drawn(lens):
    bending = Bending.of(K, *SIZE, lens)
    white = np.full((bending.height, bending.width, 3), 255, np.uint8)
    assert bending.bend(white).min() == 255


def test_numbers_of_actors_are_picked_and_not_mixed():
    bending = Bending.of(K, *SIZE, LENSES["plumb_bob"])
    ids = np.arange(2 * bending.height * 2 * bending.width, dtype=np.int32)
    ids = ids.reshape(2 * bending.height, 2 * bending.width)
    picked = bending.pick(ids, -1)
    assert picked.shape == (2 * SIZE[1], 2 * SIZE[0])
    rows, columns = np.divmod(picked, 2 * bending.width)
    # Samples lie a quarter of a pixel from the middle of theirs.
    np.testing.assert_allclose(columns[::2, ::2], bending.map[..., 0] * 2, atol=1.6)
    np.testing.assert_allclose(rows[::2, ::2], bending.map[..., 1] * 2, atol=1.6)


def test_a_mixed_rig_has_every_lens_and_a_pinhole():
    assert {lens.model for lens in lenses_of("mixed").values()} == {"pinhole", *LENSES}
    assert lenses_of("") == {}


def test_a_data_set_says_its_lenses_and_shows_the_same_scene(tmp_path):
    plain = synthesize(tmp_path / "plain", 1, 0.5, image_scale=0.25)
    bent = synthesize(tmp_path / "bent", 1, 0.5, image_scale=0.25, lens="plumb_bob")
    tables = {
        root.name: json.loads((root / "v1.0-mini" / "calibrated_sensor.json").read_text())
        for root in (plain, bent)
    }
    assert not any("camera_distortion" in row for row in tables["plain"])
    for row in tables["bent"]:
        if row["camera_intrinsic"]:
            lens = Lens(row["camera_distortion_model"], tuple(row["camera_distortion"]))
            assert lens == LENSES["plumb_bob"]
    path = next((plain / "samples" / "CAM_FRONT").glob("*.jpg"))
    first, second = (cv2.imread(str(root / path.relative_to(plain))) for root in (plain, bent))
    assert first.shape == second.shape
    k = np.array(tables["plain"][0]["camera_intrinsic"])
    camera = Camera("cam", k, first.shape[1], first.shape[0], Pose.identity(), LENSES["plumb_bob"])
    pixels = np.stack(np.meshgrid(np.arange(first.shape[1]), np.arange(first.shape[0])), axis=-1)
    places = camera.image(camera.straight.rays(pixels)).astype(np.float32)
    straightened = cv2.remap(second, places, None, cv2.INTER_LINEAR)
    # As bright as before in the middle and at the edges: vignetting is not that of the wider picture drawn.
    outer = np.hypot(*((pixels / first.shape[1::-1] - 0.5) * 2).transpose(2, 0, 1)) > 0.9
    for part in (outer, ~outer):
        assert abs(straightened[part].mean() - first[part].mean()) < 0.4
    # Blurred, since the grain is bent too.
    before, bent_still, straight = (
        cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2)[4:-4, 4:-4]
        for picture in (first, second, straightened)
    )
    assert np.abs(straight - before).mean() < 0.5 * np.abs(bent_still - before).mean()


def test_an_unknown_lens_is_named(tmp_path):
    from lss_bev_ros.errors import DatasetError

    with pytest.raises(DatasetError, match=r"lens must be one of plumb_bob.*got 'round'"):
        synthesize(tmp_path / "set", 1, 0.5, lens="round")
