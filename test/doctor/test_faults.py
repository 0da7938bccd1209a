"""What is wrong with a car is named, with the sensor and the remedy; what is right is not."""

from __future__ import annotations

import array
import copy

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import PointField

from lss_bev_ros import messages
from lss_bev_ros.doctor import ERROR, Offer
from lss_bev_ros.geometry import CAMERA_NAMES, Pose

FRONT, LEFT, RIGHT = "cam_front", "cam_front_left", "cam_front_right"
LIDAR = "/lidar_top/points"
MS, S = 1_000_000, 1_000_000_000


def image(name):
    return f"/{name}/image_raw/compressed"


def info(name):
    return f"/{name}/camera_info"


def turned(yaw=0.0, pitch=0.0, roll=0.0):
    """A turn of an optical frame, degrees: yaw to the right, pitch up, roll clockwise."""
    angles = np.deg2rad([pitch, yaw, roll])
    rotation = np.eye(3)
    for axis, angle in zip(np.eye(3), angles, strict=True):
        rotation = rotation @ cv2.Rodrigues(axis * angle)[0]
    return Pose(rotation, np.zeros(3))


def moved(x=0.0, y=0.0, z=0.0):
    return Pose(np.eye(3), np.array([x, y, z]))


BODY = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3))


def set_k(message, **values):
    k = np.array(message.k).reshape(3, 3)
    for name, value in values.items():
        k["xy".index(name[1]), "xy".index(name[1]) if name[0] == "f" else 2] = value
    message.k = k.reshape(-1)
    message.p = np.column_stack([k, np.zeros(3)]).reshape(-1)


def shift(nanoseconds):
    def change(message):
        message.header.stamp = messages.to_stamp(messages.from_stamp(message.header.stamp) + nanoseconds)

    return change


def without_image(drive):
    return drive.without(image(FRONT))


def without_info(drive):
    return drive.without(info(FRONT))


def uncalibrated(drive):
    def change(message):
        message.k, message.p = np.zeros(9), np.zeros(12)

    return drive.each(change, info(FRONT))


def half_size(drive):
    def change(message):
        picture = cv2.imdecode(np.frombuffer(bytes(message.data), np.uint8), cv2.IMREAD_COLOR)
        small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        message.data = array.array("B", cv2.imencode(".jpg", small)[1].tobytes())

    return drive.each(change, image(FRONT))


def video(drive):
    def change(message):
        message.format, message.data = "h264", array.array("B", b"\0\0\0\1\x67" + bytes(500))

    return drive.each(change, image(FRONT))


def unknown_lens(drive):
    def change(message):
        message.distortion_model, message.d = "division", [0.1, 0.0, 0.0, 0.0]

    return drive.each(change, info(FRONT))


def strong_lens(drive):
    def change(message):
        message.distortion_model, message.d = "plumb_bob", [-0.5, 0.0, 0.0, 0.0, 0.0]

    return drive.each(change, info(FRONT))


def shifted_center(drive):
    return drive.each(lambda message: set_k(message, cx=300.0), info(FRONT))


def flat_pixels(drive):
    return drive.each(lambda message: set_k(message, fy=700.0), info(FRONT))


def telescope(drive):
    return drive.each(lambda message: set_k(message, fx=9000.0, fy=9000.0), info(FRONT))


def zero_stamps(drive):
    def change(message):
        message.header.stamp.sec = message.header.stamp.nanosec = 0

    return drive.each(change, image(FRONT))


def late_clock(drive):
    return drive.each(shift(-1500 * MS), image(FRONT), info(FRONT))


def early_clock(drive):
    return drive.each(shift(3600 * S), image(LEFT), info(LEFT))


def lidar_clock(drive):
    return drive.each(shift(-700 * MS), LIDAR)


def same_stamps(drive):
    stamp = drive.of(image(FRONT))[0].message.header.stamp

    def change(message):
        message.header.stamp = stamp

    return drive.each(change, image(FRONT))


