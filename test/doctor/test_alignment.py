"""LiDAR against pictures: turned and swapped cameras are told, and nothing where little is seen."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.doctor.alignment import HERE, WIDE, Evidence, edge_view, outlines
from lss_bev_ros.doctor.fitting import FitMonitor, Instant, heights_above_road, is_turned
from lss_bev_ros.doctor.watch import FitWatch, check_rig
from lss_bev_ros.geometry import Camera, Lens, Pose


def turn(camera, yaw=0.0, pitch=0.0):
    """A camera turned by degrees, to the right and down."""
    rotation = cv2.Rodrigues(np.array([0.0, np.deg2rad(yaw), 0.0]))[0]
    rotation = rotation @ cv2.Rodrigues(np.array([np.deg2rad(-pitch), 0.0, 0.0]))[0]
    return replace(camera, pose=camera.pose @ Pose(rotation, np.zeros(3)))


@pytest.fixture(scope="module")
def keyframes(street):
    reader = NuScenesReader(street, "")
    return list(reader.keyframes(reader.scenes[0]))


@pytest.fixture(scope="module")
def instants(keyframes):
    made = []
    for keyframe in keyframes:
        points = keyframe.lidar.pose.apply(keyframe.lidar.points()[:, :3].astype(np.float64))
        grays, moved = {}, {}
        for name, shot in keyframe.cameras.items():
            data = np.frombuffer(shot.jpeg(), np.uint8)
            grays[name] = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_4)
            moved[name] = (shot.ego.inverse() @ keyframe.lidar.ego).apply(points)
        made.append(Instant(moved, heights_above_road(points), grays))
    return made


@pytest.fixture(scope="module")
def rig(street):
    reader = NuScenesReader(street, "")
    return {camera.name: camera for camera in reader.first_rig(reader.scenes[0]).cameras}


def box_scene():
    """A wall 30 m ahead with boxes before it, as a picture of a camera and as a scan; no two edges alike."""
    camera = Camera(
        "cam",
        np.array([[300.0, 0, 200], [0, 300, 112], [0, 0, 1]]),
        400,
        225,
        Pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([0.0, 0.0, 1.5])),
    )
    boxes = [(10.0, -4.0, -3.2), (14.0, -1.0, 0.1), (9.0, 1.7, 2.2), (18.0, 4.6, 5.9), (8.0, -0.5, -0.2)]
    azimuth, elevation = np.meshgrid(np.deg2rad(np.arange(-60, 60, 0.3)), np.deg2rad(np.arange(-12, 12, 1.0)))
    distance = np.full(azimuth.shape, 30.0) / np.cos(azimuth)
    for x, low, high in boxes:
        y = np.tan(azimuth) * x
        hit = (y > low) & (y < high) & (1.5 + np.tan(elevation) * x < 2.2)
        distance = np.where(hit & (x / np.cos(azimuth) < distance), x / np.cos(azimuth), distance)
    points = np.stack(
        [distance * np.cos(azimuth), distance * np.sin(azimuth), 1.5 + distance * np.tan(elevation)], axis=-1
    ).reshape(-1, 3)
    picture = np.full((225, 400), 150, np.uint8)
    for x, low, high in sorted(boxes, reverse=True):
        corners, _ = camera.project(np.array([[x, high, 0.0], [x, low, 2.2]]))
        (u0, v0), (u1, v1) = np.rint(corners).astype(int)
        cv2.rectangle(picture, (u0, v1), (u1, v0), 40, -1)
    return camera, points[points[:, 2] > 0.1], picture


def fit(camera, points, picture, search=WIDE):
    evidence = Evidence(search)
    evidence.add(outlines(camera, points, points[:, 2]), edge_view(camera, picture))
    return evidence.fit()


def test_a_camera_that_is_mounted_as_told_fits_best_there():
    best = fit(*box_scene())
    assert abs(best.yaw) <= 0.5
    assert abs(best.pitch) <= 1.0
    assert best.score > 9.0
    assert best.here == pytest.approx(best.score, rel=0.2)


@pytest.mark.parametrize("yaw", [-12.0, -6.0, -3.0, 3.0, 6.0, 12.0])
def test_the_turn_that_is_missing_is_found(yaw):
    camera, points, picture = box_scene()
    best = fit(turn(camera, yaw=-yaw), points, picture)
    assert best.yaw == pytest.approx(yaw, abs=0.6)


@pytest.mark.parametrize(
    "lens", [Lens("plumb_bob", (-0.25, 0.06, 0, 0, 0)), Lens("equidistant", (0, 0, 0, 0))]
)
def test_every_lens_is_treated_alike(lens):
    camera, points, picture = box_scene()
    bent = replace(camera, lens=lens)
    grid = np.stack(np.meshgrid(np.arange(400.0), np.arange(225.0)), axis=-1)
    source = camera.image(bent.rays(grid)).astype(np.float32)
    picture = cv2.remap(picture, source, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    assert abs(fit(bent, points, picture).yaw) <= 0.5
    assert fit(turn(bent, yaw=-5), points, picture).yaw == pytest.approx(5, abs=0.6)


def test_a_good_rig_is_not_doubted(instants, rig):
    monitor = FitMonitor(rig, WIDE)
    for instant in instants:
        monitor.add(instant)
    assert monitor.problems() == []


@pytest.mark.parametrize(
    ("name", "yaw", "pitch"), [("cam_back", 4, 0), ("cam_front", -8, 0), ("cam_back", 0, 4)]
)
def test_a_turned_camera_is_named_alone(instants, rig, name, yaw, pitch):
    monitor = FitMonitor({**rig, name: turn(rig[name], yaw, pitch)}, WIDE)
    for instant in instants:
        monitor.add(instant)
    (problem,) = monitor.problems()
    assert problem.subject == name
    assert problem.code == "fit.turned"
    way = "left" if yaw > 0 else "right" if yaw < 0 else "up"
    assert way in problem.text
    assert f"{max(abs(yaw), abs(pitch)):.1f} degrees" in problem.text


def test_a_turned_lidar_is_not_six_turned_cameras(instants, rig):
    yaw = Pose.from_yaw(np.deg2rad(6.0))
    monitor = FitMonitor(rig, WIDE)
    for instant in instants:
        points = {name: yaw.apply(one) for name, one in instant.points.items()}
        monitor.add(replace(instant, points=points))
    (problem,) = monitor.problems()
    assert problem.subject == "LiDAR"
    assert "6 degrees to the right" in problem.text


def test_mirrored_pictures_are_told(instants, rig):
    monitor = FitMonitor(rig, WIDE)
    for instant in instants:
        flipped = np.ascontiguousarray(instant.grays["cam_back"][:, ::-1])
        monitor.add(replace(instant, grays={**instant.grays, "cam_back": flipped}))
    (problem,) = monitor.problems()
    assert (problem.subject, problem.code) == ("cam_back", "fit.flipped")


def test_a_wrong_focal_length_is_told(instants, rig):
    k = rig["cam_back"].intrinsics.copy()
    k[:2, :2] *= 1.5
    monitor = FitMonitor({**rig, "cam_back": replace(rig["cam_back"], intrinsics=k)}, WIDE)
    for instant in instants:
        monitor.add(instant)
    (problem,) = monitor.problems()
    assert (problem.subject, problem.code) == ("cam_back", "fit.focal-length")
    assert "0.67" in problem.text


def test_a_lens_that_is_not_told_is_told(instants, rig):
    lens = Lens("plumb_bob", (-0.35, 0.12, 0.0, 0.0, 0.0))
    bent = {name: replace(rig[name], lens=lens) for name in ("cam_front", "cam_back")}

    def through_lens(name, gray):
        size = gray.shape[1], gray.shape[0]
        grid = np.stack(np.meshgrid(*(np.arange(n) * 4.0 for n in size)), axis=-1)
        source = (rig[name].image(bent[name].rays(grid)) / 4).astype(np.float32)
        return cv2.remap(gray, source, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)

    pictures = [
        replace(one, grays={name: through_lens(name, one.grays[name]) for name in bent}) for one in instants
    ]
    for told, code in ((rig, ["fit.lens"] * 2), ({**rig, **bent}, [])):
        monitor = FitMonitor(told, WIDE)
        for instant in pictures:
            monitor.add(instant)
        assert [problem.code for problem in monitor.problems()] == code


def test_a_lens_that_is_told_of_rectified_pictures(instants, rig):
    bent = replace(rig["cam_back"], lens=Lens("plumb_bob", (-0.35, 0.12, 0.0, 0.0, 0.0)))
    monitor = FitMonitor({**rig, "cam_back": bent}, WIDE)
    for instant in instants:
        monitor.add(instant)
    (problem,) = monitor.problems()
    assert (problem.subject, problem.code) == ("cam_back", "fit.lens")
    assert "image_rectified" in problem.remedy


def test_night_says_nothing(instants, rig):
    draw = np.random.default_rng(0)
    monitor = FitMonitor({**rig, "cam_back": turn(rig["cam_back"], yaw=8)}, WIDE)
    for instant in instants:
        dark = {
            name: np.clip(gray * 0.01 + draw.normal(6, 5, gray.shape), 0, 255).astype(np.uint8)
            for name, gray in instant.grays.items()
        }
        monitor.add(replace(instant, grays=dark))
    assert monitor.problems() == []


def test_an_empty_scan_says_nothing(instants, rig):
    monitor = FitMonitor(rig, HERE)
    few = {name: points[:5] for name, points in instants[0].points.items()}
    monitor.add(replace(instants[0], points=few, heights=instants[0].heights[:5]))
    assert monitor.problems() == []


def test_real_pictures_fit_their_lidar(nuscenes_frame):
    reader = NuScenesReader(nuscenes_frame, "")
    keyframe = next(iter(reader.keyframes(reader.scenes[0])))
    points = keyframe.lidar.pose.apply(keyframe.lidar.points()[:, :3].astype(np.float64))
    heights = heights_above_road(points)
    for name, shot in keyframe.cameras.items():
        gray = cv2.imdecode(np.frombuffer(shot.jpeg(), np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
        moved = (shot.ego.inverse() @ keyframe.lidar.ego).apply(points)
        evidence = Evidence(WIDE)
        evidence.add(outlines(shot.camera, moved, heights), edge_view(shot.camera, gray))
        best = evidence.fit()
        assert max(abs(best.yaw), abs(best.pitch)) <= 1.0, name
        assert not is_turned(best), name


def test_a_watch_names_a_turned_camera_after_three_comparisons(instants, rig, keyframes):
    watch = FitWatch(period=3.0)
    cameras = list({**rig, "cam_back": turn(rig["cam_back"], yaw=6)}.values())
    for index, (keyframe, instant) in enumerate(zip(keyframes[:3], instants, strict=False)):
        assert watch.is_due(float(index))
        assert watch.problems == []
        points = keyframe.lidar.pose.apply(keyframe.lidar.points()[:, :3].astype(np.float64))
        apart = {name: (shot.stamp - keyframe.lidar.stamp) / 1e9 for name, shot in keyframe.cameras.items()}
        watch.compare(float(index), cameras, points, instant.grays, apart)
    assert not watch.is_due(4.0)
    assert watch.is_due(5.5)
    assert [problem.subject for problem in watch.problems] == ["cam_back"]
    watch.compare(30.0, rig.values(), points, instant.grays, apart)
    assert watch.problems == []  # another rig begins anew


def test_a_rig_is_checked_by_itself(rig):
    assert check_rig(rig.values()) == []
    sky = turn(rig["cam_front"], pitch=-80)
    (problem,) = check_rig({**rig, "cam_front": sky}.values())
    assert (problem.subject, problem.code) == ("cam_front", "mount.sky")
