"""What a car's camera_info says counts in the node, and what is wrong with one camera costs only that one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage
from tf2_msgs.msg import TFMessage

from lss_bev_ros import messages
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.geometry import CAMERA_NAMES, Rig
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.runtime import FrameSet, create_engine
from lss_bev_ros.runtime.field_of_view import visible_cells
from lss_bev_ros.synthetic.bending import LENSES, Bending

STEP = 500_000_000


class Car:
    """Publishes pictures and calibrations of six cameras; a test changes what it publishes."""

    def __init__(self, listener, cameras, pictures):
        self.listener = listener
        self.cameras, self.pictures = cameras, pictures
        self.time = 10**18
        node = listener.node
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._static = node.create_publisher(TFMessage, "/tf_static", latched)
        self._publishers = [
            (
                name,
                node.create_publisher(CompressedImage, f"{name}/image_raw/compressed", 10),
                node.create_publisher(CameraInfo, f"{name}/camera_info", 10),
            )
            for name in CAMERA_NAMES
        ]
        mounted = [messages.transform(cameras[name].pose, "base_link", name, 0) for name in CAMERA_NAMES]
        self._static.publish(TFMessage(transforms=mounted))

    def await_node(self):
        publishers = [self._static, *(each for _, *pair in self._publishers for each in pair)]
        deadline = time.monotonic() + 120.0
        while not all(each.get_subscription_count() for each in publishers):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def grid(self, infos=None, pictures=None, without=(), seen=None):
        """Cells of an instant with this calibration and these pictures, once those that are seen are `seen`.

        Args:
            infos: camera_info by camera, in place of the car's own.
            pictures: encoded, likewise.
            without: cameras that are silent.
            seen: cameras of whose view the grid must be.
        """
        expected = visible_cells(Rig(tuple((seen or self.cameras).values())), ModelConfig())
        for _ in range(60):
            self.send(infos, pictures, without)
            try:
                grid = self.listener.wait_for(lambda got: self._newest(got["bev/occupancy"]), timeout=10.0)
            except pytest.fail.Exception:
                continue
            cells, _ = messages.cells_from_grid(grid)
            if np.array_equal(cells >= 0, expected):
                return cells
        pytest.fail("no grid of what these cameras see")

    def send(self, infos=None, pictures=None, without=()):
        """One instant, as in `grid`."""
        self.time += STEP
        for name, image, info in self._publishers:
            if name not in without:
                message = (infos or {}).get(name) or messages.camera_info(self.cameras[name], 0)
                message.header.frame_id = name
                message.header.stamp = messages.to_stamp(self.time)
                info.publish(message)
                data = (pictures or {}).get(name) or self.pictures[name]
                image.publish(messages.compressed_image(data, self.time, name))

    def _newest(self, grids):
        return next((g for g in reversed(grids) if messages.from_stamp(g.header.stamp) == self.time), None)

    def told(self, text, infos=None, pictures=None):
        """Send such instants until a status of the cameras or of the network is an error that has `text`."""
        before = len(self.listener.received["/diagnostics"])

        def found(got):
            return any(
                status.level == DiagnosticStatus.ERROR and text in status.message
                for array in got["/diagnostics"][before:]
                for status in array.status
            )

        for _ in range(60):  # of cameras that are silent meanwhile it is their silence that is told
            self.send(infos, pictures)
            with contextlib.suppress(pytest.fail.Exception):
                self.listener.wait_for(found, timeout=1.0)
                return
        pytest.fail(f"no status has {text!r}")


@pytest.fixture(scope="module")
def keyframe(street):
    return next(iter(NuScenesReader(street, "").keyframes("scene-0001")))


@pytest.fixture(scope="module")
def car(keyframe, module_processes, module_listener):
    listener = module_listener
    listener.listen(OccupancyGrid, "bev/occupancy")
    listener.listen(DiagnosticArray, "/diagnostics")
    # Of half the size, which is quicker to bend and to send.
    cameras = {name: halved(keyframe.cameras[name].camera) for name in CAMERA_NAMES}
    pictures = changed({name: keyframe.cameras[name].encoded() for name in CAMERA_NAMES}, shrunk)
    driven = Car(listener, cameras, pictures)
    module_processes.node("inference", precision="fp32", reliability="reliable", deadline="3.0")
    driven.await_node()
    return driven


@pytest.fixture(scope="module")
def straight(car):
    """Cells of the scene as six pinholes see it."""
    return car.grid()


@pytest.fixture(scope="module")
def engine():
    with create_engine(precision="fp32") as offline:
        yield offline


def offline(engine, cameras, pictures):
    rig = Rig(tuple(cameras[name] for name in CAMERA_NAMES if name in cameras))
    return engine.infer(FrameSet(0, rig, {name: pictures[name] for name in rig.names})).occupancy


def agreement(cells, expected):
    """IoU of the cells that are predicted to hold a vehicle."""
    first, second = cells >= 50, expected >= 50
    return (first & second).sum() / (first | second).sum()


def changed(pictures, change):
    found = {}
    for name, data in pictures.items():
        image = change(name, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
        found[name] = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
    return found


def shrunk(_, image):
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def halved(camera):
    k = np.diag([0.5, 0.5, 1.0]) @ camera.intrinsics
    return replace(camera, intrinsics=k, width=camera.width // 2, height=camera.height // 2)


def bent_as(camera, image):
    """The picture of a pinhole as the camera's lens takes it, as far as the pinhole's goes."""
    bending = Bending.of(camera.intrinsics, camera.width, camera.height, camera.lens)
    right, below = bending.width - camera.width - bending.left, bending.height - camera.height - bending.top
    whole = cv2.copyMakeBorder(image, bending.top, below, bending.left, right, cv2.BORDER_REPLICATE)
    return bending.bend(whole)


@pytest.mark.parametrize("model", LENSES)
def test_pictures_of_a_lens_give_the_grid_of_the_straight_ones(car, straight, engine, model):
    cameras = {name: replace(camera, lens=LENSES[model]) for name, camera in car.cameras.items()}
    pictures = changed(car.pictures, lambda name, image: bent_as(cameras[name], image))
    infos = {name: messages.camera_info(camera, 0) for name, camera in cameras.items()}
    assert {info.distortion_model for info in infos.values()} == {model}
    cells = car.grid(infos, pictures, seen=cameras)
    assert agreement(cells, straight) > 0.85
    assert (np.abs(cells.astype(int) - offline(engine, cameras, pictures)) <= 1).all()
    # As if they were of pinholes, they give another grid.
    unbent = car.grid(None, pictures)
    assert (np.abs(unbent.astype(int) - offline(engine, car.cameras, pictures)) <= 1).all()
    assert not np.array_equal(unbent, cells)


def test_a_binned_picture_is_of_the_whole_sensors_calibration(car, engine):
    infos = {name: messages.camera_info(camera, 0) for name, camera in car.cameras.items()}
    for info in infos.values():
        info.binning_x = info.binning_y = 2
    pictures = changed(car.pictures, shrunk)
    binned = {name: halved(camera) for name, camera in car.cameras.items()}
    cells = car.grid(infos, pictures, seen=binned)
    assert (np.abs(cells.astype(int) - offline(engine, binned, pictures)) <= 1).all()


def test_a_region_of_interest_moves_the_principal_point(car, engine):
    top = 150
    pictures = changed(car.pictures, lambda _, image: image[top:])
    infos = {name: messages.camera_info(camera, 0) for name, camera in car.cameras.items()}
    cut = {}
    for name, camera in car.cameras.items():
        roi = infos[name].roi
        roi.y_offset, roi.width, roi.height = top, camera.width, camera.height - top
        moved = camera.intrinsics - np.array([[0, 0, 0], [0, 0, top], [0, 0, 0]])
        cut[name] = replace(camera, intrinsics=moved, height=camera.height - top)
    cells = car.grid(infos, pictures, seen=cut)
    assert (np.abs(cells.astype(int) - offline(engine, cut, pictures)) <= 1).all()


def test_rectified_pictures_are_of_p(car, straight):
    infos = {name: messages.camera_info(camera, 0) for name, camera in car.cameras.items()}
    for info in infos.values():
        k = np.array(info.k).reshape(3, 3)
        k[:2, :2] *= 1.2
        info.k = k.ravel()
    np.testing.assert_array_equal(car.grid(infos), straight)


def misnamed(info):
    info.distortion_model, info.d = "double_sphere", [0.1, 0.2]


def misplaced(info):
    roi = info.roi
    roi.x_offset, roi.y_offset, roi.width, roi.height = info.width - 100, 0, 300, 200


def test_what_is_wrong_with_one_camera_is_named_and_costs_that_one(car, straight):
    name = "cam_front"
    others = {other: camera for other, camera in car.cameras.items() if other != name}
    alone = car.grid(without=(name,), seen=others)
    assert (alone != straight).any()
    wrong = {}
    for spoil, told in ((misnamed, "'double_sphere' is not known"), (misplaced, "does not lie in it")):
        info = messages.camera_info(car.cameras[name], 0)
        spoil(info)
        wrong[told] = ({name: info}, None)
    cropped = changed({name: car.pictures[name]}, lambda _, image: image[: image.shape[0] // 2])
    wrong["but its calibration is for"] = (None, cropped)
    for told, (infos, pictures) in wrong.items():
        cells = car.grid(infos, pictures, seen=others)
        np.testing.assert_array_equal(cells, alone)
        car.told(told, infos, pictures)
    np.testing.assert_array_equal(car.grid(), straight)
