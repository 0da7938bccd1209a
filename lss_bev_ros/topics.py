"""A data set's recordings as the messages that the replay node publishes and `lss-bev convert` writes.

One place for both, so that a bag that was converted and one that was recorded hold the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nav_msgs.msg import OccupancyGrid
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from . import images, messages
from .dataset import CameraShot, Keyframe, LidarScan
from .dataset.timeline import Event, Mounting, mounted_at
from .errors import DatasetError, PictureError
from .geometry import CAMERA_NAMES, BevGrid, Pose, vehicle_raster
from .geometry.category import PERSON, TWO_WHEELER, kind_of
from .geometry.classes import LINES, SEGMENTS, STREET_AREAS
from .messages.lines import line_markers
from .messages.maps import label_image

LIDAR_TOPIC = "lidar_top/points"
TRUTH_TOPIC = "ground_truth/occupancy"
BOXES_TOPIC = "ground_truth/boxes"
VELOCITIES_TOPIC = "ground_truth/velocities"
TRUE_LANES_TOPIC = "ground_truth/lanes"
TRUE_VOXELS_TOPIC = "ground_truth/voxels"
TF_TOPIC = "/tf"
TF_STATIC_TOPIC = "/tf_static"
CLOCK_TOPIC = "/clock"

OBJECTS_TOPIC = "bev/objects"
OBJECT_MARKERS_TOPIC = "bev/objects/markers"
SEGMENTATION_TOPIC = "bev/segmentation"
VOXELS_TOPIC = "bev/voxels"
LANES_TOPIC = "bev/lanes"
PLAN_TOPIC = "bev/plan"
COST_TOPIC = "bev/cost"
PROMPTS_TOPIC = "bev/prompts"
LAYER_TOPICS = {name: f"bev/{name}" for name in SEGMENTS if name != "vehicle"}
"""Topic of the grid of each layer of the segmentation, but for `vehicle`, whose grid is `bev/occupancy`."""

TRUE_LAYER_TOPICS = {name: f"ground_truth/{name}" for name in LAYER_TOPICS}
"""Of the truth of these layers."""

TRUTHS = (
    {TRUE_LAYER_TOPICS["person"], TRUE_LAYER_TOPICS["two_wheeler"], VELOCITIES_TOPIC},
    {*(TRUE_LAYER_TOPICS[name] for name in (*STREET_AREAS, *LINES)), TRUE_LANES_TOPIC},
    {TRUE_VOXELS_TOPIC},
)
"""Topics of truth besides boxes, together what one file tells."""

LANE_TOPICS = tuple(f"{LANES_TOPIC}/path_{index}" for index in range(8))
"""Of the longest lane boundaries, one a topic."""


NOT_KNOWN = 255
"""Label of voxels that do not count."""

_MOVING = {"person": PERSON, "two_wheeler": TWO_WHEELER}
"""Layers of things besides vehicles, and their kind."""


@dataclass(frozen=True)
class Topic:
    """One topic of a replay.

    Attributes:
        name: relative to the namespace, or absolute where ROS wants that.
        kind: class of its messages.
        type_name: such as `sensor_msgs/msg/Image`.
        latched: whether its last message is kept for late subscribers (transient local).
        depth: messages that a publisher keeps.
    """

    name: str
    kind: type
    type_name: str
    latched: bool = False
    depth: int = 10


def image_topic(camera: str) -> str:
    """Topic of a camera's images as their files have them: JPEG, PNG or WebP."""
    return f"{camera}/image_raw/compressed"


def raw_image_topic(camera: str) -> str:
    """Topic of a camera's decoded images."""
    return f"{camera}/image_raw"


def info_topic(camera: str) -> str:
    """Topic of a camera's calibration."""
    return f"{camera}/camera_info"


def labels_topic(topic: str) -> str:
    """Topic of the LabelInfo of what is published on a topic."""
    return f"{topic}/label_info"


def prompt_topic(index: int) -> str:
    """Topic of the grid of one of the parameter `prompts`."""
    return f"{PROMPTS_TOPIC}/prompt_{index}"


