"""Whether the topics that the node wants are there."""

from __future__ import annotations

from .mounting import sides
from .recording import ERROR, WARN, Problem, Recording, TopicRecord

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
CLOUD = "sensor_msgs/msg/PointCloud2"

IMAGE_ENDS = (
    "/image_raw/compressed",
    "/image_raw",
    "/image_color/compressed",
    "/image_color",
    "/image_rect_color/compressed",
    "/image_rect_color",
    "/image_rect/compressed",
    "/image_rect",
    "/image_mono/compressed",
    "/image_mono",
    "/image/compressed",
    "/image",
    "/compressed",
)
"""What follows a camera's name in the topics of its images, with drivers and data sets."""


def camera_of(topic: str) -> str:
    """The camera of an image's topic, without the leading slash: `car/front` of `/car/front/image_raw`."""
    for end in IMAGE_ENDS:
        if topic.endswith(end):
            return topic.removesuffix(end).lstrip("/")
    return topic.lstrip("/").rpartition("/")[0] or topic.lstrip("/")


def is_lidar(topic: str) -> bool:
    """Whether a topic of clouds is of a LiDAR, and not what this package or a depth camera makes."""
    name = f"/{topic.lstrip('/')}".lower()
    return not any(word in name for word in ("/bev/", "depth", "radar", "obstacle", "costmap", "voxel"))


def is_picture(topic: str) -> bool:
    """Whether a topic of images is of what a camera sees, and not of this package or of distances."""
    name = f"/{topic.lstrip('/')}".lower()
    return not any(word in name for word in ("/bev/image", "depth", "disparity", "confidence", "debug"))


def check_topics(recording: Recording) -> list[Problem]:
    """What is missing, or there under another name."""
    topics = recording.topics
    if not topics or not any(topic.count for topic in topics.values()):
        return [
            Problem(
                ERROR,
                recording.source,
                "there are no messages at all",
                "start the drivers; check ROS_DOMAIN_ID and RMW_IMPLEMENTATION"
                if recording.live
                else "record with --all, or name the topics",
                "topics.none",
            )
        ]
    problems = [
        Problem(WARN, recording.source, loss, "record again if this is too much", "bag.lost")
        for loss in recording.losses
    ]
    pictures = [
        topic for topic in topics.values() if topic.type in (IMAGE, COMPRESSED) and not _is_own(topic)
    ]
    if not pictures:
        return [
            Problem(
                ERROR,
                recording.source,
                "no image topic (sensor_msgs Image or CompressedImage)",
                "start the cameras' drivers" if recording.live else "record the cameras' topics",
                "topics.no-images",
            )
        ]
    problems += _namespaces(recording) or _names(recording)
    for record in recording.cameras:
        image = topics.get(record.image_topic)
        if image is None:
            if not recording.assumed:
                problems.append(_missing(recording, record.name, pictures))
            continue
        if not image.count:
            left = [one.name for one in recording.cameras if _heard(recording, one.image_topic)]
            problems.append(
                Problem(
                    ERROR,
                    record.name,
                    f"{image.name} exists, but no image arrived",
                    ("check the driver" if recording.live else "check the driver, and record again")
                    + f", or leave it out with cameras:={_quoted(left)}",
                    "topics.silent",
                )
            )
        if record.transport != recording.transport:
            problems.append(_transport(recording, record.name, image))
        if (remap := _remap(record.name, image)) is not None:
            problems.append(remap)
        info = topics.get(record.info_topic)
        if info is None:
            problems.append(_no_info(recording, record.name, image))
        elif not info.count and image.count:
            problems.append(
                Problem(
                    ERROR,
                    record.name,
                    f"{info.name} exists, but no camera_info arrived",
                    "give the driver its camera_info_url; a latched camera_info must be transient local",
                    "topics.silent-info",
                )
            )
        for topic in (image, info):
            if topic is not None and len(topic.offers) > 1 and recording.live:
                problems.append(
                    Problem(
                        WARN,
                        record.name,
                        f"{topic.name} has {len(topic.offers)} publishers",
                        "stop all but one: a second driver, or a bag being played",
                        "topics.two-publishers",
                    )
                )
    return problems


def _heard(recording: Recording, name: str) -> bool:
    topic = recording.topics.get(name)
    return topic is not None and topic.count > 0


def _is_own(topic: TopicRecord) -> bool:
    """Whether it is what this package publishes."""
    return "/bev/image" in f"/{topic.name.lstrip('/')}"


