"""Occupancy labels of a world: what fills it, and what the sensors know of that."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.dataset.voxels import FREE, OCC3D_GRID
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.synthetic.occupancy import OccupancyRecorder, cast
from lss_bev_ros.synthetic.recording import WorldRecorder
from lss_bev_ros.synthetic.tables import sample_token
from lss_bev_ros.synthetic.things import NUMBER, THINGS

GRID = BevGrid()
SHAPE = (20, 20, 10)


def known(origin, ends, filled=(), stops=True) -> np.ndarray:
    solid, seen = np.zeros(SHAPE, np.bool_), np.zeros(SHAPE, np.bool_)
    for place in filled:
        solid[place] = True
    cast(np.array(origin, float), np.array(ends, float).reshape(-1, 3), solid, stops, seen)
    return seen


def test_a_ray_passes_every_voxel_on_its_way():
    seen = known((2.5, 3.5, 4.5), (8.5, 3.5, 4.5))
    assert np.argwhere(seen).tolist() == [[x, 3, 4] for x in range(2, 9)]
    # Down and backward: through x = 8, then z = 4, then x = 7.
    seen = known((8.5, 3.25, 4.75), (6.25, 3.5, 3.5))
    assert np.argwhere(seen).tolist() == [[6, 3, 3], [7, 3, 3], [7, 3, 4], [8, 3, 4]]


def test_it_ends_in_what_fills_a_voxel_unless_it_is_a_beam_that_went_through():
    wall = [(6, y, z) for y in range(20) for z in range(10)]
    seen = known((2.5, 3.5, 4.5), (12.5, 3.5, 4.5), wall)
    assert np.argwhere(seen)[:, 0].tolist() == [2, 3, 4, 5, 6]
    assert known((2.5, 3.5, 4.5), (12.5, 3.5, 4.5), wall, stops=False).sum() == 11


@pytest.mark.parametrize(
    "origin", [(-5.5, 10.5, 5.5), (10.5, 30.5, 5.5), (10.5, 10.5, -4.0), (40.0, -20.0, 25.0)]
)
def test_rays_may_begin_and_end_outside(origin):
    end = np.array([19.3, 20.9, 10.2]) - origin
    seen = known(origin, end)
    along = np.linspace(origin, end, 4001)
    inside = along[((along >= 0) & (along < SHAPE)).all(1)]
    expected = np.zeros(SHAPE, bool)
    expected[tuple(np.floor(inside).astype(int).T)] = True
    assert expected.any()
    assert not (expected & ~seen).any()
    assert seen.sum() - expected.sum() <= 2, "at the corners"


def test_a_ray_that_misses_the_grid_knows_nothing():
    assert not known((-1.0, -1.0, 5.0), (-1.0, 50.0, 5.0)).any()
    assert not known((5.0, 5.0, 30.0), (5.0, 5.0, 11.0)).any()
    assert not known((5.0, 5.0, 5.0), np.zeros((0, 3))).any()


@pytest.fixture(scope="module")
def scene(labelled):
    """The labelled set's first keyframe, its voxels, and its scan in base_link."""
    frame = next(iter(NuScenesReader(labelled, "").keyframes("scene-0001")))
    points = frame.lidar.pose.apply(frame.lidar.points()[:, :3])
    return SimpleNamespace(frame=frame, voxels=frame.voxels(), points=points)


def voxel_of(points: np.ndarray, grid: BevGrid) -> tuple[np.ndarray, np.ndarray]:
    """Indices (N, 3) of points, and which of them are inside."""
    cells, inside = grid.cells(points)
    height = np.floor((points[:, 2] + 1.0) / 0.4).astype(int)
    return np.column_stack([cells, height]), inside & (height >= 0) & (height < 16)


def test_labels_are_where_occ3d_keeps_them(labelled, scene):
    folder = labelled / "gts" / "scene-0001" / scene.frame.token
    with np.load(folder / "labels.npz") as file:
        assert sorted(file.files) == ["mask_camera", "mask_lidar", "semantics"]
        for name in file.files:
            assert file[name].shape == (200, 200, 16)
            assert file[name].dtype == np.uint8
        assert set(np.unique(file["semantics"])) <= set(range(18))
        assert set(np.unique(file["mask_lidar"])) == {0, 1}
    samples = json.loads((labelled / "v1.0-mini" / "sample.json").read_text())
    assert {p.name for p in (labelled / "gts" / "scene-0001").iterdir()} == {r["token"] for r in samples}