def all_topics(
    raw: bool = False, clock: bool = False, cameras: Iterable[str] = CAMERA_NAMES
) -> tuple[Topic, ...]:
    """Every topic of a replay.

    Args:
        raw: with decoded images.
        clock: with /clock.
        cameras: names of the cameras.
    """
    cameras = tuple(cameras)
    found = [Topic(image_topic(name), CompressedImage, "sensor_msgs/msg/CompressedImage") for name in cameras]
    found += [Topic(info_topic(name), CameraInfo, "sensor_msgs/msg/CameraInfo") for name in cameras]
    if raw:
        found += [Topic(raw_image_topic(name), Image, "sensor_msgs/msg/Image") for name in cameras]
    found += [
        Topic(LIDAR_TOPIC, PointCloud2, "sensor_msgs/msg/PointCloud2"),
        Topic(TRUTH_TOPIC, OccupancyGrid, "nav_msgs/msg/OccupancyGrid", latched=True, depth=1),
        Topic(BOXES_TOPIC, MarkerArray, "visualization_msgs/msg/MarkerArray", latched=True, depth=1),
        # As the broadcasters of tf2_ros publish them.
        Topic(TF_TOPIC, TFMessage, "tf2_msgs/msg/TFMessage", depth=100),
        Topic(TF_STATIC_TOPIC, TFMessage, "tf2_msgs/msg/TFMessage", latched=True, depth=1),
    ]
    if clock:
        found.append(Topic(CLOCK_TOPIC, Clock, "rosgraph_msgs/msg/Clock"))
    return tuple(found)


def truth_topics(keyframe: Keyframe) -> tuple[Topic, ...]:
    """Topics of what a data set knows besides its boxes, told by a keyframe; nothing is read for it."""
    layers = [*_MOVING] if keyframe.annotated else []
    streets = keyframe.truth.street_map
    if streets is not None and streets.is_file():
        layers += [*STREET_AREAS, *LINES]
    found = [
        Topic(TRUE_LAYER_TOPICS[name], OccupancyGrid, "nav_msgs/msg/OccupancyGrid", latched=True, depth=1)
        for name in layers
    ]
    markers = [VELOCITIES_TOPIC] if keyframe.annotated else []
    markers += [TRUE_LANES_TOPIC] if "lane_boundary" in layers else []
    found += [
        Topic(name, MarkerArray, "visualization_msgs/msg/MarkerArray", latched=True, depth=1)
        for name in markers
    ]
    if keyframe.truth.voxels is not None and keyframe.truth.voxels.is_dir():
        found.append(Topic(TRUE_VOXELS_TOPIC, Image, "sensor_msgs/msg/Image", latched=True, depth=1))
    return tuple(found)


def truth(keyframe: Keyframe, stamp: int, grid: BevGrid, wanted: Collection[str]) -> list[tuple[str, Any]]:
    """Messages of what a data set knows of a keyframe besides its boxes.

    Args:
        keyframe: whose truth it is.
        stamp: nanoseconds, of every message.
        grid: cells of the layers and voxels.
        wanted: topic names, of `truth_topics`; what belongs to no other is not read.

    Returns:
        Topic names and messages. Layers are 0 and 100; things of a layer have a LiDAR return at least. Voxels
        have Occ3D's classes, its number for what is free, and 255 where no camera sees.

    Raises:
        DatasetError: a map or labels are damaged.
    """
    made: list[tuple[str, Any]] = []

    wanted_layers = {name for name, topic in TRUE_LAYER_TOPICS.items() if topic in wanted}

    def layer(name: str, there: np.ndarray) -> None:
        cells = there.astype(np.int8) * 100
        made.append((TRUE_LAYER_TOPICS[name], messages.occupancy_grid(cells, grid, stamp)))

    if keyframe.annotated:
        for name in [name for name in _MOVING if name in wanted_layers]:
            things = [
                replace(box, vehicle=True) for box in keyframe.boxes if kind_of(box.category) == _MOVING[name]
            ]
            layer(name, vehicle_raster(things, grid, 1))
        if VELOCITIES_TOPIC in wanted:
            made.append((VELOCITIES_TOPIC, messages.velocity_markers(keyframe.boxes, stamp)))
    if streets := wanted_layers.intersection((*STREET_AREAS, *LINES)):
        for name, there in (keyframe.map_raster(grid) or {}).items():
            if name in streets:
                layer(name, there)
    if TRUE_LANES_TOPIC in wanted:
        lines = keyframe.map_lines(grid)
        if lines is not None:
            made.append((TRUE_LANES_TOPIC, line_markers(lines, stamp)))
    if TRUE_VOXELS_TOPIC in wanted:
        voxels = keyframe.voxels(grid)
        if voxels is not None:
            labels = np.where(voxels.mask_camera, voxels.semantics, NOT_KNOWN).astype(np.uint8)
            made.append((TRUE_VOXELS_TOPIC, label_image(labels, stamp)))
    return made


