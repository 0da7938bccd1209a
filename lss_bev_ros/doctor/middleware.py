"""Whether what publishers offer reaches the node."""

from __future__ import annotations

from .recording import ERROR, WARN, Problem, Recording, TopicRecord


def check_middleware(recording: Recording) -> list[Problem]:
    """Quality of service that does not match, sockets and shared memory that are too small."""
    problems = []
    for record in recording.cameras:
        for topic in (recording.topics.get(record.image_topic), recording.topics.get(record.info_topic)):
            if topic is None or not topic.offers or recording.reliability != "reliable":
                continue
            if not all(offer.reliable for offer in topic.offers):
                problems.append(
                    Problem(
                        ERROR,
                        record.name,
                        f"{topic.name} is published as best effort, but reliability is reliable: no message "
                        f"will come",
                        "set reliability to best_effort",
                        "qos.reliability",
                    )
                )
    static = recording.topics.get("/tf_static")
    if static is not None and static.offers and not all(offer.latched for offer in static.offers):
        problems.append(
            Problem(
                ERROR if recording.live else WARN,
                "/tf_static",
                "it is published as volatile, but tf2 requests transient local, so no transform arrives",
                "publish it with StaticTransformBroadcaster"
                + ("" if recording.live else "; play this bag with --qos-profile-overrides-path"),
                "qos.tf-static",
            )
        )
    shortage = recording.shared_memory.shortage() if recording.shared_memory and recording.live else None
    if shortage is not None:
        problems.append(Problem(WARN, "/dev/shm", *shortage, "qos.shared-memory"))
    return problems + _buffers(recording)


def _buffers(recording: Recording) -> list[Problem]:
    """Images that do not fit into a socket's buffer, where images are missing too."""
    if recording.sockets is None or not recording.live or recording.reliability == "reliable":
        return []
    topics = [(record.name, recording.topics.get(record.image_topic)) for record in recording.cameras]
    images = {name: topic.largest for name, topic in topics if topic is not None and topic.largest}
    loss = recording.sockets.loss(images)
    missing = [name for name, topic in topics if topic is not None and topic.count >= 10 and _has_gaps(topic)]
    if loss is None or not missing:
        return []
    return [Problem(WARN, name, f"images are missing: {loss[0]}", loss[1], "qos.buffer") for name in missing]


def _has_gaps(topic: TopicRecord) -> bool:
    """Whether more than one step of twenty is longer than it should be."""
    steps = topic.times[1:] - topic.times[:-1]
    return bool((steps > 1.8 * float(sorted(steps)[len(steps) // 2])).mean() > 0.05)
