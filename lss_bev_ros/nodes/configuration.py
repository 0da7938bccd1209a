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
    dynamic: bool = False,
) -> Any:
    """Declare a field of a parameter class.

    Args:
        default: its type is the parameter's type; `[""]` is an empty list of texts, since ROS 2 cannot
            tell the type of an empty one.
        description: what it does, with the unit, for `ros2 param describe`.
        minimum: least value of a number, inclusive; given with `maximum` or not at all.
        maximum: greatest value, inclusive.
        choices: what a text may be.
        dynamic: whether it may be set while the node runs.
    """
    metadata = {
        "description": description,
        "bounds": (minimum, maximum),
        "choices": choices,
        "dynamic": dynamic,
    }
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_RECTIFIED = (
    "true: the images are rectified, so use R and P of camera_info; false: they come straight from the "
    "sensor, so use K and D; auto: true if D is 0 and P differs from K"
)
_FRAMES = (
    "axes of the cameras' frames; optical: z forward, y down; body: x forward, z up; auto: body if the "
    "camera would otherwise look at the sky"
)


@dataclass(frozen=True)
class ReplayParameters:
    """Parameters of the replay node."""

    dataroot: str = parameter("", "nuScenes data root: the folder that contains v1.0-*, samples and sweeps")
    version: str = parameter("", "data set version, such as v1.0-mini; empty: the one found in dataroot")
    scenes: list[str] = parameter([""], "scenes to replay, in this order; empty: all")
    vehicle_categories: list[str] = parameter(
        [""], "categories that count as vehicles in ground_truth/occupancy; empty: decide by their names"
    )
    rate: float = parameter(1.0, "playback speed; 1.0 is real time", 0.01, 100.0)
    loop: bool = parameter(False, "start again at the end, forever")
    repeat: int = parameter(
        1, "number of times to play everything before exiting, if loop is false", 1, 1000000
    )
    sweeps: bool = parameter(False, "also publish the frames between keyframes: 12 Hz cameras, 20 Hz LiDAR")
    stamp: str = parameter(
        "now",
        "now: shift the recorded times to the present; dataset: keep them and publish /clock",
        choices=("now", "dataset"),
    )
    publish_raw: bool = parameter(False, "also publish decoded images on <camera>/image_raw")
    paused: bool = parameter(False, "start paused; ~/resume or ~/step starts playback")
    wait_for_subscribers: int = parameter(
        0,
        "number of subscribers that each camera must have before the first frame, raw and compressed "
        "together; discovery on camera_info and /tf_static gets 3 s more",
        0,
        100,
    )
    wait_for_publisher: str = parameter(
        "", "topic that must have a publisher before the first frame, such as bev/occupancy"
    )
    wait_timeout: float = parameter(
        60.0, "longest wait for subscribers and publisher, in seconds", 0.0, 3600.0
    )
    linger: float = parameter(
        2.0, "seconds to stay alive after the last frame, so that other nodes can finish it", 0.0, 60.0
    )


@dataclass(frozen=True)
class InferenceParameters:
    """Parameters of the inference node."""

    cameras: list[str] = parameter(list(CAMERA_NAMES), "camera namespaces, in rig order")
    image_transport: str = parameter(
        "compressed",
        "compressed: <camera>/image_raw/compressed; raw: <camera>/image_raw",
        choices=("compressed", "raw"),
    )
    reliability: str = parameter(
        "best_effort",
        "QoS reliability of the camera subscriptions; reliable loses no image on a lossless link",
        choices=("best_effort", "reliable"),
    )
    base_frame: str = parameter("base_link", "frame of the car; the grid is in this frame")
    image_rectified: str = parameter("auto", _RECTIFIED, choices=("auto", "true", "false"))
    camera_frames: str = parameter("auto", _FRAMES, choices=("auto", "optical", "body"))
    weights: str = parameter(
        "builtin",
        "builtin: shipped with the package, trained on synthetic data; builtin-pruned: a pruned version, "
        "twice as fast; builtin-multi: the multi-sense network; builtin-street: the same trained for real "
        "streets; seed:N, multi-seed:N: untrained; otherwise a checkpoint file",
    )
    senses: list[str] = parameter(
        [""],
        "senses that a multi-sense network uses, of cameras, lidar and memory; empty: all that it has",
    )
    heads: list[str] = parameter(
        [""],
        "answers of a multi-sense network, of segmentation, boxes, occupancy, lanes, embedding and plan; "
        "empty: all that it has",
    )
    prompts: list[str] = parameter(
        [""],
        "texts whose places a multi-sense network shows on bev/prompts/prompt_<i>, such as 'zebra crossing'",
        dynamic=True,
    )
    odometry: str = parameter(
        "odom",
        "topic of nav_msgs/Odometry for what a multi-sense network remembers; where it is silent, "
        "transforms from odom or map count",
    )
    backend: str = parameter(
        "auto", "engine that runs the network; auto: the fastest one that works on this machine"
    )
    precision: str = parameter(
        "auto",
        "precision of the network; auto: the fastest one on this machine that keeps the accuracy",
        choices=("auto", "fp32", "bf16", "fp16", "int8", "fp8"),
    )
    threads: int = parameter(0, "CPU threads of the network; 0: torch decides", 0, 256)
    slop: float = parameter(
        0.05, "largest time difference between the images of one frame set, in seconds", 0.001, 10.0
    )
    deadline: float = parameter(
        0.2, "longest wait for a late camera or its first camera_info, in seconds", 0.001, 60.0
    )
    min_cameras: int = parameter(1, "fewest cameras with which a frame set is used", 1, 64)
    lost_after: int = parameter(
        3, "after missing this many frame sets, a camera is no longer waited for", 1, 1000
    )
    stale_after: float = parameter(
        2.0, "seconds without a frame set before diagnostics report it", 0.1, 3600.0
    )
    engine_timeout: float = parameter(
        15.0,
        "seconds that a frame may take on a GPU before it counts as stuck and the processor's engine takes "
        "its place; eight times as long on the processor",
        0.5,
        3600.0,
    )
    leave_out_misplaced: bool = parameter(
        True,
        "leave out cameras whose transform cannot belong to a camera on this car; false: only warn",
    )
    lidar: str = parameter(
        "lidar_top/points",
        "topic of the LiDAR clouds: a multi-sense network reads them, and images are compared with them; "
        "empty: no comparison",
    )
    lidar_check_period: float = parameter(
        10.0, "seconds between comparisons of LiDAR and images; 0: no comparison", 0.0, 3600.0
    )
    image_scale: int = parameter(3, "pixels per cell in bev/image", 1, 16)
    jpeg_quality: int = parameter(90, "JPEG quality of bev/image/compressed", 1, 100)


