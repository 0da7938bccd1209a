"""Topics of other names, below namespaces, or of another transport."""

from __future__ import annotations

import pytest

from lss_bev_ros.doctor import Offer
from lss_bev_ros.doctor.mounting import sides
from lss_bev_ros.doctor.topics import camera_of
from lss_bev_ros.geometry import CAMERA_NAMES


def codes(problems):
    return [problem.code for problem in problems]


def renamed(drive, change):
    for name in CAMERA_NAMES:
        drive = drive.renamed(
            lambda topic, name=name: (
                topic.replace(f"/{name}/", f"/{change(name)}/") if name in topic else topic
            )
        )
    return drive


def test_other_names_are_offered_as_the_parameter(drive):
    drive = renamed(drive, lambda name: name.replace("cam_", "camera/"))
    problems = drive.problems(fit=False)
    assert codes(problems) == ["topics.names"]
    assert "cameras:='[camera/back, camera/back_left, " in problems[0].remedy


def test_two_cameras_of_other_names_are_offered_by_where_they_look(drive):
    others = {"cam_front": "front_center", "cam_back": "rear"}
    drive = renamed(drive, lambda name: others.get(name, name))
    problems = drive.problems(fit=False)
    assert codes(problems) == ["topics.missing"] * 2
    names = ", ".join(others.get(name, name) for name in CAMERA_NAMES)
    for problem in problems:
        assert problem.remedy.startswith(f"{others[problem.subject]} may be it")
        assert problem.remedy.endswith(f"cameras:='[{names}]'")


def test_a_namespace_is_named(drive):
    drive = drive.renamed(lambda topic: topic if topic.startswith("/tf") else f"/car{topic}")
    problems = drive.problems(fit=False)
    assert codes(problems) == ["topics.namespace"]
    assert "__ns:=/car" in problems[0].remedy


def test_two_robots_are_told_apart(drive):
    twin = [
        type(one)(f"/twin{one.topic}", one.type, one.time, one.message)
        for one in drive.sent
        if not one.topic.startswith("/tf")
    ]
    drive.sent += twin
    assert "topics.two-robots" in codes(drive.problems(fit=False))


def test_a_remap_is_offered(drive):
    drive = drive.renamed(lambda topic: topic.replace("cam_front/image_raw/", "cam_front/image_color/"))
    problems = drive.problems(fit=False)
    assert codes(problems) == ["topics.remap"]
    assert problems[0].subject == "cam_front"
    assert "cam_front/image_raw/compressed:=/cam_front/image_color/compressed" in problems[0].remedy


def test_reliable_subscriptions_hear_no_best_effort(drive):
    drive.offers["/cam_front/image_raw/compressed"] = Offer(reliable=False)
    assert drive.problems(fit=False) == []
    (problem,) = drive.problems(fit=False, reliability="reliable")
    assert (problem.code, problem.subject) == ("qos.reliability", "cam_front")


def test_no_transform_at_all(drive):
    problems = drive.without("/tf", "/tf_static").problems(fit=False)
    assert codes(problems) == ["tf.none"]


def test_another_base_frame_is_offered(drive):
    (problem,) = drive.problems(fit=False, base_frame="base_footprint")
    assert problem.code == "tf.no-base"
    assert problem.remedy == "set base_frame to base_link"


def test_nothing_at_all():
    from lss_bev_ros.doctor import Recording, examine

    (problem,) = examine(Recording("live", {}, ())).problems
    assert problem.code == "topics.none"
    assert "ROS_DOMAIN_ID" in problem.remedy


@pytest.mark.parametrize(
    ("topic", "camera"),
    [
        ("/cam_front/image_raw/compressed", "cam_front"),
        ("/car/cam_front/image_raw", "car/cam_front"),
        ("/camera/front/image_rect_color/compressed", "camera/front"),
        ("/front/image", "front"),
    ],
)
def test_the_camera_of_a_topic(topic, camera):
    assert camera_of(topic) == camera


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("cam_front_left", {"front", "left"}),
        ("CAM_BACK", {"back"}),
        ("rearRight", {"back", "right"}),
        ("camera_fl", {"front", "left"}),
        ("camera0", set()),
        ("left_to_right", set()),
    ],
)
def test_where_a_camera_of_a_name_looks(name, looks):
    assert sides(name) == looks
