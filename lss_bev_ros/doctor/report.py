"""What the doctor tells, as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .cameras import field_of_view
from .clocks import ages
from .coverage import cells_seen
from .examination import Examination
from .lidar import ground_plane
from .recording import CameraRecord, LidarRecord, Recording, TopicRecord
from .tree import FrameGraph


def describe(recording: Recording, examination: Examination) -> str:
    """Tables of what is there, then the numbered problems."""
    parts = [
        f"{recording.source}: {recording.seconds:.1f} s, "
        f"{sum(topic.count for topic in recording.topics.values())} messages",
        _section("topics", _topics(recording)),
        _section("cameras", _cameras(recording, examination)),
        _section("clocks", _clocks(recording)),
        _section("transforms", _tree(recording.tree)),
        _section("LiDAR", _lidars(recording)),
        _section("notes", [note for record in recording.cameras for note in record.notes]),
        _problems(examination),
    ]
    return "\n".join(part for part in parts if part)


def as_data(recording: Recording, examination: Examination) -> dict[str, Any]:
    """The same, ready for JSON: times in seconds, lengths in metres, angles in degrees."""
    return {
        "source": recording.source,
        "seconds": round(recording.seconds, 3),
        "topics": [
            {
                "name": topic.name,
                "type": topic.type,
                "count": topic.count,
                "hz": round(topic.rate, 3),
                "qos": _offers(topic),
            }
            for topic in recording.topics.values()
        ],
        "cameras": [_camera_data(recording, record, examination) for record in recording.cameras],
        "transforms": [
            {
                "parent": edge.parent,
                "child": edge.child,
                "static": edge.static,
                "count": edge.count,
                "translation": None if edge.pose is None else edge.pose.translation.tolist(),
                "quaternion_wxyz": None if edge.pose is None else edge.pose.quaternion.tolist(),
            }
            for edge in recording.tree.edges.values()
        ],
        "lidars": [
            {
                "topic": record.topic,
                "frame": record.frame,
                "fields": dict(record.fields),
                "points": int(np.mean([len(cloud.points) for cloud in record.clouds]))
                if record.clouds
                else 0,
                "road_height": _road(record),
            }
            for record in recording.lidars
        ],
        "problems": [
            {
                "level": problem.level,
                "code": problem.code,
                "subject": problem.subject.split(", "),
                "text": problem.text,
                "remedy": problem.remedy,
            }
            for problem in examination.problems
        ],
    }


def _camera_data(recording: Recording, record: CameraRecord, examination: Examination) -> dict[str, Any]:
    topic = recording.topics.get(record.image_topic)
    camera, fit = record.camera, examination.fits.get(record.name)
    data: dict[str, Any] = {
        "name": record.name,
        "image_topic": record.image_topic,
        "camera_info_topic": record.info_topic,
        "frame": record.frame,
        "encoding": _form(record),
        "hz": round(topic.rate, 3) if topic else 0.0,
        "age": round(float(np.median(ages(topic))), 4) if topic is not None and len(ages(topic)) else None,
        "notes": list(record.notes),
    }
    if camera is not None:
        data |= {
            "size": [camera.width, camera.height],
            "intrinsics": camera.intrinsics.tolist(),
            "lens": camera.lens.model,
            "distortion": list(camera.lens.coefficients),
            "rectified": record.rectified,
            "field_of_view": round(field_of_view(camera), 1),
        }
        if record.mounted:
            data |= {
                "position": camera.pose.translation.tolist(),
                "yaw": round(_yaw(record), 1),
                "sees": round(float(cells_seen(camera).mean()), 4),
            }
    if fit is not None:
        data["lidar_fit"] = {
            "score": round(fit.score, 1),
            "as_mounted": round(fit.here, 1),
            "yaw": fit.yaw,
            "pitch": fit.pitch,
            "frames": fit.frames,
        }
    return data


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["", title, *(f"  {line}" for line in lines)]) if lines else ""


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns, as wide as they need to be, whatever the terminal."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _topics(recording: Recording) -> list[str]:
    rows = [("topic", "type", "messages", "Hz", "offered")]
    for topic in recording.topics.values():
        # Live, what nobody looks into is not subscribed to.
        heard = topic.count or not recording.live
        rows.append(
            (
                topic.name,
                topic.type.replace("/msg/", "/"),
                str(topic.count) if heard else "-",
                f"{topic.rate:.1f}" if topic.count > 1 else "-",
                _offers(topic),
            )
        )
    return _table(rows)


def _offers(topic: TopicRecord) -> str:
    said = {
        ("reliable" if offer.reliable else "best effort") + (", latched" if offer.latched else "")
        for offer in topic.offers
    }
    many = f" ({len(topic.offers)} publishers)" if len(topic.offers) > 1 else ""
    return " / ".join(sorted(said)) + many if said else "unknown"


def _cameras(recording: Recording, examination: Examination) -> list[str]:
    rows = [("camera", "images", "size", "lens", "across", "stands at", "looks", "sees", "LiDAR fit")]
    for record in recording.cameras:
        camera, fit = record.camera, examination.fits.get(record.name)
        size = f"{camera.width}x{camera.height}" if camera is not None else "-"
        lens = "-" if camera is None else camera.lens.model + (", rectified" if record.rectified else "")
        place = looks = sees = "-"
        if camera is not None and record.mounted:
            place = " ".join(f"{value:.2f}" for value in camera.pose.translation)
            looks = f"{_yaw(record):.0f}"
            sees = f"{100 * cells_seen(camera).mean():.0f} %"
        rows.append(
            (
                record.name,
                _form(record) or "-",
                size,
                lens,
                "-" if camera is None else f"{field_of_view(camera):.0f}",
                place,
                looks,
                sees,
                "-" if fit is None else f"{fit.here:.0f} of {fit.score:.0f}",
            )
        )
    return _table(rows)


def _form(record: CameraRecord) -> str:
    forms = sorted({shot.form for shot in record.shots})
    return f"{record.transport} {'/'.join(forms)}" if forms else ""


def _yaw(record: CameraRecord) -> float:
    """Degrees from straight ahead to the left in which a camera looks."""
    assert record.camera is not None
    axis = record.camera.pose.rotation[:, 2]
    return float(np.rad2deg(np.arctan2(axis[1], axis[0])))


def _clocks(recording: Recording) -> list[str]:
    rows = [("sensor", "Hz", "age when received", "from the others", "longest pause")]
    sensors = [(record.name, recording.topics.get(record.image_topic)) for record in recording.cameras]
    sensors += [(record.topic, recording.topics.get(record.topic)) for record in recording.lidars]
    told = {name: topic for name, topic in sensors if topic is not None and len(topic.stamps)}
    age = {name: float(np.median(ages(topic))) for name, topic in told.items()}
    usual = float(np.median(list(age.values()))) if age else 0.0
    for name, topic in told.items():
        pause = float(np.diff(np.sort(topic.times)).max() / 1e9) if topic.count > 1 else 0.0
        rows.append(
            (
                name,
                f"{topic.rate:.1f}" if topic.count > 1 else "-",
                f"{age[name]:.3f} s",
                f"{age[name] - usual:+.3f} s",
                f"{pause:.2f} s" if topic.count > 1 else "-",
            )
        )
    return _table(rows) if told else []


def _tree(tree: FrameGraph) -> list[str]:
    static = {edge.child: edge.static for edge in tree.edges.values()}
    lines = []
    for line in tree.lines():
        frame = line.strip()
        edge = next((one for one in tree.edges.values() if one.child == frame), None)
        if edge is None or edge.pose is None:
            lines.append(line)
            continue
        x, y, z = edge.pose.translation
        lines.append(f"{line}  ({x:.2f}, {y:.2f}, {z:.2f}{'' if static[frame] else ', moving'})")
    return lines


def _lidars(recording: Recording) -> list[str]:
    rows = [("topic", "frame", "points", "fields", "farthest", "stands at", "road at")]
    for record in recording.lidars:
        filled = [cloud for cloud in record.clouds if len(cloud.points)]
        farthest = max((float(np.linalg.norm(c.points, axis=1).max()) for c in filled), default=0.0)
        road = _road(record)
        rows.append(
            (
                record.topic,
                record.frame or "-",
                str(int(np.mean([len(cloud.points) for cloud in filled]))) if filled else "0",
                " ".join(name for name, _ in record.fields) or "-",
                f"{farthest:.0f} m",
                "-" if record.pose is None else " ".join(f"{v:.2f}" for v in record.pose.translation),
                "-" if road is None else f"{road:+.2f} m",
            )
        )
    return _table(rows) if recording.lidars else []


def _road(record: LidarRecord) -> float | None:
    """Height of the road at base_link, metres."""
    cloud = next((one for one in record.clouds if len(one.points)), None)
    if cloud is None or record.pose is None:
        return None
    plane = ground_plane(record.pose.apply(cloud.points.astype(np.float64)))
    return None if plane is None else round(float(plane[2]), 3)


def _problems(examination: Examination) -> str:
    if not examination.problems:
        return "\nno problem found"
    lines = ["", "problems"]
    for number, problem in enumerate(examination.problems, 1):
        lines.append(f"{number:3}. {problem.level:5} {problem.subject}: {problem.text}")
        lines.append(f"     remedy: {problem.remedy}")
    return "\n".join(lines)