@dataclass(frozen=True)
class EvaluationParameters:
    """Parameters of the evaluation node."""

    report: str = parameter("", "file for the JSON report, kept up to date; empty: no report")
    report_frames: int = parameter(
        1000, "newest frames whose own scores the report lists; its running scores are of all", 1, 1000000
    )
    threshold: float = parameter(
        0.5,
        "lowest probability at which a cell counts as predicted; 0: of each frame the one at which its own "
        "probabilities expect the highest IoU",
        0.0,
        1.0,
    )
    match_slop: float = parameter(
        0.04,
        "largest time difference between a grid and what it is scored against, in seconds",
        0.001,
        1.0,
    )
    match_timeout: float = parameter(
        1.0, "longest wait for the annotations and the scan of a grid, in seconds", 0.01, 60.0
    )
    reliability: str = parameter(
        "best_effort", "QoS reliability of the LiDAR subscription", choices=("best_effort", "reliable")
    )
    base_frame: str = parameter("base_link", "frame of the car; the grid is in this frame")
    stale_after: float = parameter(5.0, "seconds without a grid before diagnostics report it", 0.1, 3600.0)
    min_iou: float = parameter(0.45, "lowest IoU that passes", 0.0, 1.0)
    min_precision: float = parameter(0.75, "lowest precision that passes", 0.0, 1.0)
    min_recall: float = parameter(0.80, "lowest recall that passes", 0.0, 1.0)
    min_f1: float = parameter(0.77, "lowest F1 that passes", 0.0, 1.0)
    min_near_iou: float = parameter(0.50, "lowest IoU that passes, with near cells weighted more", 0.0, 1.0)
    min_iou_0_10: float = parameter(0.60, "lowest IoU within 10 m that passes", 0.0, 1.0)
    min_iou_10_20: float = parameter(0.50, "lowest IoU from 10 to 20 m that passes", 0.0, 1.0)
    min_iou_20_30: float = parameter(0.45, "lowest IoU from 20 to 30 m that passes", 0.0, 1.0)


@dataclass(frozen=True)
class DashboardParameters:
    """Parameters of the dashboard node."""

    host: str = parameter(
        "127.0.0.1",
        "address to listen on; 0.0.0.0 allows access from other machines, to those who have the token",
    )
    port: int = parameter(8080, "port of the page; 0: any free port", 0, 65535)
    allowed_hosts: list[str] = parameter(
        [""], "host names under which the page may be opened, besides IP addresses and localhost"
    )
    token_file: str = parameter(
        "",
        "file with the token that opens the page; empty: none on this machine alone, and beyond it one that "
        "is made once and printed at each start",
    )
    tls_certificate: str = parameter("", "PEM file of the certificate, to serve by https; empty: http")
    tls_key: str = parameter("", "PEM file of its key; empty: it is in tls_certificate")
    cameras: list[str] = parameter(list(CAMERA_NAMES), "camera namespaces in display order, three per row")
    image_transport: str = parameter(
        "compressed",
        "compressed: <camera>/image_raw/compressed; raw: <camera>/image_raw",
        choices=("compressed", "raw"),
    )
    reliability: str = parameter(
        "best_effort",
        "QoS reliability of the camera and LiDAR subscriptions",
        choices=("best_effort", "reliable"),
    )
    base_frame: str = parameter("base_link", "frame of the car; the grid is in this frame")
    image_rectified: str = parameter("auto", _RECTIFIED, choices=("auto", "true", "false"))
    camera_frames: str = parameter("auto", _FRAMES, choices=("auto", "optical", "body"))
    replay: str = parameter(
        "replay", "name of the replay node whose pause, resume and step services the page offers"
    )
    inference: str = parameter(
        "inference", "name of the inference node whose prompts the page sets; empty: it sets none"
    )
    read_only: bool = parameter(
        False, "refuse to control anything: the page shows, and neither pauses the replay nor sets prompts"
    )
    camera_width: int = parameter(640, "width of a camera image on the page, in pixels", 160, 1920)
    stream_quality: int = parameter(75, "JPEG quality of the page and the streams", 1, 100)
    max_rate: float = parameter(5.0, "highest drawing rate, in frames per second", 0.1, 30.0)
    max_clients: int = parameter(100, "largest number of streams at the same time", 1, 1000)
    stale_after: float = parameter(
        5.0, "seconds without a message before a topic counts as silent", 0.1, 3600.0
    )
