"""When a replay that waits for subscribers begins."""

from __future__ import annotations

import pytest

from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.nodes.audience import Audience
from lss_bev_ros.topics import TF_STATIC_TOPIC, all_topics, image_topic, info_topic, raw_image_topic

IMAGES = [image_topic(name) for name in CAMERA_NAMES]
RAW = [raw_image_topic(name) for name in CAMERA_NAMES]
CALIBRATION = [*(info_topic(name) for name in CAMERA_NAMES), TF_STATIC_TOPIC]
ALONE = {topic.name: 0 for topic in all_topics(raw=True)}


def heard(*names, by=1):
    return {**ALONE, **dict.fromkeys(names, by)}


def starts_after(audience, counts, limit=10.0):
    """Seconds of the same counts until it starts, looked at as a replay does; None beyond the limit."""
    times = [step / 20 for step in range(round(limit * 20))]
    return next((now for now in times if not audience.missing(counts, now)), None)


def test_who_waits_for_nobody_starts_at_once():
    assert Audience(CAMERA_NAMES, 0).missing(ALONE, 0.0) == []


@pytest.mark.parametrize("images", [IMAGES, RAW])
def test_compressed_and_raw_images_count_alike(images):
    assert starts_after(Audience(CAMERA_NAMES, 1), heard(*images, *CALIBRATION)) < 1.0


def test_one_of_each_kind_is_two():
    audience = Audience(CAMERA_NAMES, 2)
    assert starts_after(audience, heard(*IMAGES, *RAW) | dict.fromkeys(CALIBRATION, 2)) < 1.0
    assert starts_after(Audience(CAMERA_NAMES, 2), heard(*IMAGES, *CALIBRATION)) is None


@pytest.mark.parametrize("late", CALIBRATION)
def test_the_first_frame_waits_for_calibration_that_is_still_unheard(late):
    audience = Audience(CAMERA_NAMES, 1)
    early = heard(*IMAGES, *(topic for topic in CALIBRATION if topic != late))
    assert audience.missing(early, 0.0) == [late]
    assert audience.missing(early, 1.0) == [late]
    whole = heard(*IMAGES, *CALIBRATION)
    audience.missing(whole, 1.1)
    assert audience.missing(whole, 1.7) == []


def test_a_viewer_of_images_alone_is_not_waited_for_long():
    audience = Audience(CAMERA_NAMES, 1)
    assert 1.0 < starts_after(audience, heard(*IMAGES)) < 5.0
    assert audience.unheard() == CALIBRATION


def test_a_camera_without_subscribers_holds_the_start():
    assert starts_after(Audience(CAMERA_NAMES, 1), heard(*IMAGES[1:], *CALIBRATION)) is None


def test_what_is_found_one_by_one_is_waited_for():
    audience = Audience(CAMERA_NAMES, 1)
    counts = heard(*IMAGES, *CALIBRATION)
    for step in range(10):
        counts = {**counts, "lidar_top/points": step}
        assert audience.missing(counts, step * 0.3)
    assert audience.missing(counts, 9 * 0.3 + 0.6) == []
