"""Whether what publishers offer reaches the node."""

from __future__ import annotations

from .recording import ERROR, WARN, Problem, Recording


def check_middleware(recording: Recording) -> list[Problem]:
    """Quality of service that does not match, and sockets that are too small."""
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
                        f"{topic.name} is offered best effort, and reliability is reliable: no message "
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
                "it is offered volatile: tf2 asks for transient local, so that no transform comes",
                "publish it with StaticTransformBroadcaster"
                + ("" if recording.live else "; play this bag with --qos-profile-overrides-path"),
                "qos.tf-static",
            )
        )
    return problems + _buffers(recording)


def _buffers(recording: Recording) -> list[Problem]:
    """Images that do not fit into a socket's buffer, where images are missing too."""
    if not recording.receive_buffer or not recording.live:
        return []
    problems = []
    for record in recording.cameras:
        topic = recording.topics.get(record.image_topic)
        if topic is None or topic.largest <= recording.receive_buffer or topic.count < 10:
            continue
        steps = topic.times[1:] - topic.times[:-1]
        if (steps > 1.8 * float(sorted(steps)[len(steps) // 2])).mean() > 0.05:
            problems.append(
                Problem(
                    WARN,
                    record.name,
                    f"images of {topic.largest / 1e6:.1f} MB are lost, and the system gives sockets "
                    f"{recording.receive_buffer / 1e6:.1f} MB",
                    "sudo sysctl -w net.core.rmem_max=67108864, or set image_transport to compressed",
                    "qos.buffer",
                )
            )
    return problems
