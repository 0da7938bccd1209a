"""Data sets in nuScenes' format that were made by others: sensors, images, lenses, categories."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros import topics
from lss_bev_ros.dataset import NuScenesReader, vehicle_raster
from lss_bev_ros.dataset.contents import camera_names
from lss_bev_ros.dataset.timeline import timeline
from lss_bev_ros.errors import DatasetError, TrainingError
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, Lens
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.source import DatasetSource, keyframe_sample

GRID = BevGrid()


def renamed(made, names):
    for sensor in made["sensor"]:
        sensor["channel"] = names.get(sensor["channel"], sensor["channel"])
    return made


def picture(suffix, width=1600, height=900):
    pixels = np.random.default_rng(0).integers(0, 256, (height // 50, width // 50, 3), dtype=np.uint8)
    return cv2.imencode(suffix, cv2.resize(pixels, (width, height)))[1].tobytes()


# -- sensors -----------------------------------------------------------------------------------------


def test_cameras_of_other_names_follow_the_six(tmp_path, maker):
    made = renamed(maker.tables(), {"CAM_BACK": "CAM_FRONT_WIDE", "CAM_BACK_LEFT": "CAMERA-LEFT 2"})
    reader = NuScenesReader(maker.write(tmp_path, made))
    names = ("cam_front_left", "cam_front", "cam_front_right", "cam_back_right", "cam_front_wide")
    names = (*names[:4], "cam_front_wide", "camera_left_2")
    assert reader.cameras == names == camera_names(tmp_path)
    for keyframe in reader.keyframes("scene-0001"):
        assert keyframe.rig.names == tuple(keyframe.cameras) == names
    published = {topic.name for topic in topics.all_topics(cameras=reader.cameras)}
    events = timeline(reader.shots("scene-0001", True), reader.keyframes("scene-0001"))
    for event in events:
        for topic, _ in topics.recording(event.item, 0, GRID):
            assert topic in published


@pytest.mark.parametrize("count", [1, 3, 12])
def test_any_number_of_cameras(tmp_path, maker, count):
    made = maker.tables()
    keep = [r for r in made["sample_data"] if "CAM" not in r["token"]]
    first = next(r for r in made["sample_data"] if r["token"] == "CAM_FRONT0")
    made["sensor"] += [{"token": f"s{n}", "channel": f"CAM_{n}", "modality": "camera"} for n in range(count)]
    for n in range(count):
        calibration = next(c for c in made["calibrated_sensor"] if c["token"] == "c_CAM_FRONT")
        made["calibrated_sensor"].append({**calibration, "token": f"c{n}", "sensor_token": f"s{n}"})
        keep.append({**first, "token": f"d{n}", "calibrated_sensor_token": f"c{n}"})
    made["sample_data"] = keep
    reader = NuScenesReader(maker.write(tmp_path, made))
    first, second = reader.keyframes("scene-0001")
    assert len(first.cameras) == len(second.rig) == len(camera_names(tmp_path)) == count
    assert not second.cameras


def test_a_lidar_of_another_name_is_used_and_said(tmp_path, maker):
    reader = NuScenesReader(maker.write(tmp_path, renamed(maker.tables(), {"LIDAR_TOP": "LIDAR_CONCAT"})))
    first, _ = reader.keyframes("scene-0001")
    assert first.lidar.name == "lidar_concat"
    assert any("LIDAR_CONCAT is used" in notice for notice in reader.notices)
    ((topic, cloud),) = topics.recording(first.lidar, 0, GRID)
    assert (topic, cloud.header.frame_id) == ("lidar_top/points", "lidar_concat")


def test_of_several_lidars_one_is_used(tmp_path, maker):
    made = maker.tables()
    made["sensor"].append({"token": "s_rear", "channel": "LIDAR_REAR", "modality": "lidar"})
    of_top = next(c for c in made["calibrated_sensor"] if c["token"] == "c_LIDAR_TOP")
    made["calibrated_sensor"].append({**of_top, "token": "c_rear", "sensor_token": "s_rear"})
    for record in [r for r in made["sample_data"] if r["token"].startswith("LIDAR_TOP")]:
        rear = {"token": f"rear{record['token']}", "calibrated_sensor_token": "c_rear"}
        made["sample_data"].append({**record, **rear, "filename": "samples/LIDAR_REAR/0.bin"})
    reader = NuScenesReader(maker.write(tmp_path, made))
    assert {shot.name for shot in reader.shots("scene-0001", True)} == {*CAMERA_NAMES, "lidar_top"}
    assert any("not LIDAR_REAR" in notice for notice in reader.notices)


def test_nuscenes_itself_needs_no_notice(small_root):
    assert NuScenesReader(small_root).notices == ()


# -- cameras -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "lens"),
    [
        ({}, Lens()),
        ({"camera_distortion": None}, Lens()),
        ({"camera_distortion": [0.0] * 5}, Lens()),
        ({"camera_distortion": [-0.3, 0.1, 0.001, 0.002]}, Lens("plumb_bob", (-0.3, 0.1, 0.001, 0.002))),
        ({"camera_distortion": [-0.3, 0.1, 0, 0, 0.01]}, Lens("plumb_bob", (-0.3, 0.1, 0, 0, 0.01))),
        (
            {"camera_distortion": [0.5, 0.1, 0, 0, 0.01, 0.8, 0.2, 0.02]},
            Lens("rational_polynomial", (0.5, 0.1, 0, 0, 0.01, 0.8, 0.2, 0.02)),
        ),
        (
            {"camera_distortion": [0.1, 0.01, 0, 0], "distortion_model": "equidistant"},
            Lens("equidistant", (0.1, 0.01, 0, 0)),
        ),
        (
            {"distortion_coefficients": [0.1, 0.01, 0, 0], "camera_distortion_model": "fisheye"},
            Lens("equidistant", (0.1, 0.01, 0, 0)),
        ),
    ],
)
def test_distortion_becomes_the_lens_and_goes_out_again(tmp_path, maker, fields, lens):
    made = maker.tables()
    for record in made["calibrated_sensor"]:
        if record["token"] == "c_CAM_FRONT":
            record.update(fields)
    (keyframe, _) = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert keyframe.rig["cam_front"].lens == lens
    assert keyframe.rig["cam_back"].lens.is_pinhole
    info = dict(topics.recording(keyframe.cameras["cam_front"], 0, GRID))["cam_front/camera_info"]
    assert np.any(info.d) == (not lens.is_pinhole)


def test_a_distortion_that_is_none_is_named(tmp_path, maker):
    made = maker.tables()
    made["calibrated_sensor"][0]["camera_distortion"] = [0.1, 0.2, 0.3]
    reader = NuScenesReader(maker.write(tmp_path, made))
    with pytest.raises(DatasetError, match=r"calibrated_sensor\.json: record c_CAM_BACK .*coefficients"):
        list(reader.keyframes("scene-0001"))


def test_an_image_tells_its_size_where_the_tables_do_not(tmp_path, maker):
    made = maker.tables()
    for record in made["sample_data"]:
        record["width"] = record["height"] = None
    root = maker.write(tmp_path, made)
    for path in root.rglob("*.jpg"):
        path.write_bytes(picture(".jpg", 160, 90))
    (keyframe, _) = NuScenesReader(root).keyframes("scene-0001")
    assert {(camera.width, camera.height) for camera in keyframe.rig.cameras} == {(160, 90)}


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "png"), (".webp", "webp"), (".jpg", "jpeg")])
def test_images_of_any_kind_are_handed_on_as_they_are(tmp_path, maker, suffix, kind):
    root = maker.write(tmp_path, maker.tables())
    (keyframe, _) = NuScenesReader(root).keyframes("scene-0001")
    shot = keyframe.cameras["cam_front"]
    shot.path.write_bytes(data := picture(suffix))
    assert shot.encoded() == shot.jpeg() == data
    message = dict(topics.recording(shot, 0, GRID))["cam_front/image_raw/compressed"]
    assert message.format == kind
    assert bytes(message.data) == data
    shot.path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError, match="truncated"):
        shot.encoded()


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm(tmp_path, maker):
    root = maker.write(tmp_path, maker.tables())
    (keyframe, _) = NuScenesReader(root).keyframes("scene-0001")
    shot = keyframe.cameras["cam_front"]
    shot.path.write_bytes(data := picture(".jpg") + b"dhav\x59\x19\x01\x00")
    assert shot.encoded() == data


# -- what there is to score against ------------------------------------------------------------------


def test_flat_names_are_the_same_truth(tmp_path, maker, small_root):
    made = maker.tables()
    made["category"][0]["name"] = "car"
    reader = NuScenesReader(maker.write(tmp_path, made))
    assert reader.annotated("scene-0001")
    assert reader.vehicle_categories == ("car",)
    pairs = zip(
        reader.keyframes("scene-0001"), NuScenesReader(small_root).keyframes("scene-0001"), strict=True
    )
    for flat, plain in pairs:
        raster = vehicle_raster(flat.boxes, GRID)
        assert raster.any()
        np.testing.assert_array_equal(raster, vehicle_raster(plain.boxes, GRID))


def test_a_data_set_without_vehicles_is_said_and_not_scored(tmp_path, maker):
    made = maker.tables()
    made["category"][0]["name"] = "gadget"
    root = maker.write(tmp_path, made)
    reader = NuScenesReader(root)
    assert not reader.annotated("scene-0001")
    assert any("no category is a vehicle" in notice and "gadget" in notice for notice in reader.notices)
    for keyframe in reader.keyframes("scene-0001"):
        assert not keyframe.annotated
        (_, grid), _ = topics.recording(keyframe, 0, GRID)
        assert set(grid.data) == {-1}
    chosen = NuScenesReader(root, vehicles=("gadget",))
    assert chosen.annotated("scene-0001")
    assert next(iter(chosen.keyframes("scene-0001"))).boxes[0].is_vehicle
    with pytest.raises(DatasetError, match="no category is among"):
        NuScenesReader(root, vehicles=("car",))


def test_without_annotations_the_truth_is_unknown(tmp_path, maker):
    made = maker.tables()
    made["sample_annotation"] = []
    reader = NuScenesReader(maker.write(tmp_path, made))
    (keyframe, _) = reader.keyframes("scene-0001")
    (_, grid), (_, markers) = topics.recording(keyframe, 0, GRID)
    assert set(grid.data) == {-1}
    assert len(markers.markers) == 1, "what was shown before is deleted"


def test_a_clear_road_is_a_truth(tmp_path, maker):
    made = maker.tables()
    made["sample_annotation"] = made["sample_annotation"][:1]
    made["sample_annotation"][0]["next"] = ""
    _, second = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    (_, grid), _ = topics.recording(second, 0, GRID)
    assert set(grid.data) == {0}


def test_a_vehicle_whose_points_nobody_counted_is_in_the_truth(tmp_path, maker):
    made = maker.tables()
    for record in made["sample_annotation"]:
        record["num_lidar_pts"] = -1
    (keyframe, _) = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert vehicle_raster(keyframe.boxes, GRID).any()


# -- training ----------------------------------------------------------------------------------------


def test_training_on_nothing_is_refused(tmp_path, maker):
    made = maker.tables()
    made["scene"].append({"token": "two", "name": "scene-0002"})
    made["sample_annotation"] = []
    with pytest.raises(TrainingError, match="annotated vehicles"):
        DatasetSource(maker.write(tmp_path, made), "", SampleLayout())


def test_training_takes_cameras_of_other_names(tmp_path, maker):
    made = renamed(maker.tables(), {name.upper(): f"X_{name.upper()}" for name in CAMERA_NAMES})
    root = maker.write(tmp_path, made)
    for path in root.rglob("*.jpg"):
        path.write_bytes(picture(".jpg"))
    (keyframe, _) = NuScenesReader(root).keyframes("scene-0001")
    sample = keyframe_sample(keyframe, SampleLayout())
    assert sample.present.all()
    assert sample.images.any(axis=(1, 2, 3)).all()
    assert sample.raster.any()


def test_training_straightens_what_a_lens_bent(tmp_path, maker):
    made = maker.tables()
    for record in made["calibrated_sensor"]:
        if record["camera_intrinsic"]:
            record["camera_distortion"] = [-0.3, 0.08, 0.0, 0.0, 0.0]
    root = maker.write(tmp_path, made)
    (keyframe, _) = NuScenesReader(root).keyframes("scene-0001")
    camera = keyframe.rig["cam_front"]
    # A white square where the lens images a ray of 0.5, 0.25.
    u, v = camera.image(np.array([0.5, 0.25, 1.0]))
    pixels = np.zeros((900, 1600, 3), np.uint8)
    cv2.circle(pixels, (round(u), round(v)), 12, (255, 255, 255), -1)
    for shot in keyframe.cameras.values():
        shot.path.write_bytes(cv2.imencode(".jpg", pixels)[1].tobytes())
    layout = SampleLayout()
    image = keyframe_sample(keyframe, layout).images[1, ..., 0].astype(float)
    rows, columns = np.indices(image.shape)
    found = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
    straight = camera.straight.image(np.array([0.5, 0.25, 1.0])) * layout.width / 1600
    np.testing.assert_allclose(found, straight, atol=0.6)
