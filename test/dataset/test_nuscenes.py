"""The reader: a small made data set, the real frame, and what a user can get wrong."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from lss_bev_ros.dataset import CameraShot, LidarScan, NuScenesReader, vehicle_raster
from lss_bev_ros.errors import DatasetError
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid


@pytest.fixture(scope="session")
def small(small_root) -> NuScenesReader:
    return NuScenesReader(small_root)


@pytest.fixture(scope="session")
def real(nuscenes_frame) -> NuScenesReader:
    return NuScenesReader(nuscenes_frame, "v1.0-mini")


def test_keyframes_come_in_time_order_with_cameras_in_lss_order(small):
    frames = list(small.keyframes("scene-0001"))
    assert [frame.stamp for frame in frames] == [1_000_000_000, 1_500_000_000]
    for frame in frames:
        assert tuple(frame.cameras) == CAMERA_NAMES
        assert frame.rig.names == CAMERA_NAMES
        assert frame.lidar.stamp == frame.stamp
    assert small.count_keyframes("scene-0001") == 2
    assert small.annotated("scene-0001")


def test_boxes_are_in_base_link_with_velocity(small):
    first, second = (frame.boxes[0] for frame in small.keyframes("scene-0001"))
    # 20 m north of a car that looks north: 20 m ahead, and driving away at 2 m in 0.5 s.
    np.testing.assert_allclose(first.pose.translation, [20.0, 0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(second.pose.translation, [22.0, 0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(first.velocity, [4.0, 0.0], atol=1e-9)
    assert first.pose.yaw == pytest.approx(0.0, abs=1e-9)
    assert first.size.tolist() == [4.0, 2.0, 1.5]
    assert (first.category, first.instance, first.visibility, first.num_lidar_pts) == (
        "vehicle.car",
        "inst",
        4,
        7,
    )


def test_sweeps_lie_between_keyframes(small):
    shots = small.shots("scene-0001", sweeps=True)
    assert [shot.stamp for shot in shots] == sorted(shot.stamp for shot in shots)
    sweeps = [shot for shot in shots if not shot.is_key]
    assert [(shot.name, shot.stamp) for shot in sweeps] == [
        ("cam_front", 1_240_000_000),
        ("lidar_top", 1_250_000_000),
    ]
    assert all("sweeps" in shot.path.parts for shot in sweeps)
    assert all(shot.is_key for shot in small.shots("scene-0001", sweeps=False))
    assert len(small.shots("scene-0001", sweeps=False)) == 14


def test_shots_of_one_camera_share_its_calibration(small):
    fronts = [shot for shot in small.shots("scene-0001", sweeps=True) if shot.name == "cam_front"]
    assert len({id(shot.camera) for shot in fronts}) == 1


def test_version_is_found_when_there_is_one(small_root):
    assert NuScenesReader(small_root, "").version == "v1.0-mini"


def test_absent_camera_is_absent_and_still_in_the_rig(tmp_path, maker):
    made = maker.tables()
    made["sample_data"] = [r for r in made["sample_data"] if r["token"] != "CAM_BACK500000"]
    frames = list(NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001"))
    assert "cam_back" not in frames[1].cameras
    assert frames[1].rig.names == CAMERA_NAMES


def test_camera_that_the_car_does_not_have_is_not_in_the_rig(tmp_path, maker):
    made = maker.tables()
    made["sample_data"] = [r for r in made["sample_data"] if "CAM_BACK" not in r["token"]]
    (frame, _) = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert frame.rig.names == CAMERA_NAMES[:3]


def test_without_lidar_the_pose_is_a_cameras(tmp_path, maker):
    made = maker.tables()
    made["sample_data"] = [r for r in made["sample_data"] if "LIDAR" not in r["token"]]
    (frame, _) = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert frame.lidar is None
    np.testing.assert_allclose(frame.boxes[0].pose.translation, [20.0, 0.0, 1.0], atol=1e-9)


def test_data_set_without_annotations(tmp_path, maker):
    made = maker.tables()
    made["sample_annotation"] = []
    made["instance"] = []
    reader = NuScenesReader(maker.write(tmp_path, made, "v1.0-test"), "")
    assert not reader.annotated("scene-0001")
    assert all(frame.boxes == () for frame in reader.keyframes("scene-0001"))


def test_damaged_file_costs_its_frame_only(tmp_path, maker):
    reader = NuScenesReader(maker.write(tmp_path, maker.tables()))
    first, second = reader.keyframes("scene-0001")
    first.cameras["cam_front"].path.write_bytes(maker.JPEG[:-2])
    first.cameras["cam_back"].path.write_bytes(b"GIF89a")
    first.cameras["cam_back_left"].path.unlink()
    first.lidar.path.write_bytes(b"\0" * 39)
    for name, says in (
        ("cam_front", "JPEG is truncated"),
        ("cam_back", "JPEG, PNG or WebP"),
        ("cam_back_left", "missing"),
    ):
        with pytest.raises(DatasetError, match=says) as caught:
            first.cameras[name].jpeg()
        assert str(first.cameras[name].path) in str(caught.value)
    with pytest.raises(DatasetError, match="39 bytes"):
        first.lidar.points()
    first.lidar.path.write_bytes(b"")
    with pytest.raises(DatasetError, match="LiDAR"):
        first.lidar.points()
    assert second.cameras["cam_front"].jpeg() == maker.JPEG
    assert second.lidar.points().shape == (10, 5)


def test_jpeg_padded_with_zeros_is_whole(tmp_path, maker):
    path = tmp_path / "padded.jpg"
    path.write_bytes(maker.JPEG + b"\0" * 7)
    shot = CameraShot("cam_front", 0, path, None, None, True)
    assert shot.jpeg() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"camera_intrinsic": [[0.0, 0, 1], [0, 0.0, 1], [0, 0, 1]]}, "focal length"),
        ({"camera_intrinsic": []}, "intrinsics"),
        ({"rotation": [0.0, 0.0, 0.0, 0.0]}, "not a pose"),
    ],
)
def test_impossible_calibration_is_named(tmp_path, maker, change, says):
    made = maker.tables()
    made["calibrated_sensor"][0].update(change)
    reader = NuScenesReader(maker.write(tmp_path, made))
    with pytest.raises(DatasetError, match=says) as caught:
        list(reader.keyframes("scene-0001"))
    assert "calibrated_sensor.json" in str(caught.value)


@pytest.mark.parametrize("size", [[math.nan, 4.5, 1.6], [1.9, math.inf, 1.6], [1.9, 4.5, -1.6]])
def test_a_box_without_a_size_is_named(tmp_path, maker, size):
    made = maker.tables()
    made["sample_annotation"][0]["size"] = size
    reader = NuScenesReader(maker.write(tmp_path, made))
    with pytest.raises(DatasetError, match=r"sample_annotation\.json: box of instance .* has size") as caught:
        list(reader.keyframes("scene-0001"))
    assert str(size) in str(caught.value)


def test_missing_root_names_the_remedy(tmp_path):
    with pytest.raises(DatasetError, match="lss-bev synthesize"):
        NuScenesReader(tmp_path / "nowhere")


def test_folder_that_is_no_root(tmp_path):
    with pytest.raises(DatasetError, match="not a nuScenes root"):
        NuScenesReader(tmp_path)


def test_wrong_version_names_those_there_are(small_root):
    with pytest.raises(DatasetError, match=r"'v1\.0-trainval'.*which has v1\.0-mini"):
        NuScenesReader(small_root, "v1.0-trainval")


def test_two_versions_want_a_choice(tmp_path, maker):
    maker.write(tmp_path, maker.tables(), "v1.0-mini")
    maker.write(tmp_path, maker.tables(), "v1.0-test")
    with pytest.raises(DatasetError, match=r"v1\.0-mini, v1\.0-test"):
        NuScenesReader(tmp_path, "")


def test_broken_table_reaches_the_user_through_the_process(tmp_path, maker):
    made = maker.tables()
    del made["sample"][0]["timestamp"]
    with pytest.raises(DatasetError, match=r"sample\.json: record 0 lacks the field 'timestamp'"):
        NuScenesReader(maker.write(tmp_path, made))


def test_unknown_scene_on_reading(small):
    with pytest.raises(DatasetError, match="no scene 'x'"):
        small.shots("x", sweeps=True)


def test_reading_leaves_the_devkit_out_of_this_process(small_root):
    program = (
        "import sys; from lss_bev_ros.dataset import NuScenesReader; "
        f"list(NuScenesReader({str(small_root)!r}).keyframes('scene-0001')); "
        "print([name for name in ('nuscenes', 'matplotlib', 'sklearn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_real_frame(real, nuscenes_reference):
    golden = np.load(nuscenes_reference / "golden.npz")
    (frame,) = real.keyframes("scene-0061")
    cameras = frame.rig.cameras
    np.testing.assert_allclose([c.pose.rotation for c in cameras], golden["rotations"], atol=1e-6)
    np.testing.assert_allclose([c.pose.translation for c in cameras], golden["translations"], atol=1e-6)
    np.testing.assert_allclose([c.intrinsics for c in cameras], golden["intrinsics"], rtol=1e-6)
    assert len(frame.boxes) == 68
    assert all(shot.jpeg()[:2] == b"\xff\xd8" for shot in frame.cameras.values())


def test_real_scan_agrees_with_the_annotated_counts(real):
    (frame,) = real.keyframes("scene-0061")
    points = frame.lidar.pose.apply(frame.lidar.points()[:, :3].astype(np.float64))
    counts = [int(box.contains(points).sum()) for box in frame.boxes]
    wanted = [box.num_lidar_pts for box in frame.boxes]
    # nuScenes counted with its own motion compensation, so a few points differ.
    assert np.corrcoef(counts, wanted)[0, 1] > 0.99


def test_real_raster_equals_that_of_lss(real, nuscenes_reference):
    (frame,) = real.keyframes("scene-0061")
    golden = np.load(nuscenes_reference / "golden.npz")["vehicle_raster"]
    np.testing.assert_array_equal(vehicle_raster(frame.boxes, BevGrid()), golden)


def test_scan_carries_its_frame_name(small):
    scans = [shot for shot in small.shots("scene-0001", sweeps=True) if isinstance(shot, LidarScan)]
    assert {scan.name for scan in scans} == {"lidar_top"}
