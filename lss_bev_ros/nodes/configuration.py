"""What the parameters of each node are: names, types, defaults, ranges and descriptions.

It knows nothing of ROS: the nodes declare these on themselves, and the launch files offer them as arguments.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..geometry import CAMERA_NAMES


def parameter(
    default: Any,
    description: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a field of a parameter class.

    Args:
        default: its type is the parameter's type; `[""]` is an empty list of texts, since ROS 2 cannot
            tell the type of an empty one.
        description: what it does, with the unit, for `ros2 param describe`.
        minimum: least value of a number, inclusive; given with `maximum` or not at all.
        maximum: greatest value, inclusive.
        choices: what a text may be.
    """
    metadata = {"description": description, "bounds": (minimum, maximum), "choices": choices}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_RECTIFIED = (
    "true: the images are rectified, so R and P of camera_info count; false: they are as the sensor gives "
    "them, so K and D count; auto: true where D is 0 and P differs from K"
)
_FRAMES = (
    "axes of the cameras' frames; optical: z forward, y down; body: x forward, z up; auto: body where the "
    "camera would look at the sky otherwise"
)


@dataclass(frozen=True)
class ReplayParameters:
    """Parameters of the replay node."""

    dataroot: str = parameter("", "nuScenes data root: the folder that holds v1.0-*, samples and sweeps")
    version: str = parameter("", "data set version, such as v1.0-mini; empty takes the one that is there")
    scenes: list[str] = parameter([""], "scenes to replay in this order; empty replays all")
    vehicle_categories: list[str] = parameter(
        [""], "categories that count as vehicles in ground_truth/occupancy; empty lets their names tell"
    )
    rate: float = parameter(1.0, "playback speed, 1.0 is real time", 0.01, 100.0)
    loop: bool = parameter(False, "start again at the end, for ever")
    repeat: int = parameter(1, "times to play everything before exiting, without loop", 1, 1000000)
    sweeps: bool = parameter(False, "publish the frames between keyframes too: 12 Hz cameras, 20 Hz LiDAR")
    stamp: str = parameter(
        "now",
        "now: shift the recorded times to the present; dataset: publish them as they are, and /clock",
        choices=("now", "dataset"),
    )
    publish_raw: bool = parameter(False, "publish decoded images on <camera>/image_raw too")
    paused: bool = parameter(False, "start paused; ~/resume or ~/step starts it")
    wait_for_subscribers: int = parameter(
        0,
        "subscribers that every camera must have before the first frame, raw and compressed together; they "
        "are given 3 s more to be found on camera_info and /tf_static",
        0,
        100,
    )
    wait_for_publisher: str = parameter(
        "", "topic that somebody must publish before the first frame, such as bev/occupancy"
    )
    wait_timeout: float = parameter(60.0, "seconds to wait for both, at most", 0.0, 3600.0)
    linger: float = parameter(2.0, "seconds to stay after the last frame, for others to finish it", 0.0, 60.0)


@dataclass(frozen=True)
class InferenceParameters:
    """Parameters of the inference node."""

    cameras: list[str] = parameter(list(CAMERA_NAMES), "camera namespaces, in the order of the rig")
    image_transport: str = parameter(
        "compressed",
        "compressed: <camera>/image_raw/compressed; raw: <camera>/image_raw",
        choices=("compressed", "raw"),
    )
    reliability: str = parameter(
        "best_effort",
        "of the camera subscriptions; reliable loses no image on a lossless link",
        choices=("best_effort", "reliable"),
    )
    base_frame: str = parameter("base_link", "frame of the car, in which the grid lies")
    image_rectified: str = parameter("auto", _RECTIFIED, choices=("auto", "true", "false"))
    camera_frames: str = parameter("auto", _FRAMES, choices=("auto", "optical", "body"))
    weights: str = parameter(
        "builtin",
        "builtin: those that ship, trained on synthetic data, or builtin-pruned, twice as fast; or a "
        "checkpoint file; or seed:N, untrained",
    )
    backend: str = parameter("auto", "what runs the network; auto takes the fastest that works here")
    precision: str = parameter(
        "auto",
        "of the network; auto takes the fastest here whose results hold",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
    )
    threads: int = parameter(0, "CPU threads of the network, 0 leaves it to torch", 0, 256)
    slop: float = parameter(0.05, "seconds between the images of one set, at most", 0.001, 10.0)
    deadline: float = parameter(
        0.2, "seconds to wait for a late camera or its first camera_info, at most", 0.001, 60.0
    )
    min_cameras: int = parameter(1, "cameras that a set must have to be used", 1, 64)
    lost_after: int = parameter(3, "sets that a camera misses before it is no longer waited for", 1, 1000)
    stale_after: float = parameter(2.0, "seconds without a frame set before diagnostics say so", 0.1, 3600.0)
    leave_out_misplaced: bool = parameter(
        True,
        "leave out cameras whose transform cannot be that of a camera on this car, instead of warning alone",
    )
    lidar: str = parameter(
        "lidar_top/points", "topic of LiDAR clouds that the pictures are compared with; empty compares none"
    )
    lidar_check_period: float = parameter(
        10.0, "seconds between two comparisons of LiDAR and pictures, 0 for none", 0.0, 3600.0
    )
    image_scale: int = parameter(3, "pixels of bev/image per cell", 1, 16)
    jpeg_quality: int = parameter(90, "of bev/image/compressed", 1, 100)


