"""Cameras' responses: each step does to known pictures what it says, and nothing moves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from lss_bev_ros.synthetic.develop import developed, respond
from lss_bev_ros.synthetic.realism import ResponseRanges
from lss_bev_ros.synthetic.response import Response, draw_response

IDEAL = {
    "gain": np.ones((1, 3)), "blur": 0, "motion": 0, "angle": 0, "shot": 0, "read": 0, "mosaic": 0,
    "gamma": 1, "contrast": 0, "black": 0, "saturation": 1, "sharpening": 0, "vignette": 0, "glare": 0,
    "bloom": 0, "flare": 0, "quality": 100, "on": 1, "readout": 0,
}  # fmt: skip


def response(**changes):
    """Of one picture: that of an ideal camera, changed."""
    values = {**IDEAL, **changes}
    return Response(**{k: np.asarray(v, np.float32).reshape(1, *np.shape(v)[1:]) for k, v in values.items()})


def taken(picture, **changes):
    image = torch.from_numpy(picture)[None]
    return respond(image, response(**changes), np.array([5]))[0].numpy()


@pytest.fixture
def street():
    """A picture with areas, details, and colours that are less detailed, as in the open."""
    rng = np.random.default_rng(0)
    grey = cv2.resize(rng.uniform(50, 200, (12, 20, 1)), (128, 72), interpolation=cv2.INTER_CUBIC)
    colour = cv2.resize(rng.uniform(-25, 25, (3, 4, 3)), (128, 72), interpolation=cv2.INTER_CUBIC)
    return np.clip(grey[..., None] + colour, 0, 255).astype(np.uint8)


def test_a_camera_without_response_gives_the_same_bytes(street):
    assert (taken(street, on=0, gain=np.full((1, 3), 3.0), read=0.5) == street).all()


def test_an_ideal_camera_changes_next_to_nothing(street):
    assert np.abs(taken(street).astype(int) - street).mean() < 1.0


def test_a_stop_doubles_the_light(street):
    grey = np.full_like(street, 100)
    brighter = taken(grey, gain=np.full((1, 3), 2.0))
    assert abs(brighter[36, 64].mean() - 100 * 2 ** (1 / 2.2)) < 2
    warm = taken(grey, gain=np.array([[1.2, 1.0, 0.8]]))[36, 64].astype(int)
    assert warm[0] > warm[1] > warm[2]


def test_noise_has_the_variance_of_photons_and_electronics():
    grey = np.full((64, 96, 3), 128, np.uint8)
    light = (128 / 255) ** 2.2
    for shot, read in ((0.05, 0.0), (0.0, 0.01), (0.05, 0.01)):
        noisy = (taken(grey, shot=shot, read=read) / 255.0) ** 2.2
        # Of luminance, since JPEG keeps no fine colours.
        weights = np.array([0.299, 0.587, 0.114])
        expected = np.sqrt((shot**2 * light + read**2) * (weights**2).sum())
        assert (noisy @ weights).std() == pytest.approx(expected, rel=0.1)
        assert noisy.mean() == pytest.approx(light, rel=0.01)


def test_noise_depends_on_the_seed_alone(street):
    pictures = torch.from_numpy(np.stack([street, street]))
    both = Response.of_table(np.repeat(response(shot=0.05).table, 2, 0))
    one, two = respond(pictures, both, np.array([1, 2]))
    assert (one != two).any()
    again = respond(pictures[:1], both[0], np.array([1]))[0]
    assert (again == one).all()


def test_a_mosaic_keeps_grey_and_blurs_colour(street):
    grey = np.repeat(street[..., :1], 3, 2)
    assert np.abs(taken(np.full_like(street, 90), mosaic=1).astype(int) - 90).max() <= 1
    coloured = taken(street, mosaic=1).astype(int)
    assert np.abs(coloured - street).mean() < 6
    assert np.abs(taken(grey, mosaic=1).astype(int) - grey).mean() < 6


def test_blur_and_motion_spread_a_point_without_moving_it():
    point = np.zeros((41, 61, 3), np.uint8)
    point[20, 30] = 255
    for changes, wide in (({"blur": 1.2}, (1.2, 1.2)), ({"motion": 6.0}, (6 / np.sqrt(12), 0.25))):
        light = (taken(point, **changes)[..., 1] / 255.0) ** 2.2
        v, u = np.mgrid[:41, :61]
        assert light.sum() == pytest.approx(1.0, rel=0.1)
        assert (light * u).sum() / light.sum() == pytest.approx(30, abs=0.05)
        assert (light * v).sum() / light.sum() == pytest.approx(20, abs=0.05)
        spread = np.sqrt((light * (u - 30) ** 2).sum() / light.sum())
        assert spread == pytest.approx(wide[0], abs=0.35)


def test_a_lamp_blooms_around_itself_and_flares_across_the_middle():
    night = np.full((96, 160, 3), 20, np.uint8)
    night[20:26, 30:36] = 255
    halo = taken(night, bloom=0.5).astype(int) - taken(night)
    assert halo[23, 42].min() > 3
    assert halo[70, 120].max() <= 1
    ghost = taken(night, flare=0.5).astype(int) - taken(night)
    assert ghost[73, 127].max() > 3
    assert np.abs(ghost[23, 80]).max() <= 2
    assert (taken(np.full_like(night, 128), bloom=0.5, flare=0.5) == taken(np.full_like(night, 128))).all()


def test_jpeg_loses_what_opencv_s_loses(street):
    for quality in (50, 75, 90):
        ours = taken(street, quality=quality).astype(int)
        _, data = cv2.imencode(".jpg", street[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        theirs = cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)
        lost = np.abs(theirs - street).mean()
        assert np.abs(ours - street).mean() == pytest.approx(lost, rel=0.25)
        assert np.abs(ours - theirs).mean() < 0.6 * lost + 0.5


def test_cameras_of_one_car_are_of_one_make():
    ranges = replace(ResponseRanges(), chance=1.0)
    drawn = draw_response(ranges, 6, np.random.default_rng(1))
    assert np.ptp(drawn.gamma) == np.ptp(drawn.quality) == 0
    assert np.ptp(np.log2(drawn.gain[:, 1])) < 0.25 * (1.8 + 0.24) + 1e-6
    off = draw_response(ResponseRanges(), 6, np.random.default_rng(1))
    assert not off.on.any()
    assert (Response.of_table(drawn.table).table == drawn.table).all()


def test_pictures_of_files_are_blue_green_red(street):
    warm = response(gain=np.array([[2.0, 1.0, 0.5]]))
    image = developed(np.full((16, 24, 3), 100, np.uint8), warm, 1)
    assert image[8, 12, 0] < 100 < image[8, 12, 2]
