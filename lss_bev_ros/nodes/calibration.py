"""The rig as camera_info and transforms tell it."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from tf2_ros import Buffer, TransformException

from .. import messages
from ..errors import GeometryError
from ..geometry import Camera, Rig


class LiveCalibration:
    """Keeps the newest calibration of every camera.

    `update` and `is_known` are called by the executor and `rig` by any thread; all of them only replace or
    read whole values.
    """

    def __init__(self, names: Sequence[str], buffer: Buffer, base_frame: str) -> None:
        """Start with no calibration.

        Args:
            names: the cameras, in the rig's order.
            buffer: where the transforms of the sensors arrive.
            base_frame: the car's frame.
        """
        self._names = tuple(names)
        self._buffer = buffer
        self._base_frame = base_frame
        self._infos: dict[str, CameraInfo] = {}
        self._cameras: dict[str, tuple[tuple, Camera]] = {}
        self._rig: Rig | None = None
        self._known: set[str] = set()

    def update(self, name: str, info: CameraInfo) -> None:
        """Take a camera's newest camera_info."""
        self._infos[name] = info

    def is_known(self, name: str) -> bool:
        """Whether a camera's camera_info and its transform have come, be they good or bad."""
        if name in self._known:
            return True
        info = self._infos.get(name)
        if info is None or not self._buffer.can_transform(self._base_frame, info.header.frame_id, Time()):
            return False
        self._known.add(name)
        return True

    def rig(self) -> tuple[Rig, dict[str, str]]:
        """Every camera whose calibration is known and good, and what is wrong with the others.

        The same Rig object comes back until a calibration changes, so tables made for it stay valid.

        Returns:
            rig: cameras in order; possibly none.
            problems: camera name to one line.
        """
        cameras, problems = [], {}
        for name in self._names:
            info = self._infos.get(name)
            if info is None:
                problems[name] = f"{name}: no camera_info received"
                continue
            try:
                cameras.append(self._camera(name, info))
            except TransformException as error:
                problems[name] = (
                    f"{name}: no transform from {info.header.frame_id!r} to {self._base_frame!r} ({error})"
                )
            except GeometryError as error:
                problems[name] = str(error)
        if self._rig is None or tuple(cameras) != self._rig.cameras:
            self._rig = Rig(tuple(cameras))
        return self._rig, problems

    def _camera(self, name: str, info: CameraInfo) -> Camera:
        transform = self._buffer.lookup_transform(self._base_frame, info.header.frame_id, Time())
        t, q = transform.transform.translation, transform.transform.rotation
        values = (info.width, info.height, *info.k, t.x, t.y, t.z, q.w, q.x, q.y, q.z)
        known = self._cameras.get(name)
        if known is None or known[0] != values:
            pose = messages.pose_from_transform(transform)
            known = values, messages.camera_from_info(info, name, pose)
            self._cameras[name] = known
        return known[1]
