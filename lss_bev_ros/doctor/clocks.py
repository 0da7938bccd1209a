"""Whether the sensors' stamps are of one clock, and whether their messages come as they should."""

from __future__ import annotations

import numpy as np

from .recording import ERROR, WARN, Problem, Recording, TopicRecord

_OFFSET = 0.2
"""Seconds by which the age of one sensor's messages may differ from the others'."""

_STALE = 1.0
"""Seconds of age that all messages may have when they are received."""

_BACK = -1_000_000
"""Nanoseconds by which a stamp may be before the last one."""


def check_clocks(recording: Recording) -> list[Problem]:
    """What is wrong with stamps and rates of cameras and LiDARs."""
    sensors = _sensors(recording)
    problems: list[Problem] = []
    sound: dict[str, TopicRecord] = {}
    for name, topic in sensors.items():
        found = _stamps(name, topic)
        problems += found
        if not found:
            sound[name] = topic
    off = _offsets(recording, sound)
    problems += off
    named = {problem.subject for problem in problems}
    problems += _rates(recording, sensors)
    fitting = {
        record.name: sound[record.name]
        for record in recording.cameras
        if record.name in sound and record.name not in named
    }
    problems += _spread(recording, fitting)
    return problems


def ages(topic: TopicRecord) -> np.ndarray:
    """Seconds between stamp and receipt of each message."""
    return (topic.times - topic.stamps) / 1e9 if len(topic.stamps) == len(topic.times) else np.zeros(0)


def _sensors(recording: Recording) -> dict[str, TopicRecord]:
    """Image and cloud topics with messages, by the name of the sensor."""
    found = {record.name: recording.topics.get(record.image_topic) for record in recording.cameras}
    found |= {record.topic: recording.topics.get(record.topic) for record in recording.lidars}
    return {name: topic for name, topic in found.items() if topic is not None and len(topic.stamps)}


def _stamps(name: str, topic: TopicRecord) -> list[Problem]:
    stamps = topic.stamps
    zero = int((stamps == 0).sum())
    if zero:
        share = "all" if zero == len(stamps) else f"{zero} of {len(stamps)}"
        return [
            Problem(
                ERROR,
                name,
                f"stamps of {share} its messages are 0",
                "make its driver set header.stamp to the time of exposure; a driver with use_sim_time "
                "needs "
                "/clock",
                "clock.zero",
            )
        ]
    steps = np.diff(stamps)
    if len(steps) < 2:
        return []
    same = int((steps == 0).sum())
    if same > 0.05 * len(steps):
        return [
            Problem(
                ERROR,
                name,
                f"{same} of {len(stamps)} messages repeat the stamp of the previous one",
                "make its driver stamp each message; if two publishers share the topic, stop one",
                "clock.repeating",
            )
        ]
    back = np.flatnonzero(steps < _BACK)
    if len(back):
        far = float(-steps[back].min() / 1e9)
        often = f"{len(back)} times, by up to {far:.3g} s" if len(back) > 1 else f"once, by {far:.3g} s"
        several = len(back) > 0.2 * len(steps)
        return [
            Problem(
                WARN,
                name,
                f"its stamps jump back {often}",
                "two publishers share the topic: stop one"
                if several
                else "do not step the clock while driving (chrony: makestep only at the start); "
                "a bag played in a loop also jumps",
                "clock.backwards",
            )
        ]
    return []


