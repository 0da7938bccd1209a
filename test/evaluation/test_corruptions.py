"""What goes wrong with sensors goes wrong by as much as it says, and is the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.corruptions import (
    CLEAN,
    IMAGE_CHANGES,
    SensedFrame,
    corruptions,
    shifted,
    stale,
    turned,
    with_images,
    without_camera,
    without_lidar,
    zoomed,
)
from lss_bev_ros.geometry import Pose
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig

RIG = nuscenes_like_rig()


def picture(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (12, 20, 3), np.uint8)
    return np.kron(coarse, np.ones((15, 16, 1), np.uint8))


FRAME = SensedFrame(
    stamp=7,
    rig=RIG,
    images={name: picture(k) for k, name in enumerate(RIG.names)},
    points=np.zeros((5, 4), np.float32),
    lidar=Pose.identity(),
    twist=np.array([10.0, 0.0, 0.2]),
)


def named(lidar=True):
    return {each.name: each for each in corruptions(RIG.names, lidar)}


def test_there_is_every_corruption_once_and_the_clean_frame_first():
    made = corruptions(RIG.names, lidar=True)
    assert made[0].name == CLEAN
    assert made[0].change(FRAME) is FRAME
    assert len({each.name for each in made}) == len(made) == 1 + 6 + 3 + 4 + 4 + 4 + 3 + 8 * 3
    assert "lidar lost" not in named(lidar=False)


def test_a_lost_sensor_costs_only_itself():
    lost = without_camera(FRAME, "cam_front")
    assert set(FRAME.images) - set(lost.images) == {"cam_front"}
    assert lost.rig is FRAME.rig
    assert without_lidar(FRAME).points is None
    few = named()["all but cam_front and cam_back lost"].change(FRAME)
    assert set(few.images) == {"cam_front", "cam_back"}
    assert named()["all cameras lost"].change(FRAME).images == {}
    assert "cam_front" in FRAME.images


@pytest.mark.parametrize("camera", RIG.cameras, ids=lambda camera: camera.name)
def test_calibrations_are_off_by_as_much_as_they_say(camera):
    turn = camera.pose.rotation.T @ turned(camera, 2.0).pose.rotation
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(2.0)
    assert turned(camera, 2.0).pose.translation == pytest.approx(camera.pose.translation)
    moved = shifted(camera, 0.2).pose.translation - camera.pose.translation
    assert np.linalg.norm(moved) == pytest.approx(0.2)
    assert zoomed(camera, 0.05).intrinsics[0, 0] == pytest.approx(1.05 * camera.intrinsics[0, 0])
    assert zoomed(camera, 0.05).intrinsics[0, 2] == camera.intrinsics[0, 2]


def test_cameras_are_off_in_directions_of_their_own():
    moves = [shifted(camera, 1.0).pose.translation - camera.pose.translation for camera in RIG.cameras]
    assert len({tuple(np.round(move, 6)) for move in moves}) == len(moves)


def test_one_rig_stays_one_rig():
    change = named()["turned cameras 1 deg"].change
    other = SensedFrame(8, RIG, FRAME.images)
    assert change(FRAME).rig is change(other).rig
    assert change(FRAME).rig is not RIG


def test_late_images_show_still_things_where_they_were():
    """A thing that the car has come nearer to by 1 m is seen 1 m too far away."""
    late = stale(FRAME, 0.1)
    point = np.array([20.0, 1.0, 1.0])
    before = Pose.from_yaw(0.02, (1.0, 0.0, 0.0)).apply(point)
    for name in RIG.names:
        pixel, depth = RIG[name].project(point)
        again, _ = late.rig[name].project(before)
        if depth > 0:
            assert again == pytest.approx(pixel)


def test_without_motion_nothing_is_late():
    still = SensedFrame(7, RIG, FRAME.images, twist=np.zeros(3))
    assert stale(still, 0.2).rig["cam_front"].pose.matrix == pytest.approx(RIG["cam_front"].pose.matrix)
    with pytest.raises(EvaluationError, match="twist"):
        stale(SensedFrame(7, RIG, FRAME.images), 0.2)


@pytest.mark.parametrize("group", IMAGE_CHANGES)
def test_images_get_worse_with_the_strength_and_keep_their_form(group):
    errors = []
    for level in range(3):
        spoiled = with_images(FRAME, group, level).images
        assert set(spoiled) == set(FRAME.images)
        for name, image in spoiled.items():
            assert image.shape == FRAME.images[name].shape
            assert image.dtype == np.uint8
        errors.append(
            np.mean([np.abs(spoiled[name].astype(float) - FRAME.images[name]).mean() for name in spoiled])
        )
    assert 0 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("name", sorted(set(named()) - {CLEAN}))
def test_every_corruption_is_repeatable_and_leaves_the_frame_alone(name):
    copies = {camera: image.copy() for camera, image in FRAME.images.items()}
    one, other = (named()[name].change(FRAME) for _ in range(2))
    assert [camera.fingerprint for camera in one.rig.cameras] == [
        camera.fingerprint for camera in other.rig.cameras
    ]
    for camera, image in one.images.items():
        assert np.array_equal(image, other.images[camera])
        assert np.array_equal(FRAME.images[camera], copies[camera])


def test_frames_and_cameras_are_spoiled_differently():
    later = SensedFrame(8, RIG, FRAME.images)
    one, other = (with_images(frame, "noise", 1).images["cam_front"] for frame in (FRAME, later))
    assert not np.array_equal(one, other)