def test_occ3ds_list_leads_to_labels_pictures_and_poses(labelled, scene):
    listed = json.loads((labelled / "annotations.json").read_text())
    assert (listed["train_split"], listed["val_split"]) == ([], ["scene-0001"])
    info = listed["scene_infos"]["scene-0001"][scene.frame.token]
    assert (labelled / info["gt_path"]).is_file()
    np.testing.assert_allclose(info["ego_pose"]["translation"], scene.frame.ego.translation)
    assert (info["prev"], info["next"]) == ("", "")
    assert len(info["camera_sensor"]) == 6
    paths = {shot.path: shot for shot in scene.frame.cameras.values()}
    for each in info["camera_sensor"].values():
        shot = paths[labelled / each["img_path"]]
        np.testing.assert_allclose(each["intrinsic"], shot.camera.intrinsics)
        np.testing.assert_allclose(each["extrinsic"]["translation"], shot.camera.pose.translation)
        np.testing.assert_allclose(each["ego_pose"]["translation"], shot.ego.translation)


def test_the_lidar_hits_what_is_filled(scene):
    """A return of 12 mm noise lies in a filled voxel or beside one."""
    for voxels in (scene.voxels, scene.frame.voxels(OCC3D_GRID)):
        index, inside = voxel_of(scene.points, voxels.grid)
        # The scan sees the ego car too, which fills nothing: it is where the grid is.
        own = (np.abs(scene.points[:, 0] - 1.4) < 2.6) & (np.abs(scene.points[:, 1]) < 1.2)
        index = index[inside & ~own]
        filled = (voxels.semantics != FREE)[tuple(index.T)]
        assert filled.mean() > 0.93
        assert voxels.mask_lidar[tuple(index.T)].all()


def test_things_and_classes_agree(scene):
    voxels = scene.voxels
    assert voxels.thing_names == tuple(thing.name for thing in THINGS)
    classes = np.array([thing.occupied for thing in THINGS])
    np.testing.assert_array_equal(classes[voxels.things], voxels.semantics)
    found = {THINGS[number].name for number in np.unique(voxels.things)}
    assert {"free space", "road", "pavement", "kerb", "lane marking"} <= found


def test_the_car_stands_on_the_road_that_its_map_has(scene):
    drivable = scene.frame.map_raster()["drivable"]
    road = (
        np.isin(scene.voxels.things, [NUMBER["road"], NUMBER["lane marking"], NUMBER["zebra crossing"]])
    ).any(2)
    near = np.hypot(*np.moveaxis(GRID.centers(), -1, 0)) < 30
    assert road[100:104, 99:101].all()
    # Where cars, people or cones stand the road is theirs in the voxels.
    assert (drivable & road & near).sum() > 0.93 * (road & near).sum()


def test_boxes_are_filled_by_their_class(scene):
    wanted = {
        "vehicle.car": {4},
        "human.pedestrian.adult": {7},
        "vehicle.truck": {10},
        "vehicle.bus.rigid": {3},
    }
    checked = 0
    for box in scene.frame.boxes:
        if box.category not in wanted or np.abs(box.pose.translation[:2]).max() > 45 or box.num_lidar_pts < 5:
            continue
        index, _ = voxel_of(box.pose.translation[None], GRID)
        x, y, _ = index[0]
        around = scene.voxels.semantics[x - 1 : x + 2, y - 1 : y + 2]
        assert wanted[box.category] & set(np.unique(around).tolist()), box.category
        checked += 1
    assert checked > 1


def test_cameras_know_what_they_see_and_not_what_is_behind_it(scene):
    voxels = scene.voxels
    filled = voxels.semantics != FREE
    share = voxels.mask_camera.mean()
    assert 0.03 < share < 0.7
    assert (voxels.mask_camera & filled).any()
    # The space before the car at the cameras' height is seen, the ground under the far corners mostly not.
    assert voxels.mask_camera[104:112, 98:102, 5:7].all()
    assert not voxels.mask_camera[:, :, 0].all()


def test_tokens_are_those_of_the_tables(labelled):
    samples = json.loads((labelled / "v1.0-mini" / "sample.json").read_text())
    assert samples[0]["token"] == sample_token(3, "scene-0001", 0)


def test_moving_things_are_where_they_are_at_the_time_of_the_scan(world, tmp_path):
    recorder = OccupancyRecorder(WorldRecorder(world, tmp_path, "log", 0, (7, 0), 0.1), tmp_path)
    movers = [a for a in world.movers if a.category.startswith("vehicle.car") and a.speed(1.0) > 3.0]
    for time in (0.5, 1.0):
        ego = world.ego_pose(time)
        things = recorder.labels(round(time * 1e6), np.zeros((0, 3)), GRID).semantics
        for mover in movers:
            place = ego.inverse().apply(mover.box(time).pose.translation[None])
            index, inside = voxel_of(place, GRID)
            if inside[0] and np.abs(place[0, :2]).max() < 45:
                x, y, _ = index[0]
                assert (things[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2] == 4).any()