def _offsets(recording: Recording, sensors: dict[str, TopicRecord]) -> list[Problem]:
    """Sensors whose clock differs from the others', and all of them from the receiver's."""
    if not sensors:
        return []
    age = {name: float(np.median(ages(topic))) for name, topic in sensors.items()}
    cameras = [record.name for record in recording.cameras if record.name in age]
    usual = float(np.median([age[name] for name in (cameras or age)]))
    problems = []
    clock = next(
        (topic for topic in recording.topics.values() if topic.name == "/clock" and topic.count), None
    )
    for name, value in age.items():
        by = usual - value
        if abs(by) > _OFFSET and len(age) > 2:
            way = "ahead of" if by > 0 else "behind"
            problems.append(
                Problem(
                    ERROR,
                    name,
                    f"its clock is {_seconds(abs(by))} {way} the other sensors' (its messages are "
                    f"{_seconds(value)} "
                    f"old when received, the others' {_seconds(usual)})",
                    "synchronise its clock (PTP or chrony), or make its driver stamp with the host's time",
                    "clock.offset",
                )
            )
    if not problems:
        problems += _shifted(recording, sensors)
    odd = {problem.subject for problem in problems}
    if abs(usual) > _STALE and len(odd) < len(age):
        if clock is not None:
            if recording.live and not recording.sim_time:
                problems.append(
                    Problem(
                        WARN,
                        "/clock",
                        f"stamps are {_seconds(usual)} off the system time, and /clock is published",
                        "set use_sim_time to true on every node",
                        "clock.sim-time",
                    )
                )
        elif recording.live or usual < 0:
            way = "old" if usual > 0 else "in the future"
            problems.append(
                Problem(
                    WARN,
                    ", ".join(name for name in age if name not in odd),
                    f"all stamps are {_seconds(abs(usual))} {way} when received",
                    "for a bag, play it with --clock and set use_sim_time; otherwise set the sensors' clocks",
                    "clock.stale",
                )
            )
    problems += _drift({name: topic for name, topic in sensors.items() if name not in odd})
    return problems


def _shifted(recording: Recording, sensors: dict[str, TopicRecord]) -> list[Problem]:
    """Cameras whose stamps begin and end earlier or later than all others by the same time.

    So it is where a bag has the stamps for times of receipt.
    """
    names = [record.name for record in recording.cameras if record.name in sensors]
    if len(names) < 3:
        return []
    first = {name: int(sensors[name].stamps.min()) for name in names}
    last = {name: int(sensors[name].stamps.max()) for name in names}
    begin, end = (float(np.median(list(some.values()))) for some in (first, last))
    problems = []
    for name in names:
        early, late = (first[name] - begin) / 1e9, (last[name] - end) / 1e9
        if min(abs(early), abs(late)) > 0.3 and abs(early - late) < 0.15 * max(abs(early), 1.0):
            way = "ahead of" if early > 0 else "behind"
            problems.append(
                Problem(
                    ERROR,
                    name,
                    f"its stamps begin and end {_seconds(abs(early))} {way} the other cameras'",
                    "synchronise its clock (PTP or chrony), or make its driver stamp with the host's time",
                    "clock.offset",
                )
            )
    return problems


def _drift(sensors: dict[str, TopicRecord]) -> list[Problem]:
    slopes = {}
    for name, topic in sensors.items():
        age, at = ages(topic), (topic.times - topic.times[0]) / 1e9
        if len(age) >= 20 and at[-1] >= 8.0:
            # Of the lower envelope: queues only make messages older.
            parts = np.array_split(np.arange(len(age)), 8)
            middle, least = [at[part].mean() for part in parts], [age[part].min() for part in parts]
            slope = float(np.polyfit(middle, least, 1)[0])
            slopes[name] = (slope, slope * at[-1])
    if not slopes:
        return []
    usual = float(np.median([slope for slope, _ in slopes.values()]))
    return [
        Problem(
            WARN,
            name,
            f"its clock drifts by {abs(slope - usual) * 1000:.2g} ms per second against the others'",
            "synchronise its clock (PTP or chrony), or make its driver stamp with the host's time",
            "clock.drift",
        )
        for name, (slope, _) in slopes.items()
        if abs(slope - usual) * (sensors[name].times[-1] - sensors[name].times[0]) / 1e9 > 0.05
        and abs(slope - usual) > 5e-4
    ]


def _rates(recording: Recording, sensors: dict[str, TopicRecord]) -> list[Problem]:
    problems = []
    cameras = {
        record.name: sensors[record.name]
        for record in recording.cameras
        if record.name in sensors and sensors[record.name].count > 2
    }
    rates = {name: _receipt_rate(topic) for name, topic in cameras.items()}
    usual = float(np.median(list(rates.values()))) if rates else 0.0
    for name, rate in rates.items():
        if rate < 0.7 * usual and len(rates) > 2:
            problems.append(
                Problem(
                    WARN,
                    name,
                    f"publishes {rate:.1f} images per second, the other cameras {usual:.1f}",
                    "set the same rate and exposure; check for lost packets (net.core.rmem_max) and a busy "
                    "bus",
                    "rate.uneven",
                )
            )
        elif rate < 1.0 and recording.seconds > 5.0:
            problems.append(
                Problem(
                    WARN,
                    name,
                    f"publishes {rate:.2f} images per second: a grid this rare is of little use to a moving "
                    f"car",
                    "raise the rate of the camera",
                    "rate.low",
                )
            )
    return problems + _gaps(sensors)