def unmounted(drive):
    return drive.mount(lambda child, pose: None, FRONT)


def other_frame(drive):
    def change(message):
        message.header.frame_id = "front_camera_optical"

    return drive.each(change, info(FRONT), image(FRONT))


def gap(drive):
    def change(message):
        for told in message.transforms:
            if told.child_frame_id.startswith("cam"):
                told.header.frame_id = "sensor_rack"

    return drive.each(change, "/tf_static")


def cycle(drive):
    tree = drive.of("/tf_static")[0].message
    tree.transforms.append(messages.transform(Pose.identity(), FRONT, "mast", 0))
    tree.transforms.append(messages.transform(Pose.identity(), "mast", FRONT, 0))
    return drive


def two_parents(drive):
    tree = drive.of("/tf_static")[0].message
    tree.transforms.append(messages.transform(moved(1.0, 0.0, 1.5), "roof", FRONT, 0))
    return drive


def long_quaternion(drive):
    def change(message):
        for told in message.transforms:
            if told.child_frame_id == FRONT:
                told.transform.rotation.x *= 2.0
                told.transform.rotation.w *= 2.0

    return drive.each(change, "/tf_static")


def slashes(drive):
    def change(message):
        message.header.frame_id = f"/{message.header.frame_id}"

    return drive.each(change, info(FRONT))


def wobbling(drive):
    first = drive.of("/tf_static")[0]
    again = copy.deepcopy(first)
    again.time += 500 * MS
    again.message.transforms = [
        messages.transform(messages.pose_from_transform(told) @ turned(yaw=2), "base_link", FRONT, 0)
        for told in again.message.transforms
        if told.child_frame_id == FRONT
    ]
    drive.sent.append(again)
    return drive


def body_frame(drive):
    return drive.mount(lambda child, pose: pose @ BODY.inverse(), FRONT)


def inverted(drive):
    return drive.mount(lambda child, pose: pose.inverse(), FRONT)


def below_road(drive):
    return drive.mount(lambda child, pose: moved(z=-2.0) @ pose, FRONT)


def above_car(drive):
    return drive.mount(lambda child, pose: moved(z=5.0) @ pose, FRONT)


def far_away(drive):
    return drive.mount(lambda child, pose: moved(x=25.0) @ pose, FRONT)


def millimetres(drive):
    return drive.mount(lambda child, pose: Pose(pose.rotation, pose.translation * 1000), FRONT)


def looks_up(drive):
    return drive.mount(lambda child, pose: pose @ turned(pitch=80), FRONT)


def looks_down(drive):
    return drive.mount(lambda child, pose: pose @ turned(pitch=-80), FRONT)


def upside_down(drive):
    return drive.mount(lambda child, pose: pose @ turned(roll=180), FRONT)


def backwards(drive):
    return drive.mount(lambda child, pose: pose @ turned(yaw=180), FRONT)


def mirrored(drive):
    def change(child, pose):
        flip = np.diag([1.0, -1.0, 1.0])
        return Pose(flip @ pose.rotation @ np.diag([-1.0, 1.0, 1.0]), flip @ pose.translation)

    return drive.mount(change, *CAMERA_NAMES)


def turned_car(drive):
    return drive.mount(lambda child, pose: Pose.from_yaw(np.pi / 2) @ pose, *CAMERA_NAMES)


def all_inverted(drive):
    return drive.mount(lambda child, pose: pose.inverse(), *CAMERA_NAMES)


def all_body_frames(drive):
    return drive.mount(lambda child, pose: pose @ BODY.inverse(), *CAMERA_NAMES)


def swapped_mounts(drive):
    poses = {}
    drive.mount(lambda child, pose: poses.setdefault(child, pose))
    other = {LEFT: RIGHT, RIGHT: LEFT}
    return drive.mount(lambda child, pose: poses[other.get(child, child)])


def one_mount(drive):
    poses = {}
    drive.mount(lambda child, pose: poses.setdefault(child, pose))
    return drive.mount(lambda child, pose: poses[LEFT if child == FRONT else child])