@dataclass(frozen=True)
class EvaluationParameters:
    """Parameters of the evaluation node."""

    report: str = parameter("", "file for the JSON report, kept up to date; empty for none")
    threshold: float = parameter(0.5, "probability from which a cell counts as predicted", 0.01, 1.0)
    match_slop: float = parameter(
        0.04,
        "seconds between a grid and what it is scored against, at most",
        0.001,
        1.0,
    )
    match_timeout: float = parameter(
        1.0, "seconds to wait for the annotations and the scan that belong to a grid", 0.01, 60.0
    )
    reliability: str = parameter(
        "best_effort", "of the LiDAR subscription", choices=("best_effort", "reliable")
    )
    base_frame: str = parameter("base_link", "frame of the car, in which the grid lies")
    stale_after: float = parameter(5.0, "seconds without a grid before diagnostics say so", 0.1, 3600.0)
    min_iou: float = parameter(0.45, "least IoU that passes", 0.0, 1.0)
    min_precision: float = parameter(0.75, "least precision that passes", 0.0, 1.0)
    min_recall: float = parameter(0.80, "least recall that passes", 0.0, 1.0)
    min_f1: float = parameter(0.77, "least F1 that passes", 0.0, 1.0)
    min_near_iou: float = parameter(0.50, "least IoU with near cells weighted that passes", 0.0, 1.0)
    min_iou_0_10: float = parameter(0.60, "least IoU within 10 m that passes", 0.0, 1.0)
    min_iou_10_20: float = parameter(0.50, "least IoU from 10 to 20 m that passes", 0.0, 1.0)
    min_iou_20_30: float = parameter(0.45, "least IoU from 20 to 30 m that passes", 0.0, 1.0)


@dataclass(frozen=True)
class DashboardParameters:
    """Parameters of the dashboard node."""

    host: str = parameter("127.0.0.1", "address to listen on; 0.0.0.0 lets other machines in")
    port: int = parameter(8080, "port of the page, 0 takes a free one", 0, 65535)
    allowed_hosts: list[str] = parameter(
        [""], "names by which the page may be opened, besides addresses and localhost"
    )
    cameras: list[str] = parameter(list(CAMERA_NAMES), "camera namespaces, as shown, three in a row")
    image_transport: str = parameter(
        "compressed",
        "compressed: <camera>/image_raw/compressed; raw: <camera>/image_raw",
        choices=("compressed", "raw"),
    )
    reliability: str = parameter(
        "best_effort", "of the camera and LiDAR subscriptions", choices=("best_effort", "reliable")
    )
    base_frame: str = parameter("base_link", "frame of the car, in which the grid lies")
    image_rectified: str = parameter("auto", _RECTIFIED, choices=("auto", "true", "false"))
    camera_frames: str = parameter("auto", _FRAMES, choices=("auto", "optical", "body"))
    replay: str = parameter("replay", "name of the node whose services pause, resume and step are offered")
    camera_width: int = parameter(640, "pixels of a camera's picture in the page", 160, 1920)
    stream_quality: int = parameter(75, "of the JPEGs that the page and the streams show", 1, 100)
    max_rate: float = parameter(5.0, "frames a second that are drawn, at most", 0.1, 30.0)
    max_clients: int = parameter(100, "streams at once, at most", 1, 1000)
    stale_after: float = parameter(5.0, "seconds without a message before a topic is silent", 0.1, 3600.0)