def _receipt_rate(topic: TopicRecord) -> float:
    span = (topic.times.max() - topic.times.min()) / 1e9
    return (topic.count - 1) / span if span > 0 else topic.rate


def _gaps(sensors: dict[str, TopicRecord]) -> list[Problem]:
    """Times without messages; those that most sensors share are pauses of the recording."""
    usual, gaps = {}, {}
    for name, topic in sensors.items():
        times = np.sort(topic.times) / 1e9
        steps = np.diff(times)
        if len(steps) >= 8:
            usual[name] = float(np.median(steps))
            long = (steps > 3.5 * usual[name]) & (steps > 0.3)
            gaps[name] = np.column_stack([times[:-1][long], times[1:][long]])
    problems = []
    for name, own in gaps.items():
        others = [theirs for other, theirs in gaps.items() if other != name]
        alone = [
            (begin, end)
            for begin, end in own
            if 2 * sum(bool(((b < end) & (e > begin)).any()) for b, e in (one.T for one in others))
            < len(others)
            or not others
        ]
        if alone:
            longest = max(end - begin for begin, end in alone)
            often = f"{len(alone)} times" if len(alone) > 1 else "once"
            problems.append(
                Problem(
                    WARN,
                    name,
                    f"{often} nothing came for up to {longest:.1f} s, at {1 / max(usual[name], 1e-9):.1f} "
                    f"Hz otherwise",
                    "check for lost packets (net.core.rmem_max), a busy bus or a full disk while recording",
                    "rate.gaps",
                )
            )
    return problems


def _spread(recording: Recording, cameras: dict[str, TopicRecord]) -> list[Problem]:
    """Cameras that are exposed at other times than the rest, so that no set is complete within slop."""
    if len(cameras) < 2:
        return []
    # Whose images the sets are counted by is free: the sets of the best choice are those that can be made.
    choices = [_sets(np.sort(topic.stamps), cameras) for topic in cameras.values()]
    table = min(choices, key=lambda one: float(np.median(np.ptp(one, axis=0))))
    spread = float(np.median(np.ptp(table, axis=0)))
    offsets = dict(zip(cameras, table, strict=True))
    if spread <= recording.slop:
        return []
    middle = {name: float(np.median(values)) for name, values in offsets.items()}
    center = float(np.median(list(middle.values())))
    worst = max(middle, key=lambda name: abs(middle[name] - center))
    return [
        Problem(
            WARN,
            worst,
            f"images of the same instant are {spread * 1000:.0f} ms apart, but slop is "
            f"{recording.slop * 1000:.0f} ms: "
            f"{worst} is {abs(middle[worst] - center) * 1000:.0f} ms from the others",
            f"trigger the cameras together, or set slop to {np.ceil(spread * 110) / 100:.2f}",
            "clock.spread",
        )
    ]


def _sets(stamps: np.ndarray, cameras: dict[str, TopicRecord]) -> np.ndarray:
    """(cameras, n) seconds from each of (n,) stamps to the nearest of each camera's."""
    rows = []
    for topic in cameras.values():
        own = np.sort(topic.stamps)
        index = np.clip(np.searchsorted(own, stamps), 1, max(len(own) - 1, 1))
        before, after = own[index - 1], own[np.minimum(index, len(own) - 1)]
        nearest = np.where(np.abs(before - stamps) <= np.abs(after - stamps), before, after)
        rows.append((nearest - stamps) / 1e9)
    return np.array(rows)


def _seconds(value: float) -> str:
    """A time for people."""
    if abs(value) < 1.0:
        return f"{value * 1000:.0f} ms"
    if abs(value) < 600.0:
        return f"{value:.1f} s"
    return f"{value / 3600:.1f} h" if abs(value) < 172800 else f"{value / 86400:.0f} days"
