"""A bag of one's own car becomes a data set that every reader of nuScenes takes, or one line says why not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from typer.testing import CliRunner

from lss_bev_ros.bags.convert import convert
from lss_bev_ros.bags.drive import ImportOptions, import_bag
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import RosError
from lss_bev_ros.geometry import Pose
from pipros import PiprosError, activate
from pipros.bag import Bag, BagStorage

activate()

from lss_bev_ros import images, messages  # noqa: E402

from .test_frames import changed, frames  # noqa: E402

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def drive(drawn_once) -> Path:
    """A synthetic root with sweeps and bent pictures."""
    pytest.importorskip("numba")
    from lss_bev_ros.synthetic import synthesize

    options = {"sweeps": True, "image_scale": 0.15, "lens": "mixed", "truth": "boxes"}
    return drawn_once("drive", lambda out: synthesize(out, scenes=1, seconds=1.5, seed=5, **options))


@pytest.fixture(scope="module")
def bag(drive, tmp_path_factory) -> Path:
    (made,) = convert(NuScenesReader(drive), tmp_path_factory.mktemp("drive") / "bags").bags
    return made


@pytest.fixture(scope="module")
def root(bag, tmp_path_factory) -> Path:
    return import_bag(bag, tmp_path_factory.mktemp("imported") / "root").root


def test_what_a_data_set_became_as_a_bag_it_is_again(drive, root):
    given, found = NuScenesReader(drive), NuScenesReader(root)
    assert found.scenes == ("scene-0001",)
    assert found.cameras == given.cameras
    one, other = (reader.shots("scene-0001", sweeps=True) for reader in (given, found))
    assert [(s.name, s.stamp, s.is_key) for s in one] == [(s.name, s.stamp, s.is_key) for s in other]
    assert not all(shot.is_key for shot in one)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine.ego.matrix, theirs.ego.matrix, atol=1e-9)
        if hasattr(mine, "camera"):
            assert mine.encoded() == theirs.encoded()
            np.testing.assert_array_equal(mine.camera.intrinsics, theirs.camera.intrinsics)
            np.testing.assert_allclose(mine.camera.pose.matrix, theirs.camera.pose.matrix, atol=1e-9)
            assert mine.camera.lens == theirs.camera.lens
        else:
            np.testing.assert_array_equal(mine.points(), theirs.points())
            np.testing.assert_allclose(mine.pose.matrix, theirs.pose.matrix, atol=1e-9)
    pairs = zip(given.keyframes("scene-0001"), found.keyframes("scene-0001"), strict=True)
    for mine, theirs in pairs:
        assert (mine.stamp, set(mine.cameras)) == (theirs.stamp, set(theirs.cameras))
        assert theirs.boxes == ()
        assert not theirs.annotated


def test_it_becomes_the_same_bag_again(bag, root, tmp_path):
    """But for the truth, which nobody knows any more."""
    (again,) = convert(NuScenesReader(root), tmp_path / "bags").bags
    with Bag(bag) as one, Bag(again) as other:
        topics = [topic.name for topic in one.topics if topic.name.endswith(("compressed", "points"))]
        assert len(topics) == 7
        assert list(one.messages(topics)) == list(other.messages(topics))


def test_the_devkit_takes_it(root):
    nuscenes = pytest.importorskip("nuscenes.nuscenes", reason="for Python below 3.13")
    nusc = nuscenes.NuScenes("v1.0-mini", str(root), verbose=False)
    rows = {table: getattr(nusc, table) for table in nusc.table_names}
    for table, records in rows.items():
        tokens = [record["token"] for record in records]
        assert len(set(tokens)) == len(tokens), table
    (scene,) = nusc.scene
    assert scene["nbr_samples"] == len(nusc.sample) == 3
    assert [nusc.get("sample", scene[f"{end}_sample_token"])[way] for end, way in
            (("first", "prev"), ("last", "next"))] == ["", ""]  # fmt: skip
    for table in ("sample", "sample_data"):
        for record in rows[table]:
            for way, back in (("next", "prev"), ("prev", "next")):
                if record[way]:
                    other = nusc.get(table, record[way])
                    assert other[back] == record["token"]
                    assert (other["timestamp"] > record["timestamp"]) == (way == "next")
    for sample in nusc.sample:
        assert set(sample["data"]) == {"LIDAR_TOP", "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT",
                                       "CAM_BACK", "CAM_BACK_LEFT", "CAM_BACK_RIGHT"}  # fmt: skip
        for channel, token in sample["data"].items():
            path, _, intrinsics = nusc.get_sample_data(token)
            assert Path(path).is_file()
            assert f"samples/{channel}/" in path
            assert (intrinsics is None) == (channel == "LIDAR_TOP")
    for record in nusc.sample_data:
        assert ("samples/" in record["filename"]) == record["is_key_frame"]
        pose = nusc.get("ego_pose", record["ego_pose_token"])
        assert pose["timestamp"] == record["timestamp"]
        assert np.linalg.norm(pose["rotation"]) == pytest.approx(1.0)
    on_disk = {str(path.relative_to(root)) for path in root.rglob("*__*")}
    assert on_disk == {record["filename"] for record in nusc.sample_data}


def raw(topic: str, message: Any) -> list[tuple[str, Any]]:
    """As a driver that sends pixels on topics of its own names."""
    camera = topic.split("/")[1]
    if topic.endswith("compressed"):
        stamp = messages.from_stamp(message.header.stamp)
        rgb = images.decode(bytes(message.data))
        return [(f"/sensing/{camera[4:]}/image_rect_color", messages.image(rgb, stamp, camera))]
    if topic.endswith("camera_info"):
        return [(f"/sensing/{camera[4:]}/camera_info", message)]
    if topic == "/lidar_top/points":
        return [("/sensing/velodyne_points", message)]
    return [] if topic.startswith("/ground_truth") else [(topic, message)]


@pytest.mark.parametrize("how", ["files", "pixels"])
def test_the_grid_is_that_of_the_bag(bag, root, tmp_path, how):
    """The same rig and the same pixels go into the network, lens and all, so the same grid comes out."""
    from lss_bev_ros.runtime import FrameSet, create_engine

    if how == "pixels":
        root = import_bag(changed(bag, tmp_path / "raw", raw), tmp_path / "root").root
    engine = create_engine("torch", "seed:0", 1, "fp32")
    seen = {}

    def predict(stamp, rig, pictures):
        prediction = engine.infer(FrameSet(stamp, rig, pictures))
        seen[stamp] = prediction.probability
        return prediction.occupancy, prediction.grid

    expected = frames(bag, predict=predict)[0]
    keyframe = next(iter(NuScenesReader(root).keyframes("scene-0001")))
    names = [name if how == "files" else f"cam_{name}" for name in keyframe.cameras]
    assert sorted(names) == sorted(expected.rig.names)
    cameras = dict(zip(names, keyframe.cameras.values(), strict=True))
    for name in expected.rig.names:
        mine, theirs = cameras[name].camera, expected.rig[name]
        assert mine.lens == theirs.lens
        np.testing.assert_allclose(mine.pose.matrix, theirs.pose.matrix, atol=1e-9)
        pixels = [images.decode(each) for each in (cameras[name].encoded(), expected.images[name])]
        np.testing.assert_array_equal(*pixels)
    if how == "files":
        again = engine.infer(
            FrameSet(keyframe.stamp, keyframe.rig, {n: s.encoded() for n, s in cameras.items()})
        )
        np.testing.assert_allclose(again.probability, seen[expected.stamp], atol=1e-4)


def test_names_and_pixels_of_any_driver_are_taken(bag, tmp_path):
    made = import_bag(changed(bag, tmp_path / "raw", raw), tmp_path / "root")
    assert sorted(made.cameras) == ["back", "back_left", "back_right", "front", "front_left", "front_right"]
    assert made.cameras["front"] == "/sensing/front/image_rect_color"
    shot = next(iter(NuScenesReader(made.root).keyframes("scene-0001"))).cameras["front"]
    assert shot.path.suffix == ".png"
    told = json.loads((made.root / "import.json").read_text())
    assert told["scenes"] == {"scene-0001": 3}
    assert told["images"] == made.images > 18


def test_a_bag_of_sqlite3_gives_the_same(bag, root, tmp_path):
    store = get_typestore(Stores.ROS2_HUMBLE)
    with (
        Bag(bag) as source,
        Writer(tmp_path / "sqlite", version=8, storage_plugin=StoragePlugin.SQLITE3) as out,
    ):
        connections = {
            topic.name: out.add_connection(topic.name, topic.type, typestore=store) for topic in source.topics
        }
        for topic, stamp, data in source.messages():
            out.write(connections[topic], stamp, data)
    with Bag(tmp_path / "sqlite") as written:
        assert written.storage == "sqlite3"
    again = import_bag(tmp_path / "sqlite", tmp_path / "root").root
    files = [sorted(str(path.relative_to(each)).partition("__")[2] for path in each.rglob("*__*"))
             for each in (root, again)]  # fmt: skip
    assert files[0] == files[1]


def by_odometry(topic: str, message: Any) -> list[tuple[str, Any]]:
    """The way by nav_msgs/Odometry of a frame half a metre above base_link."""
    from nav_msgs.msg import Odometry

    lifted = Pose(np.eye(3), np.array([0.0, 0.0, 0.5]))
    if topic == "/tf":
        (transform,) = message.transforms
        pose = messages.pose_from_transform(transform) @ lifted
        told = Odometry(header=transform.header, child_frame_id="imu")
        place = messages.transform(pose, "odom", "imu", 0).transform
        told.header.frame_id = "odom"
        told.pose.pose.orientation = place.rotation
        for axis in "xyz":
            setattr(told.pose.pose.position, axis, getattr(place.translation, axis))
        return [("/ins/odometry", told)]
    if topic == "/tf_static":
        message.transforms.append(messages.transform(lifted, "base_link", "imu", 0))
    return [(topic, message)]


def test_odometry_tells_the_way_where_no_transform_does(bag, root, tmp_path):
    made = import_bag(changed(bag, tmp_path / "odom", by_odometry), tmp_path / "root")
    assert made.way == "/ins/odometry"
    one, other = (NuScenesReader(each).shots("scene-0001", sweeps=True) for each in (root, made.root))
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine.ego.matrix, theirs.ego.matrix, atol=1e-9)


def later(seconds: float, after: int = 0, only: str = "") -> Any:
    """Shift the stamps of what comes after a time since the first stamp."""
    first: list[int] = []

    def change(topic: str, message: Any) -> list[tuple[str, Any]]:
        parts = getattr(message, "transforms", None) or getattr(message, "markers", None) or [message]
        if topic == "/tf_static" or (only and topic != only):
            return [(topic, message)]
        for part in parts:
            stamp = messages.from_stamp(part.header.stamp)
            first[:] = first or [stamp]
            if stamp - first[0] >= after:
                part.header.stamp = messages.to_stamp(stamp + round(seconds * SECOND))
        return [(topic, message)]

    return change


def test_a_pause_begins_another_scene(bag, tmp_path):
    made = import_bag(changed(bag, tmp_path / "gap", later(5.0, 3 * SECOND // 4)), tmp_path / "root")
    assert list(made.scenes) == ["scene-0001", "scene-0002"]
    assert made.seconds < 1.0
    assert sum(made.scenes.values()) == sum(
        1 for scene in made.scenes for _ in NuScenesReader(made.root).keyframes(scene)
    )


def test_a_jump_of_the_pose_begins_another_scene(bag, tmp_path):
    seen: list[int] = []

    def jump(topic, message):
        if topic == "/tf":
            seen.append(messages.from_stamp(message.transforms[0].header.stamp))
            if seen[-1] - seen[0] > SECOND // 2:
                message.transforms[0].transform.translation.x += 300.0
        return [(topic, message)]

    made = import_bag(changed(bag, tmp_path / "jump", jump), tmp_path / "root")
    assert len(made.scenes) == 2
    assert any("jumps" in line and "odom" in line for line in made.notes)


def without(*ends: str) -> Any:
    return lambda topic, message: [] if topic.endswith(ends) else [(topic, message)]


def of_two_cars(topic: str, message: Any) -> list[tuple[str, Any]]:
    return (
        [(topic, message)] if topic.startswith("/tf") else [(f"/{n}{topic}", message) for n in ("one", "two")]
    )


REFUSED = {
    "no transforms": (
        without("/tf_static"),
        r"no camera can be placed on the car; .*no transform names a frame",
    ),
    "no way": (without("/tf"), r"does not tell where the car is.*odom or map.*nav_msgs/Odometry"),
    "no lidar": (without("/points"), r"has no LiDAR: keyframes are taken .*PointCloud2"),
    "no calibration": (without("/camera_info"), r"no camera with images and a camera_info .*record"),
    "no images": (without("/compressed"), r"no camera with images"),
    "a clock set back": (later(-9.0, 3 * SECOND // 4), r"go back by 8\.\d s.*cut the bag"),
    "another clock": (later(40.0, 0, "/lidar_top/points"), r"nothing tells where the car was|no keyframe"),
    "two cars": (of_two_cars, r"several cars; choose one with --namespace: /one, /two"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_a_data_set_is_refused_in_one_line(bag, tmp_path, kind):
    change, line = REFUSED[kind]
    spoilt = changed(bag, tmp_path / "bag", change)
    with pytest.raises(RosError, match=line) as refused:
        import_bag(spoilt, tmp_path / "out" / "root")
    assert "\n" not in str(refused.value)
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir())


def test_of_two_cars_one_is_chosen(bag, tmp_path):
    both = changed(bag, tmp_path / "bag", of_two_cars)
    made = import_bag(both, tmp_path / "root", ImportOptions(namespace="two"))
    assert all(topic.startswith("/two/") for topic in made.cameras.values())
    assert sorted(made.cameras) == sorted(NuScenesReader(made.root).cameras)


def test_a_camera_of_another_clock_or_rate_costs_itself_and_is_named(bag, tmp_path):
    count = [0]

    def spoil(topic, message):
        if topic == "/cam_back/image_raw/compressed":
            count[0] += 1
            if count[0] > 1:
                return []
        return later(30.0, 0, "/cam_front/image_raw/compressed")(topic, message)

    made = import_bag(changed(bag, tmp_path / "bag", spoil), tmp_path / "root")
    for wanted in (
        r"^/cam_front|cam_front: none of its|where the car was",
        r"cam_back: 2 of 3 keyframes have no",
    ):
        assert any(re.search(wanted, line) for line in (*made.notes, *made.left_out)), (made.notes, wanted)
    keyframes = list(NuScenesReader(made.root).keyframes("scene-0001"))
    assert ["cam_back" in keyframe.cameras for keyframe in keyframes] == [True, False, False]
    assert not any("cam_front" in keyframe.cameras for keyframe in keyframes)


def test_messages_out_of_order_are_put_in_order_and_damage_costs_itself(bag, root, tmp_path):
    storage, first, behind = BagStorage(tmp_path / "bag"), "/cam_front/image_raw/compressed", []
    with Bag(bag) as source:
        kinds = {topic.name: storage.add_topic(topic.name, topic.type) for topic in source.topics}
        for topic, stamp, data in source.messages():
            behind += [data] if topic == first else []
            if topic == first and len(behind) < 3:
                # The first two come after each other the wrong way round.
                for other in reversed(behind) if len(behind) == 2 else ():
                    storage.write(kinds[topic], stamp, other)
                continue
            storage.write(
                kinds[topic], stamp, data[:40] if topic == "/cam_back/image_raw/compressed" else data
            )
    storage.close()
    made = import_bag(tmp_path / "bag", tmp_path / "root")
    assert any(re.match("/cam_front.*out of order", line) for line in made.notes)
    assert any(why.startswith("/cam_back/image_raw/compressed: ") for why in made.left_out)
    stamps = [
        [s.stamp for s in NuScenesReader(each).shots("scene-0001", True) if s.name == "cam_front"]
        for each in (root, made.root)
    ]
    assert stamps[0] == stamps[1] == sorted(stamps[1])


def test_a_bag_that_was_not_ended_gives_what_it_holds(bag, tmp_path):
    cut = tmp_path / "cut"
    cut.mkdir()
    (file,) = bag.glob("*.mcap")
    data = file.read_bytes()
    (cut / file.name).write_bytes(data[: int(len(data) * 0.8)])
    made = import_bag(cut, tmp_path / "root")
    assert any("not ended by its recorder" in line for line in made.notes)
    assert 0 < made.images < 100
    with pytest.raises(PiprosError, match="no bag at"):
        import_bag(tmp_path / "nowhere", tmp_path / "other")


def test_of_a_bag_that_holds_too_little_it_is_said_first_that_a_part_is_missing(bag, tmp_path):
    without_clouds = changed(bag, tmp_path / "bag", without("/points"))
    (file,) = without_clouds.glob("*.mcap")
    data = file.read_bytes()
    alone = tmp_path / "alone.mcap"
    for kept in (0.5, 0.05):
        for each in (alone, file):
            each.write_bytes(data[: int(len(data) * kept)])
        for cut in (alone, without_clouds):
            begin = rf"^only a part of bag {cut} is there \(.* the last \d+ bytes.*\); of that: bag {cut} "
            with pytest.raises(RosError, match=begin + "has no "):
                import_bag(cut, tmp_path / "root")
    with pytest.raises(RosError, match=begin + "has neither grids nor"):
        frames(without_clouds)


def test_what_is_there_stays(bag, tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(RosError, match="already exists; import to another folder"):
        import_bag(bag, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_bag(bag, tmp_path / "out" / "root", progress=stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_tells_what_it_made_and_an_error_in_one_line(bag, tmp_path):
    from lss_bev_ros.cli import app

    made = CliRunner().invoke(app, ["import", str(bag), str(tmp_path / "root")])
    assert made.exit_code == 0, made.output
    assert "1 scene of 1 s, 3 keyframes" in made.output
    assert "not annotated" in made.output
    arguments = ["import", str(bag), str(tmp_path / "other"), "--camera", "front"]
    command = [sys.executable, "-m", "lss_bev_ros.cli", *arguments]
    bad = subprocess.run(command, capture_output=True, text=True)
    assert bad.returncode == 1
    (line,) = bad.stderr.strip().splitlines()
    assert "give NAME=TOPIC" in line
