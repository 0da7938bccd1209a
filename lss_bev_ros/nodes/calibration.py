"""The rig as camera_info and transforms tell it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from tf2_ros import Buffer, TransformException

from .. import messages
from ..camera_info import CameraReading, read_camera_info
from ..errors import GeometryError
from ..geometry import Pose, Rig

_RECTIFIED = {"auto": None, "true": True, "false": False}
"""What the parameter `image_rectified` means to `read_camera_info`."""

_TRANSFORMS = ("/tf", "/tf_static")

_KEPT = 8
"""Messages of a camera that are kept, so that an image finds that of its own stamp."""

_PATIENCE = 0.05
"""Seconds that an image waits for the camera_info of its own stamp, where its camera's come with such."""


@dataclass(frozen=True, eq=False)
class RigReading:
    """What is known of the cameras.

    Attributes:
        rig: those whose calibration is known and good, in order; possibly none. The same object comes back
            until a calibration changes, so that tables made for it stay valid.
        problems: camera name to one line, of the others.
        notes: camera name to what was assumed of it, one line.
        mounts: camera name to the pose of its frame in base_link, before anything was assumed of it.
        frames: camera name to the name of that frame.
    """

    rig: Rig
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Pose] = field(default_factory=dict)
    frames: Mapping[str, str] = field(default_factory=dict)


class LiveCalibration:
    """Keeps the newest calibrations of every camera.

    `update` and `is_known` are called by the executor and `rig` by any thread; all of them only replace or
    read whole values.
    """

    def __init__(
        self,
        names: Sequence[str],
        buffer: Buffer,
        base_frame: str,
        image_rectified: str = "auto",
        camera_frames: str = "auto",
        why: Callable[[], str] = lambda: "",
    ) -> None:
        """Start with no calibration.

        Args:
            names: the cameras, in the rig's order.
            buffer: where the transforms of the sensors arrive.
            base_frame: the car's frame.
            image_rectified: `auto`, `true` or `false`, see `read_camera_info`.
            camera_frames: `auto`, `optical` or `body`, likewise.
            why: tells in one line why a transform may be missing, or nothing.
        """
        self._names = tuple(names)
        self._buffer = buffer
        self._base_frame = base_frame
        self._rectified = _RECTIFIED[image_rectified]
        self._frames = camera_frames
        self._infos: dict[str, tuple[CameraInfo, ...]] = {}
        self._cameras: dict[str, tuple[tuple[object, ...], CameraReading, Pose]] = {}
        self._rig: Rig | None = None
        self._known: set[str] = set()
        self._paired: set[str] = set()
        self._arrived = threading.Condition()
        self._why = why

    def update(self, name: str, info: CameraInfo) -> None:
        """Take a camera's newest camera_info."""
        with self._arrived:
            self._infos[name] = (*self._infos.get(name, ())[1 - _KEPT :], info)
            self._arrived.notify_all()

    def is_known(self, name: str) -> bool:
        """Whether a camera's camera_info and its transform have come, be they good or bad."""
        if name in self._known:
            return True
        infos = self._infos.get(name)
        if not infos or not self._buffer.can_transform(self._base_frame, infos[-1].header.frame_id, Time()):
            return False
        self._known.add(name)
        return True

    def rig(self, stamps: Mapping[str, int] | None = None) -> RigReading:
        """Every camera whose calibration is known and good, and what is wrong with the others.

        Args:
            stamps: camera name to the stamp of its image, nanoseconds: the camera_info of that stamp counts
                where it came, and the newest one elsewhere.
        """
        self._await(stamps or {})
        cameras, problems, notes, mounts, frames = [], {}, {}, {}, {}
        why: str | None = None
        for name in self._names:
            infos = self._infos.get(name)
            if not infos:
                problems[name] = f"{name}: no camera_info received"
                continue
            info = _of_stamp(infos, (stamps or {}).get(name))
            try:
                reading, mounts[name] = self._camera(name, info)
                frames[name] = info.header.frame_id
                cameras.append(reading.camera)
                if reading.notes:
                    notes[name] = "; ".join(reading.notes)
            except TransformException as error:
                why = self._why() if why is None else why
                problems[name] = (
                    f"{name}: no transform from {info.header.frame_id!r} to {self._base_frame!r} ({error}): "
                    f"publish the missing one (robot_state_publisher, static_transform_publisher), or "
                    f"correct frame_id of its camera_info, or base_frame{'; ' * bool(why)}{why}"
                )
            except GeometryError as error:
                problems[name] = str(error)
        if self._rig is None or tuple(cameras) != self._rig.cameras:
            self._rig = Rig(tuple(cameras))
        return RigReading(self._rig, problems, notes, mounts, frames)

    def _await(self, stamps: Mapping[str, int]) -> None:
        """Wait for the camera_info of these images, of cameras whose last image had one of its own stamp.

        The executor may hand over an image before the camera_info that was published with it.
        """

        def is_there(name: str) -> bool:
            return any(messages.from_stamp(i.header.stamp) == stamps[name] for i in self._infos.get(name, ()))

        with self._arrived:
            awaited = [name for name in stamps if name in self._paired]
            self._arrived.wait_for(lambda: all(map(is_there, awaited)), timeout=_PATIENCE)
            self._paired = {name for name in stamps if is_there(name)}

    def _camera(self, name: str, info: CameraInfo) -> tuple[CameraReading, Pose]:
        transform = self._buffer.lookup_transform(self._base_frame, info.header.frame_id, Time())
        t, q = transform.transform.translation, transform.transform.rotation
        roi = info.roi
        values = (
            *(info.header.frame_id, info.width, info.height, info.distortion_model, *info.d),
            *(*info.k, *info.r, *info.p, info.binning_x, info.binning_y),
            *(roi.x_offset, roi.y_offset, roi.width, roi.height),
            *(t.x, t.y, t.z, q.w, q.x, q.y, q.z),
        )
        known = self._cameras.get(name)
        if known is None or known[0] != values:
            pose = messages.pose_from_transform(transform)
            known = values, read_camera_info(info, name, pose, self._rectified, self._frames), pose
            self._cameras[name] = known
        return known[1], known[2]


def transforms_elsewhere(node: Node) -> str:
    """Where transforms are published if not where a node listens for them, one line; empty if there are some.

    A launch file with a namespace listens below it, and many cars publish their transforms globally.
    """
    own = {node.resolve_topic_name(topic) for topic in _TRANSFORMS}
    if any(node.count_publishers(topic) for topic in own):
        return ""
    others = [
        name
        for name, types in node.get_topic_names_and_types()
        if name not in own and "tf2_msgs/msg/TFMessage" in types and node.count_publishers(name)
    ]
    if not others:
        return f"{' and '.join(sorted(own))} have no publisher"
    remedy = "remap them"
    if set(others) & set(_TRANSFORMS):
        remedy = "start with namespaced_tf:=false, or remap them"
    elif not own - set(_TRANSFORMS):
        remedy = "start in that namespace, or remap them"
    return f"{' and '.join(sorted(own))} have no publisher; found {', '.join(sorted(others))}: {remedy}"


def _of_stamp(infos: tuple[CameraInfo, ...], stamp: int | None) -> CameraInfo:
    """The message of an image's stamp, or the newest."""
    for info in reversed(infos):
        if stamp is not None and messages.from_stamp(info.header.stamp) == stamp:
            return info
    return infos[-1]
