"""The ego car's cameras and LiDAR: where they sit, when they fire.

Intrinsics and mounting are those of nuScenes' vehicle n015 (table `calibrated_sensor` of scene-0061), the
camera offsets those of the same scene's sample_data stamps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Pose
from .config import WorldConfig

WIDTH, HEIGHT = 1600, 900
LIDAR_PERIOD = 50_000
"""Microseconds a LiDAR revolution takes (20 Hz)."""
KEYFRAME_PERIOD = 500_000
"""Microseconds between samples (2 Hz)."""
CAMERA_SWEEPS = (0, 2, 4, 5, 7, 9)
"""The revolutions out of ten in which cameras fire: 12 Hz on a 20 Hz LiDAR."""


@dataclass(frozen=True, eq=False)
class Mount:
    """One sensor on the car.

    Attributes:
        channel: nuScenes channel, such as CAM_FRONT.
        pose: sensor to base_link.
        lens: (4,) float64 fx, fy, cx, cy in pixels; None for the LiDAR.
        offset: microseconds from the end of a LiDAR revolution to when it fires.
        size: width and height of a camera's pictures at the scale 1, pixels.
    """

    channel: str
    pose: Pose
    lens: np.ndarray | None = None
    offset: int = 0
    size: tuple[int, int] = (WIDTH, HEIGHT)

    @property
    def camera_lens(self) -> np.ndarray:
        """The lens of a camera."""
        assert self.lens is not None, f"{self.channel} is no camera"
        return self.lens

    def scaled(self, scale: float) -> Mount:
        """The camera with images `scale` times as large in both directions."""
        if scale == 1.0:
            return self
        lens = self.camera_lens * scale
        # Pixel centres lie at whole numbers, so scaling an image moves them by half a pixel.
        lens[2:] += (scale - 1) / 2
        return Mount(self.channel, self.pose, lens, self.offset, self.size)

    @property
    def intrinsics(self) -> np.ndarray:
        """(3, 3) float64 camera matrix."""
        fx, fy, cx, cy = self.camera_lens
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


_CAMERAS = {
    "CAM_FRONT": (
        (1.7007912397384644, 0.01594563201069832, 1.5109575986862183),
        (-0.4998015430554755, 0.5030316162514281, -0.4997798114411504, 0.49737083819489186),
        (1266.417203046554, 816.2670197447984, 491.50706579294757),
        -35491,
    ),
    "CAM_FRONT_RIGHT": (
        (1.5508477687835693, -0.4934048056602478, 1.4957480430603027),
        (0.20603479288882023, -0.2026940539967368, 0.6824507837225665, -0.6713610894221409),
        (1260.8474446004698, 807.968244525554, 495.3344268742088),
        -27612,
    ),
    "CAM_BACK_RIGHT": (
        (1.0148781538009644, -0.4805682301521301, 1.562395453453064),
        (-0.1228098001739398, 0.13240084180727207, 0.7004305823327249, -0.690496031417272),
        (1259.5137405846733, 807.2529053838625, 501.19579884916527),
        -20058,
    ),
    "CAM_BACK": (
        (0.02832603082060814, 0.0034513676073402166, 1.5791034698486328),
        (0.5037872665570173, -0.49740249800120007, -0.4941850224740791, 0.5045496096514881),
        (809.2209905677063, 829.2196003259838, 481.77842384512485),
        -10426,
    ),
    "CAM_BACK_LEFT": (
        (1.0356910228729248, 0.4847950339317322, 1.5909701585769653),
        (-0.6924185586059354, 0.7031619418178131, 0.11648343028801025, -0.11203318144826209),
        (1256.7414812095406, 792.1125740759628, 492.7757465151356),
        -528,
    ),
    "CAM_FRONT_LEFT": (
        (1.5238779783248901, 0.4946313500404358, 1.5093282461166382),
        (0.6757265040490897, -0.6736266528015484, 0.21214014860685004, -0.21122826920192475),
        (1272.5979470598488, 826.6154927353808, 479.75165386361925),
        -43107,
    ),
}

CAMERA_CHANNELS = tuple(_CAMERAS)
"""nuScenes channels of the cameras, in the order in which they fire."""
_LIDAR = (
    (0.9437130093574524, 0.0, 1.8402299880981445),
    (0.7077955119164311, -0.006492241857679686, 0.010646214602139482, -0.7063073142912114),
)


def mounts(config: WorldConfig, rng: np.random.Generator) -> tuple[tuple[Mount, ...], Mount]:
    """The cameras and the LiDAR of a car; nuScenes' own unless the configuration varies them.

    Args:
        config: what may vary; its `realism.rigs` is for `rigs.mounted`.
        rng: draws.
    """
    cameras = []
    for channel, (place, quaternion, (focal, cx, cy), offset) in _CAMERAS.items():
        pose = Pose.from_quaternion(quaternion, place)
        angles = np.radians(rng.uniform(-1, 1, 3) * config.mount_angle)
        shift = rng.uniform(-1, 1, 3) * config.mount_shift
        if angles.any() or shift.any():
            turn = Pose.from_quaternion((1.0, *(angles / 2)), np.zeros(3)).rotation
            pose = Pose(pose.rotation @ turn, pose.translation + shift)
        focal = focal * rng.uniform(*config.focal)
        cameras.append(Mount(channel, pose, np.array([focal, focal, cx, cy]), offset))
    return tuple(cameras), Mount("LIDAR_TOP", Pose.from_quaternion(_LIDAR[1], _LIDAR[0]))
