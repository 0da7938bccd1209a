"""What was seen of a car: a few seconds of its topics, as plain values.

A source fills it, from live topics or from a bag; the checks read it. Stamps and times are nanoseconds
since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..geometry import CAMERA_NAMES, Camera, Pose
from .shared_memory import SharedMemory
from .sockets import Sockets
from .tree import FrameGraph

WARN, ERROR = "WARN", "ERROR"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, or very likely so.

    Attributes:
        level: `ERROR` where the grid cannot be right, `WARN` where it may be worse than it could.
        subject: camera, topic or frame that it is about.
        text: what is wrong, with numbers.
        remedy: the parameter or command that solves it.
        code: a short name of the kind, such as `camera.size`.
    """

    level: str
    subject: str
    text: str
    remedy: str
    code: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.subject}: {self.text}; {self.remedy}"


@dataclass(frozen=True)
class Offer:
    """What one publisher offers."""

    reliable: bool = True
    latched: bool = False


@dataclass(frozen=True, eq=False)
class TopicRecord:
    """One topic.

    Attributes:
        name: absolute.
        type: such as `sensor_msgs/msg/Image`.
        count: messages that were seen.
        offers: one a publisher, none where unknown.
        times: (count,) int64, when each was received.
        stamps: (count,) int64, of their headers; empty where the type has none.
        largest: bytes of the largest message.
    """

    name: str
    type: str
    count: int = 0
    offers: tuple[Offer, ...] = ()
    times: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    stamps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    largest: int = 0

    @property
    def rate(self) -> float:
        """Messages a second, by stamps where these rise, else by times; 0 where there are fewer than two."""
        for clock in (self.stamps, self.times):
            if len(clock) > 1 and clock.max() > clock.min():
                return float((len(clock) - 1) / ((clock.max() - clock.min()) / 1e9))
        return 0.0


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a camera.

    Attributes:
        stamp: of its header.
        form: the encoding of a raw image, the file format of a compressed one, as found.
        width, height: pixels, 0 where it could not be read.
        gray: (h, w) uint8, the picture made small, or None where it could not be read.
        digest: equal for equal data.
        problem: why it could not be read.
        note: what a user should know of it.
    """

    stamp: int
    form: str
    width: int = 0
    height: int = 0
    gray: np.ndarray | None = None
    digest: int = 0
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class CameraRecord:
    """One camera.

    Attributes:
        name: as in the parameter `cameras`.
        image_topic, info_topic: absolute; empty where there is none.
        transport: `compressed` or `raw`.
        frame: of its camera_info.
        image_frame: of its images.
        camera: as its camera_info tells, mounted where there is a path to the base frame and at the origin
            otherwise; None where the camera_info is of no camera.
        mounted: whether there is a path.
        mount: the pose of its frame in the base frame, before anything was assumed of it.
        rectified: whether it is taken as rectified.
        model: `distortion_model`.
        told: `width` and `height` of the camera_info, before binning and region of interest.
        cropped: whether there is binning or a region of interest.
        calibrated: whether K or P is not 0.
        bent: whether any of D is not 0.
        changes: camera_infos that differ from the one before.
        notes: what was assumed.
        problem: why there is no camera.
        shots: pictures, spread over the recording.
        picture: (height, width, 3) uint8 RGB, the middle one whole, None where there is none.
        pictured: its stamp.
    """

    name: str
    image_topic: str = ""
    info_topic: str = ""
    transport: str = "compressed"
    frame: str = ""
    image_frame: str = ""
    camera: Camera | None = None
    mounted: bool = False
    mount: Pose | None = None
    rectified: bool = False
    model: str = ""
    told: tuple[int, int] = (0, 0)
    cropped: bool = False
    calibrated: bool = True
    bent: bool = False
    changes: int = 0
    notes: tuple[str, ...] = ()
    problem: str = ""
    shots: tuple[Shot, ...] = ()
    picture: np.ndarray | None = None
    pictured: int = 0


@dataclass(frozen=True, eq=False)
class Cloud:
    """One scan: stamp, (N, 3) finite points in its frame, metres, and how many had NaN or infinity."""

    stamp: int
    points: np.ndarray
    lost: int = 0


@dataclass(frozen=True, eq=False)
class LidarRecord:
    """One LiDAR.

    Attributes:
        topic: absolute.
        frame: of its clouds.
        fields: name and type of each field, such as `("x", "float32")`.
        pose: of its frame in the base frame, None without a path.
        clouds: scans, spread over the recording.
        problem: why a cloud could not be read.
    """

    topic: str
    frame: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    pose: Pose | None = None
    clouds: tuple[Cloud, ...] = ()
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Recording:
    """All that was seen.

    Attributes:
        source: a bag's path, or `live`.
        topics: by name.
        cameras: in the order of the parameter; those that are missing too.
        lidars: every cloud that LiDARs publish.
        tree: the transforms.
        base_frame: of the car.
        start, end: first and last time.
        expected: the cameras that the node was to use, before others were taken in their place.
        assumed: whether others were taken in their place.
        reliability: of the node's subscriptions to the cameras.
        transport: of the node's subscriptions to the cameras.
        slop: seconds between the images of a set, at most.
        sim_time: whether the node uses /clock.
        sockets: how much sockets hold, None where unknown.
        shared_memory: of Fast DDS, None where another middleware is in use.
        losses: what of the source could not be read, one line each.
        ego: stamps (n,) and poses of the car in a fixed frame, where it was told; empty otherwise.
    """

    source: str
    topics: Mapping[str, TopicRecord]
    cameras: tuple[CameraRecord, ...]
    lidars: tuple[LidarRecord, ...] = ()
    tree: FrameGraph = field(default_factory=FrameGraph)
    base_frame: str = "base_link"
    start: int = 0
    end: int = 0
    expected: tuple[str, ...] = CAMERA_NAMES
    assumed: bool = False
    reliability: str = "best_effort"
    transport: str = "compressed"
    slop: float = 0.05
    sim_time: bool = False
    sockets: Sockets | None = None
    shared_memory: SharedMemory | None = None
    losses: tuple[str, ...] = ()
    ego: tuple[np.ndarray, tuple[Pose, ...]] = (np.zeros(0, np.int64), ())

    @property
    def live(self) -> bool:
        """Whether it was heard rather than read."""
        return self.source == "live"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return max(0.0, (self.end - self.start) / 1e9)

    def ego_at(self, stamp: int) -> Pose | None:
        """Where the car was, None where nobody told."""
        stamps, poses = self.ego
        if not len(stamps):
            return None
        index = int(np.clip(np.searchsorted(stamps, stamp), 1, len(stamps) - 1)) if len(stamps) > 1 else 0
        if index and abs(stamps[index - 1] - stamp) <= abs(stamps[index] - stamp):
            index -= 1
        return poses[index] if abs(int(stamps[index]) - stamp) < 200_000_000 else None
