"""A camera whose transform cannot be right is named and costs its own sector alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.geometry import CAMERA_NAMES, Camera, Pose, Rig
from lss_bev_ros.nodes.calibration import RigReading
from lss_bev_ros.nodes.rig_watch import RigWatch
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.sensors import mounts

MOUNTED = {mount.channel.lower(): mount for mount in mounts(WorldConfig(), np.random.default_rng(0))[0]}
CAMERAS = tuple(
    Camera(name, MOUNTED[name].intrinsics, 1600, 900, MOUNTED[name].pose) for name in CAMERA_NAMES
)

BODY = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3))
"""Optical axes in a frame of x forward and z up."""


def reading(**poses: Pose) -> RigReading:
    cameras = tuple(
        replace(camera, pose=poses[camera.name]) if camera.name in poses else camera for camera in CAMERAS
    )
    return RigReading(Rig(cameras), mounts={camera.name: camera.pose for camera in cameras})


def test_a_good_rig_passes_as_it_is_and_is_looked_at_once():
    watch, good = RigWatch(), reading()
    verdict = watch(good)
    assert verdict.rig is good.rig
    assert not verdict.problems
    assert not verdict.warnings
    assert watch(good) is verdict


def test_a_transform_in_the_wrong_direction_costs_its_camera_alone():
    watch, wrong = RigWatch(), reading(cam_back=MOUNTED["cam_back"].pose.inverse())
    verdict = watch(wrong)
    assert set(verdict.problems) == {"cam_back"}
    assert "cam_back" in verdict.problems["cam_back"]
    assert "wrong direction" in verdict.problems["cam_back"]
    assert verdict.rig.names == tuple(name for name in CAMERA_NAMES if name != "cam_back")
    # Tables are kept for a rig: the same one comes back while nothing changes.
    assert watch(wrong).rig is verdict.rig
    assert watch(reading()).rig.names == CAMERA_NAMES


def test_a_camera_that_looks_at_the_sky_is_named():
    up = Pose(np.diag([1.0, -1.0, -1.0]) @ np.diag([1.0, -1.0, -1.0]), np.array([1.7, 0.0, 1.5]))
    verdict = RigWatch()(reading(cam_front=up))
    assert "sky" in verdict.problems["cam_front"]


def test_what_is_asked_not_to_be_left_out_is_warned_of():
    verdict = RigWatch(leave_out=False)(reading(cam_back=MOUNTED["cam_back"].pose.inverse()))
    assert verdict.rig.names == CAMERA_NAMES
    assert any("cam_back" in line for line in verdict.warnings)


def test_where_most_cameras_seem_wrong_none_is_left_out():
    mirrored = {}
    for name in CAMERA_NAMES:
        pose = MOUNTED[name].pose
        flip = np.diag([1.0, -1.0, 1.0])
        mirrored[name] = Pose(flip @ pose.rotation @ np.diag([-1.0, 1.0, 1.0]), flip @ pose.translation)
    verdict = RigWatch()(reading(**mirrored))
    assert verdict.rig.names == CAMERA_NAMES
    assert any("mirrored" in line for line in verdict.warnings)


def test_where_most_cameras_are_wrong_the_rig_is_hopeless():
    far = {name: Pose(MOUNTED[name].pose.rotation, MOUNTED[name].pose.translation * 1000) for name in MOUNTED}
    poses = {name: far[name] for name in CAMERA_NAMES}
    assert RigWatch()(reading(**poses)).hopeless
    assert not RigWatch(leave_out=False)(reading(**poses)).hopeless
    assert not RigWatch()(reading(cam_back=far["cam_back"])).hopeless


@pytest.mark.parametrize(("factor", "unit"), [(1000, "millimetres"), (100, "centimetres")])
def test_the_unit_of_a_translation_is_told(factor, unit):
    for name in CAMERA_NAMES:
        pose = MOUNTED[name].pose
        verdict = RigWatch()(reading(**{name: Pose(pose.rotation, pose.translation * factor)}))
        assert f"its translation is in {unit}" in verdict.problems[name]
        assert f"by {factor}" in verdict.problems[name]


@pytest.mark.parametrize("name", CAMERA_NAMES)
def test_a_camera_at_the_origin_of_the_base_frame_is_in_the_road(name):
    """As where its transform was never measured, or its camera_info names the base frame."""
    origin = Pose(np.eye(3), np.zeros(3))
    taken = Camera(
        name, MOUNTED[name].intrinsics, 1600, 900, origin @ BODY
    )  # as camera_frames: auto reads it
    cameras = tuple(taken if camera.name == name else camera for camera in CAMERAS)
    mounts = {camera.name: camera.pose for camera in cameras} | {name: origin}
    verdict = RigWatch()(RigReading(Rig(cameras), mounts=mounts))
    assert "in or below the road" in verdict.problems[name]