def _missing(recording: Recording, name: str, pictures: list[TopicRecord]) -> Problem:
    wanted = f"{name}/image_raw/compressed" if recording.transport == "compressed" else f"{name}/image_raw"
    used = {record.image_topic for record in recording.cameras}
    info = recording.topics.get(f"/{name}/camera_info")
    spare = [topic for topic in pictures if topic.name not in used]
    near = [topic for topic in spare if name.rpartition("/")[2] in topic.name]
    if near:
        remedy = f"remap it: --ros-args -r {wanted}:={near[0].name}"
    elif name in (others := _others(recording, [topic.name for topic in spare], wanted.removeprefix(name))):
        names = [others.get(record.name, record.name) for record in recording.cameras]
        remedy = f"{others[name]} may be it: use the existing names, cameras:={_quoted(names)}"
    elif spare:
        remedy = f"there is {', '.join(topic.name for topic in spare[:3])}: remap one to {wanted}"
    else:
        left = [record.name for record in recording.cameras if record.image_topic]
        remedy = f"start its driver, or leave it out with cameras:={_quoted(left)}"
    said = ", although its camera_info exists" if info is not None else ""
    return Problem(ERROR, name, f"no topic {wanted}{said}", remedy, "topics.missing")


def _others(recording: Recording, spare: list[str], end: str) -> dict[str, str]:
    """Names that missing cameras may have instead: those alone that say the same of where they look."""
    free = [topic.removesuffix(end).lstrip("/") for topic in spare if topic.endswith(end)]
    found = {}
    for record in recording.cameras:
        alike = [name for name in free if sides(name) == sides(record.name)]
        if not record.image_topic and len(alike) == 1 and sides(record.name):
            found[record.name] = alike[0]
    return found


def _quoted(names: list[str]) -> str:
    return "'[" + ", ".join(names) + "]'"


def _no_info(recording: Recording, name: str, image: TopicRecord) -> Problem:
    others = [topic.name for topic in recording.topics.values() if topic.type == INFO]
    used = {record.info_topic for record in recording.cameras}
    spare = [other for other in others if other not in used]
    near = [other for other in spare if name.rpartition("/")[2] in other]
    wanted = f"{name}/camera_info"
    remedy = (
        f"remap it: --ros-args -r {wanted}:={near[0]}"
        if near
        else f"calibrate the camera, and make its driver publish {wanted}"
    )
    return Problem(
        ERROR,
        name,
        f"no topic {wanted} next to {image.name}, so its lens is unknown",
        remedy,
        "topics.no-info",
    )


def _transport(recording: Recording, name: str, image: TopicRecord) -> Problem:
    raw = image.type == IMAGE
    have, want = ("raw", "compressed") if raw else ("compressed", "raw")
    return Problem(
        ERROR,
        name,
        f"its images are {have} ({image.name}), but image_transport is {want}",
        f"set image_transport to {have}",
        "topics.transport",
    )


def _namespaces(recording: Recording) -> list[Problem]:
    """Cameras that are there more than once, below different namespaces, or once below one."""
    spaces: dict[str, set[str]] = {}
    for topic in recording.topics.values():
        if topic.type not in (IMAGE, COMPRESSED):
            continue
        camera = camera_of(topic.name)
        for name in recording.expected:
            if camera == name or camera.endswith(f"/{name}"):
                spaces.setdefault(camera.removesuffix(name).rstrip("/"), set()).add(name)
    named = sorted(space for space in spaces if space)
    if len(spaces) > 1 and len(set.union(*spaces.values())) < sum(map(len, spaces.values())):
        shown = [f"/{space}" for space in sorted(spaces)]
        return [
            Problem(
                WARN,
                recording.source,
                f"the same cameras exist in {len(shown)} namespaces: {', '.join(shown)}",
                f"choose one: run the node in it (ros2 run ... --ros-args -r __ns:={shown[-1]})",
                "topics.two-robots",
            )
        ]
    if named and "" not in spaces:
        return [
            Problem(
                WARN,
                recording.source,
                f"the cameras are in the namespace /{named[0]}",
                f"run the node in it: --ros-args -r __ns:=/{named[0]}",
                "topics.namespace",
            )
        ]
    return []


def _names(recording: Recording) -> list[Problem]:
    """Cameras of other names than the node expects."""
    if not recording.assumed:
        return []
    names = [record.name for record in recording.cameras]
    return [
        Problem(
            ERROR,
            recording.source,
            f"none of the cameras {', '.join(recording.expected)} exists; the cameras are {', '.join(names)}",
            f"set cameras:={_quoted(names)}, front left first, in the order of the parameter's default",
            "topics.names",
        )
    ]


def _remap(name: str, image: TopicRecord) -> Problem | None:
    """A topic of images whose name is none that the node listens to."""
    wanted = f"{name}/image_raw" + ("/compressed" if image.type == COMPRESSED else "")
    if image.name.endswith(f"/{wanted}"):
        return None
    return Problem(
        ERROR,
        name,
        f"its images are on {image.name}, but the node listens to {wanted}",
        f"remap it: --ros-args -r {wanted}:={image.name}",
        "topics.remap",
    )