def mounting(events: Iterable[Event], stamp: int) -> TFMessage:
    """Where each sensor sits on the car after these events, for `/tf_static`."""
    poses: dict[str, Pose] = {}
    for event in events:
        if isinstance(event.item, (CameraShot, LidarScan)):
            poses[event.item.name] = mounted_at(event.item)
    return mounted(Mounting(stamp, poses), stamp)


def mounted(item: Mounting, stamp: int) -> TFMessage:
    """Where each sensor sits on the car from now on, for `/tf_static`.

    All of them, since the topic keeps one message for those who come late.
    """
    return TFMessage(
        transforms=[messages.transform(pose, "base_link", name, stamp) for name, pose in item.poses.items()]
    )


def motion(item: CameraShot | LidarScan | Keyframe, stamp: int) -> TFMessage:
    """Where the car is at the time of a recording, for `/tf`."""
    return TFMessage(transforms=[messages.transform(item.ego, "map", "base_link", stamp)])


def restamp(made: Iterable[tuple[str, Any]], stamp: int) -> None:
    """Give messages that `recording` made another stamp, nanoseconds."""
    for _, message in made:
        for part in message.markers if isinstance(message, MarkerArray) else [message]:
            part.header.stamp = messages.to_stamp(stamp)


def recording(
    item: CameraShot | LidarScan | Keyframe, stamp: int, grid: BevGrid, raw: bool = False
) -> list[tuple[str, Any]]:
    """Messages of one recording, besides the car's motion.

    Args:
        item: an image, a scan, or a keyframe for its annotations.
        stamp: nanoseconds, of every message.
        grid: of the annotated vehicles.
        raw: decoded images too.

    Returns:
        topic names of `topics` and messages, in the order in which they are to be published. Truth that
        nobody knows is -1 everywhere.

    Raises:
        DatasetError: a file that is missing or damaged.
    """
    if isinstance(item, Keyframe):
        truth = vehicle_raster(item.boxes, grid).astype(np.int8) * 100
        if not item.annotated:
            truth[:] = -1  # nobody knows; an empty grid would say that there is no vehicle
        return [
            (TRUTH_TOPIC, messages.occupancy_grid(truth, grid, stamp)),
            (BOXES_TOPIC, messages.box_markers(item.boxes, stamp)),
        ]
    if isinstance(item, LidarScan):
        return [(LIDAR_TOPIC, messages.point_cloud(item.points(), stamp, item.name))]
    encoded = item.encoded()
    kind = (images.kind_of(encoded) or "jpeg").lower()
    made = [
        (info_topic(item.name), messages.camera_info(item.camera, stamp)),
        (image_topic(item.name), messages.compressed_image(encoded, stamp, item.name, kind)),
    ]
    if raw:
        try:
            rgb = images.decode(encoded)
        except PictureError as error:
            raise DatasetError(f"{item.path}: {error}; replace the file") from None
        made.append((raw_image_topic(item.name), messages.image(rgb, stamp, item.name)))
    return made