def swapped_pictures(drive):
    for left, right in zip(drive.of(image(LEFT)), drive.of(image(RIGHT)), strict=True):
        left.message.data, right.message.data = right.message.data, left.message.data
    return drive


def yaw_error(drive):
    return drive.mount(lambda child, pose: pose @ turned(yaw=10), "cam_back")


def pitch_error(drive):
    return drive.mount(lambda child, pose: pose @ turned(pitch=5), "cam_back_right")


def frozen(drive):
    data = drive.of(image(FRONT))[0].message.data

    def change(message):
        message.data = data

    return drive.each(change, image(FRONT))


def covered(drive):
    black = array.array("B", cv2.imencode(".jpg", np.zeros((900, 1600, 3), np.uint8))[1].tobytes())

    def change(message):
        message.data = black

    return drive.each(change, image(FRONT))


def same_device(drive):
    for mine, other in zip(drive.of(image(FRONT)), drive.of(image(LEFT)), strict=True):
        mine.message.data = other.message.data
    return drive


def volatile_tf(drive):
    drive.offers["/tf_static"] = Offer(True, False)
    return drive


def lidar_millimetres(drive):
    def change(message):
        points = np.frombuffer(message.data, messages.POINT_DTYPE).copy()
        for axis in "xyz":
            points[axis] *= 1000
        message.data = array.array("B", points.tobytes())

    return drive.each(change, LIDAR)


def lidar_without_z(drive):
    def change(message):
        message.fields = [field for field in message.fields if field.name != "z"]

    return drive.each(change, LIDAR)


def lidar_integers(drive):
    def change(message):
        points = np.frombuffer(message.data, messages.POINT_DTYPE)
        packed = np.zeros(len(points), np.dtype([(axis, "<i2") for axis in "xyz"]))
        for axis in "xyz":
            packed[axis] = np.clip(points[axis] * 100, -32000, 32000)
        message.fields = [
            PointField(name=axis, offset=2 * i, datatype=PointField.INT16, count=1)
            for i, axis in enumerate("xyz")
        ]
        message.point_step, message.row_step = 6, 6 * len(points)
        message.data = array.array("B", packed.tobytes())

    return drive.each(change, LIDAR)


def lidar_on_road(drive):
    return drive.mount(lambda child, pose: Pose(pose.rotation, pose.translation * [1, 1, 0]), "lidar_top")


def lidar_tilted(drive):
    return drive.mount(lambda child, pose: pose @ turned(pitch=8), "lidar_top")


def lidar_empty(drive):
    def change(message):
        message.width, message.row_step, message.data = 0, 0, array.array("B")

    return drive.each(change, LIDAR)


