"""All of a camera_info counts: the camera is that of the image as it arrives."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import Camera, Lens, Pose
from lss_bev_ros.messages import camera_from_info, camera_info, read_camera_info

K = np.array([[1266.0, 0.0, 816.0], [0.0, 1250.0, 491.0], [0.0, 0.0, 1.0]])
# z of the optical frame along x of the car, x to its right.
FORWARD = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([1.7, 0.0, 1.5]))


def info(k=K, p=None, **change) -> CameraInfo:
    message = CameraInfo(width=1600, height=900, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = np.asarray(k, dtype=np.float64).reshape(-1)
    message.r = np.eye(3).reshape(-1)
    message.p = np.column_stack([K if p is None else p, np.zeros(3)]).reshape(-1)
    message.header.frame_id = change.pop("frame_id", "cam")
    for name, value in change.items():
        setattr(message, name, value)
    return message


def region(x, y, width, height) -> RegionOfInterest:
    return RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)


def read(message: CameraInfo, **options) -> Camera:
    return camera_from_info(message, "cam", FORWARD, **options)


@pytest.mark.parametrize(
    "lens",
    [
        Lens(),
        Lens("plumb_bob", (-0.3, 0.1, 0.001, -0.002, 0.01)),
        Lens("plumb_bob", (-0.3, 0.1, 0.001, -0.002)),
        Lens("rational_polynomial", (0.5, -0.1, 0.0, 0.0, 0.01, 0.85, 0.02, 0.0)),
        Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
    ],
)
def test_a_camera_survives_its_camera_info(lens):
    camera = Camera("cam", K, 1600, 900, FORWARD, lens)
    found = read(camera_info(camera, 5))
    np.testing.assert_array_equal(found.intrinsics, K)
    assert found.lens.model == lens.model
    rays = np.array([[0.3, -0.2], [-0.5, 0.4]])
    np.testing.assert_allclose(found.lens.distort(rays), lens.distort(rays), atol=1e-15)


def test_a_region_of_interest_moves_the_principal_point():
    camera = read(info(roi=region(160, 60, 1280, 720)))
    assert (camera.width, camera.height) == (1280, 720)
    np.testing.assert_array_equal(camera.intrinsics, [[1266, 0, 656], [0, 1250, 431], [0, 0, 1]])


def test_binning_divides_everything():
    camera = read(info(binning_x=2, binning_y=2))
    assert (camera.width, camera.height) == (800, 450)
    np.testing.assert_array_equal(camera.intrinsics, [[633, 0, 408], [0, 625, 245.5], [0, 0, 1]])


def test_a_region_is_in_pixels_of_the_sensor_and_is_binned_with_it():
    camera = read(info(binning_x=2, binning_y=1, roi=region(160, 60, 1280, 720)))
    assert (camera.width, camera.height) == (640, 720)
    np.testing.assert_array_equal(camera.intrinsics, [[633, 0, 328], [0, 1250, 431], [0, 0, 1]])


@pytest.mark.parametrize("full", [region(0, 0, 0, 0), region(0, 0, 1600, 900)])
def test_a_region_of_the_whole_sensor_changes_nothing(full):
    np.testing.assert_array_equal(read(info(roi=full, binning_x=1, binning_y=1)).intrinsics, K)


def test_width_and_height_may_be_those_of_the_region_and_it_is_said():
    reading = read_camera_info(info(roi=region(160, 60, 1280, 720), width=1280, height=720), "cam", FORWARD)
    assert (reading.camera.width, reading.camera.height) == (1280, 720)
    np.testing.assert_array_equal(reading.camera.intrinsics[:2, 2], [656, 431])
    assert "region of interest" in reading.notes[0]


def test_width_and_height_may_be_those_of_the_binned_image_and_it_is_said():
    reading = read_camera_info(info(binning_x=2, binning_y=2, width=800, height=450), "cam", FORWARD)
    assert (reading.camera.width, reading.camera.height) == (800, 450)
    np.testing.assert_array_equal(reading.camera.intrinsics[:2, 2], [408, 245.5])
    assert "binned image" in reading.notes[0]


def test_k_may_be_that_of_the_region_and_it_is_said():
    shifted = K.copy()
    shifted[:2, 2] = 30, 40
    reading = read_camera_info(info(k=shifted, p=shifted, roi=region(160, 60, 100, 90)), "cam", FORWARD)
    np.testing.assert_array_equal(reading.camera.intrinsics, shifted)
    assert "K is treated as that of the region" in reading.notes[0]


def test_images_are_rectified_where_p_alone_says_something():
    p = np.array([[1076.0, 0.0, 800.0], [0.0, 1100.0, 450.0], [0.0, 0.0, 1.0]])
    reading = read_camera_info(info(p=p), "cam", FORWARD)
    assert reading.rectified
    assert "image_rectified" in reading.notes[0]
    np.testing.assert_array_equal(reading.camera.intrinsics, p)
    np.testing.assert_array_equal(read(info(p=p), rectified=False).intrinsics, K)


@pytest.mark.parametrize(
    ("k", "size"),
    [
        (np.diag([0.5, 0.5, 1.0]) @ K, (800, 450)),  # scaled
        (K - [[0, 0, 160], [0, 0, 160], [0, 0, 0]], (1280, 640)),  # cropped
    ],
)
def test_p_that_was_left_as_of_another_image_does_not_count_and_it_is_said(k, size):
    """Drivers that scale or crop images correct K, and may forget P."""
    message = info(k, width=size[0], height=size[1])
    reading = read_camera_info(message, "cam", FORWARD)
    assert not reading.rectified
    np.testing.assert_array_equal(reading.camera.intrinsics, k)
    assert "P of its camera_info is of an image of another size or crop" in reading.notes[0]
    np.testing.assert_array_equal(read(message, rectified=True).intrinsics, K)


def test_rectified_images_need_neither_k_nor_d():
    p = np.array([[1076.0, 0.0, 800.0], [0.0, 1100.0, 450.0], [0.0, 0.0, 1.0]])
    message = info(p=p, d=[-0.3, 0.1, 0.0, 0.0, 0.0])
    assert read(message).lens.model == "plumb_bob"
    camera = read(message, rectified=True)
    assert camera.lens.is_pinhole
    np.testing.assert_array_equal(camera.intrinsics, p)


def test_a_rectified_image_is_turned_by_r_and_beside_the_frame_by_p():
    angle = 0.1
    r = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    message = info()
    message.r = r.reshape(-1)
    p = np.column_stack([K, [-1266.0 * 0.12, 0.0, 0.0]])
    message.p = p.reshape(-1)
    camera = read(message, rectified=True)
    point = np.array([1.0, -0.5, 12.0])  # in the camera's frame
    u, v, w = p @ [*(r @ point), 1.0]
    pixel, depth = camera.project(FORWARD.apply(point))
    np.testing.assert_allclose(pixel, [u / w, v / w], atol=1e-9)
    assert depth == pytest.approx(w)


def test_a_body_frame_is_read_as_one_and_it_is_said():
    body = Pose(np.eye(3), FORWARD.translation)  # x forward, z up
    reading = read_camera_info(info(frame_id="cam_link"), "cam", body, frames="auto")
    np.testing.assert_allclose(reading.camera.pose.rotation, FORWARD.rotation, atol=1e-12)
    assert "body frame" in reading.notes[0]
    assert "camera_frames" in reading.notes[0]
    assert not read_camera_info(info(), "cam", FORWARD, frames="auto").notes
    asked = read_camera_info(info(), "cam", body, frames="body")
    np.testing.assert_allclose(asked.camera.pose.rotation, FORWARD.rotation, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"k": np.zeros((3, 3))}, "focal length"),
        ({"k": np.diag([1266.0, 1250.0, 0.0])}, "do not belong to a camera"),
        ({"k": np.diag([1e308, 1e308, 1.0])}, "do not belong to a camera"),
        ({"distortion_model": "double_sphere", "d": [0.1, 0.2]}, "cam: distortion model 'double_sphere'"),
        ({"d": [0.1, 0.2, 0.3]}, "cam: .*not 3"),
        ({"width": 0}, "image size"),
        ({"roi": region(1000, 0, 1280, 720)}, "does not lie in it"),
    ],
)
def test_what_is_of_no_camera_is_refused_with_its_name(change, says):
    with pytest.raises(GeometryError, match=says):
        read(info(**change))


def test_rectified_images_without_p_are_refused():
    with pytest.raises(GeometryError, match="cam: image_rectified is set, but P"):
        read(info(p=np.zeros((3, 3))), rectified=True)
