"""Whether every sensor can be found from the car's frame, and whether the tree of transforms is one."""

from __future__ import annotations

from collections.abc import Iterable

from .recording import ERROR, WARN, Problem, Recording
from .tree import nearest, plain

_MOVES, _TURNS = 0.02, 0.3
"""Metres and degrees that the mounting of a sensor may change."""

_REPEATED = 5
"""Messages of an edge on /tf in ten seconds, below which it was not meant for /tf."""


def check_transforms(recording: Recording) -> list[Problem]:
    """What is wrong with /tf and /tf_static."""
    tree = recording.tree
    wanted = [
        (record.name, record.frame) for record in recording.cameras if record.info_topic and record.frame
    ]
    wanted += [(record.topic, record.frame) for record in recording.lidars if record.frame]
    if not wanted:
        return []
    if not tree.edges:
        return [
            Problem(
                ERROR,
                "/tf_static",
                "no transform was received, so the position of every sensor is unknown",
                "start robot_state_publisher or a static_transform_publisher for each sensor"
                + ("" if recording.live else ", and record /tf_static (--all, or name it)"),
                "tf.none",
            )
        ]
    problems = _paths(recording, wanted) + _tree(recording)
    return problems + _edges(recording, [frame for _, frame in wanted])


def _paths(recording: Recording, wanted: list[tuple[str, str]]) -> list[Problem]:
    tree, base = recording.tree, recording.base_frame
    problems = []
    known = set(tree.frames)
    if plain(base) not in known:
        lost = [frame for _, frame in wanted if plain(frame) != plain(base)]
        if lost:
            other = _instead(recording, lost)
            remedy = (
                f"set base_frame to {other}" if other else f"publish a transform from {base} to the sensors"
            )
            return [
                Problem(
                    ERROR,
                    base,
                    f"no transform names the frame {base!r}; the frames are {_listed(tree.frames)}",
                    remedy,
                    "tf.no-base",
                )
            ]
    reached = tree.connected(base)
    for name, frame in wanted:
        if not frame or tree.path(base, frame) is not None:
            continue
        if plain(frame) not in known:
            like = nearest(frame, reached) or nearest(frame, known)
            text = f"no transform contains its frame {frame!r}"
            remedy = (
                f"publish it under {base!r}, or name {like!r} in its header and camera_info if they are "
                f"the same"
                if like
                else f"publish a transform from {base!r} to {frame!r}"
            )
            problems.append(Problem(ERROR, name, text, remedy, "tf.unknown-frame"))
            continue
        part = tree.connected(frame)
        top = next((one for one in sorted(part) if not tree.parents(one)), frame)
        start = nearest(top, reached) or base
        problems.append(
            Problem(
                ERROR,
                name,
                f"no path from {base!r} to its frame {frame!r}: {_listed(sorted(part))} are connected "
                f"below {top!r}, but nothing connects {top!r} to {base!r}",
                f"publish a transform from {start!r} to {top!r}",
                "tf.gap",
            )
        )
    return problems


def _instead(recording: Recording, lost: list[str]) -> str:
    """A frame that could be the car's, from which every sensor can be found."""
    tree = recording.tree
    usual = (
        "base_link",
        "base_footprint",
        "ego_vehicle",
        "ego",
        "vehicle",
        "base",
        "chassis",
        "rear_axle",
        "imu_link",
    )
    able = [frame for frame in tree.frames if all(tree.path(frame, one) is not None for one in lost)]
    for name in usual:
        for frame in able:
            if frame.rpartition("/")[2] == name:
                return frame
    like = nearest(recording.base_frame, able)
    return like or next((frame for frame in able if not tree.parents(frame)), "")


def _tree(recording: Recording) -> list[Problem]:
    tree = recording.tree
    problems = []
    for cycle in tree.cycles():
        problems.append(
            Problem(
                ERROR,
                cycle[0],
                f"the transforms form a loop: {' -> '.join((*cycle, cycle[0]))}",
                "remove one of them: each frame has one parent",
                "tf.cycle",
            )
        )
    for frame in tree.frames:
        parents = tree.parents(frame)
        if len(parents) > 1:
            problems.append(
                Problem(
                    WARN,
                    frame,
                    f"has {len(parents)} parents, {' and '.join(map(repr, parents))}; tf2 takes the latest",
                    "keep one publisher of it",
                    "tf.two-parents",
                )
            )
    used = {record.frame for record in recording.cameras} | {record.frame for record in recording.lidars}
    slashed = sorted(frame for frame in {*tree.slashed, *used} if frame.startswith("/"))
    if slashed:
        problems.append(
            Problem(
                WARN,
                ", ".join(slashed[:6]),
                "frames begin with a slash, as in ROS 1; tf2 rejects such names",
                "remove the slash in the drivers and in frame_id",
                "tf.slash",
            )
        )
    return problems


def _edges(recording: Recording, frames: list[str]) -> list[Problem]:
    tree, base = recording.tree, recording.base_frame
    problems = []
    for edge in tree.edges.values():
        if edge.problem:
            problems.append(
                Problem(
                    ERROR,
                    edge.child,
                    f"the transform from {edge.parent!r} to {edge.child!r} is invalid: {edge.problem}",
                    "correct the publisher",
                    "tf.numbers",
                )
            )
    mounts = {id(edge): edge for frame in frames for edge in tree.path(base, frame) or ()}
    for edge in mounts.values():
        if edge.moved > _MOVES or edge.turned > _TURNS:
            problems.append(
                Problem(
                    WARN,
                    edge.child,
                    f"its mounting moves: the transform from {edge.parent!r} changed by {edge.moved:.2f} m "
                    f"and "
                    f"{edge.turned:.1f} degrees",
                    "publish mountings once, on /tf_static; if two publishers disagree, stop one",
                    "tf.moving",
                )
            )
        elif not edge.static and recording.seconds > 10.0 and edge.count < _REPEATED:
            problems.append(
                Problem(
                    WARN,
                    edge.child,
                    f"the transform from {edge.parent!r} was published {edge.count} times in "
                    f"{recording.seconds:.0f} s on "
                    f"/tf: nodes that start later never receive it",
                    "publish it on /tf_static (StaticTransformBroadcaster)",
                    "tf.once",
                )
            )
    return problems


def _listed(frames: Iterable[str]) -> str:
    names = [repr(frame) for frame in frames]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