FAULTS = [
    (without_image, "topics.missing", FRONT),
    (without_info, "topics.no-info", FRONT),
    (uncalibrated, "camera.uncalibrated", FRONT),
    (half_size, "camera.size", FRONT),
    (video, "camera.encoding", FRONT),
    (unknown_lens, "camera.info", FRONT),
    (strong_lens, "camera.distortion", FRONT),
    (shifted_center, "camera.principal-point", FRONT),
    (flat_pixels, "camera.aspect", FRONT),
    (telescope, "camera.field-of-view", FRONT),
    (frozen, "camera.frozen", FRONT),
    (covered, "camera.blank", FRONT),
    (same_device, "camera.same-pictures", FRONT),
    (zero_stamps, "clock.zero", FRONT),
    (late_clock, "clock.offset", FRONT),
    (early_clock, "clock.offset", LEFT),
    (lidar_clock, "clock.offset", LIDAR),
    (same_stamps, "clock.repeating", FRONT),
    (unmounted, "tf.unknown-frame", FRONT),
    (other_frame, "tf.unknown-frame", FRONT),
    (gap, "tf.gap", FRONT),
    (cycle, "tf.cycle", FRONT),
    (two_parents, "tf.two-parents", FRONT),
    (long_quaternion, "tf.numbers", FRONT),
    (slashes, "tf.slash", f"/{FRONT}"),
    (wobbling, "tf.moving", FRONT),
    (volatile_tf, "qos.tf-static", "/tf_static"),
    (body_frame, "mount.body-frame", FRONT),
    (inverted, "mount.inverted", FRONT),
    (below_road, "mount.low", FRONT),
    (above_car, "mount.high", FRONT),
    (far_away, "mount.far", FRONT),
    (millimetres, "mount.unit", FRONT),
    (looks_up, "mount.sky", FRONT),
    (looks_down, "mount.ground", FRONT),
    (upside_down, "mount.roll", FRONT),
    (backwards, "mount.facing", FRONT),
    (mirrored, "mount.mirrored", LEFT),
    (turned_car, "mount.mirrored", FRONT),
    (all_inverted, "mount.inverted", "cam_back_right"),
    (all_body_frames, "mount.body-frame", "cam_back_right"),
    (swapped_mounts, "mount.swapped", LEFT),
    (one_mount, "mount.double", FRONT),
    (swapped_pictures, "fit.swapped", LEFT),
    (yaw_error, "fit.turned", "cam_back"),
    (pitch_error, "fit.turned", "cam_back_right"),
    (lidar_millimetres, "lidar.units", LIDAR),
    (lidar_integers, "lidar.units", LIDAR),
    (lidar_without_z, "lidar.fields", LIDAR),
    (lidar_empty, "lidar.empty", LIDAR),
    (lidar_on_road, "lidar.height", LIDAR),
    (lidar_tilted, "lidar.tilted", LIDAR),
]


def test_nothing_is_named_on_a_good_drive(drive):
    assert drive.problems() == []


def test_nothing_is_named_where_nobody_tells_how_the_car_moves(drive):
    assert drive.without("/tf").problems() == []


@pytest.mark.parametrize(("plant", "code", "subject"), FAULTS, ids=[plant.__name__ for plant, *_ in FAULTS])
def test_a_planted_fault_is_named_with_its_sensor(drive, plant, code, subject):
    problems = plant(drive).problems(fit=code.startswith("fit."))
    assert [
        problem for problem in problems if problem.code == code and subject in problem.subject.split(", ")
    ]
    # What is well is not blamed along with it.
    well = {*CAMERA_NAMES, LIDAR} - _touched(plant)
    blamed = {name for problem in problems for name in problem.subject.split(", ")}
    assert not blamed & well, [str(problem) for problem in problems]


def _touched(plant):
    """Sensors that a fault may be named of."""
    several = {
        gap: CAMERA_NAMES,
        mirrored: CAMERA_NAMES,
        turned_car: CAMERA_NAMES,
        all_inverted: CAMERA_NAMES,
        all_body_frames: CAMERA_NAMES,
        swapped_mounts: (LEFT, RIGHT),
        swapped_pictures: (LEFT, RIGHT),
        same_device: (LEFT, FRONT),
        one_mount: (LEFT, FRONT),
    }
    subject = next(subject for fault, _, subject in FAULTS if fault is plant)
    return set(several.get(plant, (subject,)))


def test_a_problem_says_where_what_and_how_to_solve_it(drive):
    (problem,) = without_info(drive).problems()
    assert problem.level == ERROR
    assert str(problem) == (
        f"{FRONT}: no topic {FRONT}/camera_info next to {image(FRONT)}, so its lens is unknown; "
        f"calibrate the camera, and make its driver publish {FRONT}/camera_info"
    )


def test_a_lens_that_turns_back_is_told_in_pixels(drive):
    """Of r - 0.5 r^3 the largest value is 0.5443, at r = 0.8165."""
    (camera,) = (record.camera for record in drive.recording().cameras if record.name == FRONT)
    (problem,) = (each for each in strong_lens(drive).problems() if each.code == "camera.distortion")
    assert f"no light falls farther than {0.5443 * camera.intrinsics[0, 0]:.0f} px" in str(problem)
