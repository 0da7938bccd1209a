"""A network that tells depths at a focal length sees the same picture alike through any camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import Camera, Pose, Rig
from lss_bev_ros.model import Calibration, ModelConfig, create_frustum, frustum_points

METRES = ModelConfig()
FOCAL = replace(METRES, focal=200.0)
AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
WHERE = np.array([1.5, 0.2, 1.6])


def calibration(*focals):
    """Cameras ahead with these focal lengths, full-image pixels."""
    lenses = [np.array([[f, 0, 800.0], [0, f, 450.0], [0, 0, 1]]) for f in focals]
    cameras = tuple(Camera(f"cam_{n}", k, 1600, 900, Pose(AHEAD, WHERE)) for n, k in enumerate(lenses))
    return Calibration.of_rig(Rig(cameras), METRES)


def test_by_default_depths_are_metres_in_every_camera():
    cameras = calibration(800.0, 1266.0)
    points = frustum_points(create_frustum(METRES), cameras, METRES)
    assert torch.equal(points, frustum_points(create_frustum(METRES), cameras))
    ahead = points[..., 0] - WHERE[0]
    torch.testing.assert_close(ahead[0], ahead[1])
    torch.testing.assert_close(ahead[0, 0], torch.full((8, 22), 4.0))


def test_depths_stretch_with_the_focal_length():
    """Input pixels are 0.22 of the full image's: at 200 / 0.22 they are metres, at twice that two."""
    exact = FOCAL.focal / 0.22
    points = frustum_points(create_frustum(FOCAL), calibration(exact, 2 * exact), FOCAL)
    ahead = points[..., 0] - WHERE[0]
    torch.testing.assert_close(ahead[0, 0], torch.full((8, 22), 4.0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ahead[1], 2 * ahead[0], rtol=1e-4, atol=1e-4)


def test_what_lies_beside_the_axis_stays_there():
    """A pixel's bins lie on its ray, whatever the depths mean."""
    for config in (METRES, FOCAL):
        points = frustum_points(create_frustum(config), calibration(1266.0), config)[0] - torch.tensor(WHERE)
        rays = points / points[..., :1]
        torch.testing.assert_close(rays[0], rays[-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("focal", [-1.0, float("inf"), float("nan")])
def test_a_focal_length_is_one(focal):
    with pytest.raises(ModelError, match="focal"):
        ModelConfig(focal=focal)
