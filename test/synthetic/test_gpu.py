"""What the kernels draw, here under numba's simulator, is what the compiled code of the CPU draws."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("numba.cuda", reason="numba without CUDA's target, so without its simulator")

import torch

from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.synthetic import lidar
from lss_bev_ros.synthetic.light import Light
from lss_bev_ros.synthetic.material import TEXTURE, Materials
from lss_bev_ros.synthetic.parcel import EGO, Packer
from lss_bev_ros.synthetic.rasterizer import draw, draw_flat
from lss_bev_ros.synthetic.scenery import PLAIN_SCENERY
from lss_bev_ros.synthetic.shading import shade
from lss_bev_ros.synthetic.shadow import Shadows
from lss_bev_ros.synthetic.shutter import rolled
from lss_bev_ros.synthetic.stream import Studio
from lss_bev_ros.synthetic.voxels import thing_voxels

SCALE = 0.0125
VIEWS, KEY_SCALE, NUMBERS = 7, 2.0**36, 1 << 22


def cropped(parcel):
    """The parcel with the few triangles next to the car, one vehicle that moves and the ego car."""
    place = parcel.places[0, :2]
    middle = parcel.vertices[:, :, :2].mean(1) - place
    parked = np.flatnonzero((parcel.owner > 0) & (np.hypot(*middle.T) < 25))
    near = np.argsort(np.hypot(*middle.T))[:120]
    kept = np.unique(np.concatenate([parked[:: max(1, len(parked) // 80)], near]))
    vehicle = int(np.argmax(parcel.instances[:-1, 2] * (parcel.instances[:-1, 2] < 1700)))
    instances = parcel.instances[[vehicle, -1]].copy()
    # Every eighth triangle of each shape is enough.
    shapes = [np.arange(first, first + count, 8) for _, first, count, *_ in instances]
    counts = [len(shape) for shape in shapes]
    instances[:, 1], instances[:, 2], instances[:, 4] = (0, counts[0]), counts, (0, counts[0])
    chosen = np.concatenate(shapes)
    poses = parcel.poses[[vehicle, -1]].copy()
    poses[0, 9:11] = place + 6.0
    return dataclasses.replace(
        parcel,
        **{
            name: getattr(parcel, name)[kept]
            for name in ("vertices", "normals", "uv", "material", "thing", "owner")
        },
        **{
            f"model_{name}": getattr(parcel, f"model_{name}")[chosen]
            for name in ("vertices", "normals", "uv", "material", "thing")
        },
        filled=np.zeros(1, np.int32),
        instances=instances,
        poses=poses,
        velocities=parcel.velocities[[vehicle, -1]],
        moving=np.array([[counts[0], sum(counts)]], np.int32),
    )


@pytest.fixture(scope="module")
def parcel(world):
    """Of cameras whose shutters roll while the car moves on."""
    made = cropped(Packer(world).pack([(1.0, None)], np.random.default_rng(0)))
    response, motions = made.response.copy(), made.motions.copy()
    response[..., -1], motions[..., 0], motions[..., 4] = 0.05, 12.0, 0.3
    return dataclasses.replace(made, response=response, motions=motions)


@pytest.fixture(scope="module")
def drawn(parcel, tmp_path_factory):
    return simulated(parcel, tmp_path_factory.mktemp("gpu"))


def simulated(parcel, folder, *options):
    np.savez(folder / "parcel.npz", **parcel.arrays())
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("gpu_drawing.py")
    command = [sys.executable, str(script), str(folder / "parcel.npz"), str(folder / "out.npz"), str(SCALE)]
    command += options
    subprocess.run(command, env=environment, check=True)
    return dict(np.load(folder / "out.npz"))


def rows_of(drawn, parcel, view):
    """Which rows of the drawn triangles a view shows: all that stands still, then what moves."""
    fixed, room = int(drawn["fixed"]), int(drawn["room"])
    count = parcel.moving[0, 0 if view < VIEWS - 1 else 1]
    return np.concatenate([np.arange(fixed), fixed + view * room + np.arange(count)])


def test_every_sample_shows_the_triangle_that_the_rasteriser_finds(drawn, parcel):
    for view in range(VIEWS - 1):
        rows = rows_of(drawn, parcel, view)
        fine = 2 * drawn["lenses"][view]
        fine[2:] += 0.5
        packed = drawn["buffers"][view]
        keys, ids = np.zeros(packed.shape, np.float32), np.full(packed.shape, -1, np.int32)
        vertices = np.ascontiguousarray(drawn["vertices"][rows])
        draw(vertices, drawn["rotations"][view], drawn["origins"][view], fine, keys, ids)
        assert ((packed > 0) == (ids >= 0)).all()
        numbers = NUMBERS - 1 - (packed & (NUMBERS - 1))
        # Where two surfaces lie in one plane, either may win.
        assert (numbers == ids)[ids >= 0].mean() > 0.98
        assert np.allclose((packed >> 22) / KEY_SCALE, keys, rtol=1e-5, atol=1e-7)


def test_pixels_are_shaded_as_on_the_processor(drawn, parcel):
    assert_shaded_alike(drawn, parcel, PLAIN_SCENERY)


def test_photographs_weather_and_lamps_are_shaded_as_on_the_processor(parcel, tmp_path):
    """Half of the materials are textures or photographed ground, on a wet night under a photographed sky."""
    kind, params = parcel.kind.copy(), parcel.params.copy()
    kind[::4] = TEXTURE
    params[:, ::4] = [0.0, 0.3, 8.0, 0.0, 0.1, 1.0, 0.0, 0.0]
    params[:, 1::4, 5:] = [2.0, 3.0, 1.0]
    lamps = parcel.lamps.copy()
    lamps[0, 0] = [*parcel.places[0, :2], 6.0, 0.0, 0.0, 0.0, 9.0, 0.5]
    weather = np.array([[0.7, 0.8, 0.9, 0.5, 1.0]])
    rng = np.random.default_rng(0)
    # Only what is drawn by heights above the ground looks at it.
    ground = rng.uniform(-0.3, 0.3, (20, 20)).astype(np.float32)
    corner = parcel.places[0, :2] - 60.0
    rich = dataclasses.replace(
        parcel, kind=kind, params=params, lamps=lamps, weather=weather, sky=np.zeros(1, np.int32),
        ground=ground, ground_corner=corner,
    )  # fmt: skip
    photographs = {
        "sky": rng.uniform(0.2, 2.0, (8, 16, 3)).astype(np.float32),
        "texels": rng.integers(0, 255, (4 * 4 + 2 * 2 + 1, 3), dtype=np.uint8),
        "textures": np.array([[0, 4, 4, 3]], np.int32),
    }
    np.savez(tmp_path / "photographs.npz", **photographs)
    scenery = PLAIN_SCENERY._replace(
        **photographs, photographed=1, sky_turn=0.7, sky_gain=0.8, lamps=lamps[0],
        wet=0.9, dirt=0.5, night=1.0, ground=ground, left=float(corner[0]), bottom=float(corner[1]),
    )  # fmt: skip
    drawn = simulated(rich, tmp_path, str(tmp_path / "photographs.npz"))
    assert_shaded_alike(drawn, rich, scenery)


def assert_shaded_alike(drawn, parcel, scenery):
    light = parcel.lights[0]
    light = Light(*(tuple(light[3 * k : 3 * k + 3]) for k in range(5)), *light[15:18], int(light[18]))
    materials = Materials(parcel.kind, parcel.colours[0], parcel.params[0])
    (near, far), scales = drawn["offsets"][0], drawn["scales"]
    shadows = Shadows(
        tuple(parcel.axes[0].ravel()), tuple(near), float(scales[0]), drawn["maps"][0, 0],
        tuple(far), float(scales[1]), drawn["maps"][0, 1],
        drawn["contact"][0], tuple(parcel.places[0, :2] - 60.0),
    )  # fmt: skip
    for view in range(VIEWS - 1):
        packed = drawn["buffers"][view]
        numbers = NUMBERS - 1 - (packed & (NUMBERS - 1))
        fixed = int(drawn["fixed"])
        rows = np.where(numbers < fixed, numbers, numbers + view * int(drawn["room"]))
        ids = np.where(packed > 0, rows, -1).astype(np.int32)
        image = np.empty((*drawn["images"].shape[2:4], 3), np.uint8)
        shade(
            ids, drawn["rotations"][view], drawn["origins"][view], drawn["lenses"][view],
            drawn["vertices"], drawn["normals"], drawn["uv"], drawn["material"], drawn["owner"],
            materials, light, shadows, int(parcel.seeds[0, view]), (0, 0, *image.shape[1::-1]), image,
            scenery,
        )  # fmt: skip
        near = ((packed[::2, ::2] >> 22) / KEY_SCALE).astype(np.float32)
        lens, motion = drawn["lenses"][view], parcel.motions[0, view]
        parts = (image, near, lens, motion, parcel.response[0, view, -1])
        image = rolled(*(torch.from_numpy(np.asarray(part))[None] for part in parts))[0].numpy()
        error = np.abs(image[:, :, ::-1].astype(int) - drawn["images"][0, view])
        assert error.max() <= 2
    assert drawn["images"].std() > 10


def test_shadow_maps_hold_the_same_heights(drawn, parcel):
    vertices = np.ascontiguousarray(drawn["vertices"][rows_of(drawn, parcel, VIEWS - 1)])
    for k in range(2):
        heights = np.full(drawn["maps"].shape[2:], -1e6, np.float32)
        draw_flat(vertices, parcel.axes[0], drawn["offsets"][0, k], float(drawn["scales"][k]), heights)
        lit = heights > -1e5
        assert lit.any()
        assert np.allclose(drawn["maps"][0, k][lit], heights[lit], atol=1e-3)
        assert (drawn["maps"][0, k][~lit] < -1e4).all()


def test_the_lidar_hits_whom_the_scan_hits(drawn, parcel):
    rows = rows_of(drawn, parcel, VIEWS - 1)
    vertices, owner = drawn["vertices"][rows], drawn["owner"][rows]
    ranges = np.full((lidar.COLUMNS, lidar.RINGS), lidar.MAX_RANGE)
    nearest = np.full(ranges.shape, -1, np.int64)
    azimuth, elevation = lidar.azimuths(), lidar.elevations()
    to_body = parcel.sensor[0]
    slack = float(parcel.slack[0])
    lidar._cast(vertices, to_body, lidar._back(to_body), slack, 0, azimuth, elevation, ranges, nearest)
    struck = np.bincount(
        owner[nearest[(nearest >= 0) & (owner[nearest] > 0)]], minlength=len(drawn["hits"][0])
    )
    ours = drawn["hits"][0]
    assert struck.sum() > 50
    # Weak echoes are lost at random, so whoever is struck often enough must be hit.
    assert (ours[struck > 12] > 0).all()
    assert (ours[struck == 0] <= 2).all()
    assert 0.4 < ours.sum() / struck.sum() < 1.05


def test_points_lie_where_their_beams_hit_seen_from_the_car_at_the_end(drawn, parcel):
    rows = rows_of(drawn, parcel, VIEWS - 1)
    vertices = drawn["vertices"][rows]
    still = drawn["fixed"]
    ranges = np.full((lidar.COLUMNS, lidar.RINGS), lidar.MAX_RANGE)
    nearest = np.full(ranges.shape, -1, np.int64)
    azimuth, elevation = lidar.azimuths(), lidar.elevations()
    sensor = parcel.sensor[0]
    slack = float(parcel.slack[0])
    lidar._cast(vertices, sensor, lidar._back(sensor), slack, 0, azimuth, elevation, ranges, nearest)
    points = drawn["points"][0].reshape(lidar.COLUMNS, lidar.RINGS, 4).astype(np.float64)
    back = np.isfinite(points[..., 0])
    # What moves, the ego car's own body too, is where it was when its beam was fired, not where it is drawn.
    fixed = back & (nearest >= 0) & (nearest < still) & (np.hypot(points[..., 0], points[..., 1]) > 4)
    assert fixed.sum() > 300
    column, ring = np.nonzero(fixed)
    ce = np.cos(elevation[ring])
    beam = np.stack([ce * np.cos(azimuth[column]), ce * np.sin(azimuth[column]), np.sin(elevation[ring])], -1)
    place = (
        np.einsum("nij,nj->ni", sensor[column, :, :3], beam * ranges[fixed][:, None]) + sensor[column, :, 3]
    )
    to_ego = parcel.to_ego[0]
    error = np.linalg.norm(points[fixed][:, :3] - (place @ to_ego[:, :3].T + to_ego[:, 3]), axis=1)
    # Noise of a range, and sixteen bits far away.
    assert np.median(error) < 2 * lidar.RANGE_NOISE
    assert (error < 0.08).mean() > 0.97
    intensity = points[back][:, 3]
    assert intensity.min() >= 0
    assert intensity.max() <= 1
    assert intensity.std() > 0.01


def test_voxels_hold_the_things_that_the_processor_finds(drawn, parcel):
    rows = rows_of(drawn, parcel, VIEWS - 1)[: int(drawn["fixed"]) + parcel.moving[0, 0]]
    matrix = np.vstack([parcel.to_ego[0], [0, 0, 0, 1]])
    ego = Pose(matrix[:3, :3], matrix[:3, 3]).inverse()
    expected = thing_voxels(drawn["vertices"][rows], drawn["thing"][rows], ego, BevGrid())
    assert len(np.unique(expected)) > 3
    assert (drawn["things"][0] == expected).mean() > 1 - 1e-5


def test_the_raster_says_how_often_a_vehicle_was_hit(drawn, parcel):
    raster = drawn["raster"][0]
    covered = np.zeros(len(raster), bool)
    covered[parcel.cells] = True
    assert ((raster > 0) == covered).all()
    expected = np.zeros(len(raster), int)
    returns = np.minimum(drawn["hits"][0][parcel.cell_owner], 127)
    np.maximum.at(expected, parcel.cells, 128 + returns)
    assert (raster == expected).all()


def test_a_parcel_says_what_a_sample_of_the_stream_says(world):
    parcel = Packer(world).pack([(1.0, None)], np.random.default_rng(4))
    sample = Studio(world, 0.02).sample(1.0, np.random.default_rng(4))
    for k, camera in enumerate(sample.rig.cameras):
        row = parcel.calibration[0, k]
        assert np.allclose(row[:9], camera.pose.rotation.ravel(), atol=1e-6)
        assert np.allclose(row[12:], camera.intrinsics.ravel(), atol=1e-3)
    # The same vehicles cover the same cells.
    assert len(np.unique(parcel.cell_owner)) <= len(sample.boxes)
    assert parcel.instances[-1, 3] == EGO


def test_whose_place_the_ego_car_takes_is_not_there(world):
    packer = Packer(world)
    moments = packer.draw_moments(30, 2.0, 1.0, np.random.default_rng(0))
    time, driver = next(moment for moment in moments if moment[1] is not None)
    parcel = packer.pack([(time, driver)], np.random.default_rng(0))
    assert driver.number not in parcel.instances[:, 3]
    assert driver.number not in parcel.cell_owner
    # The ego car stands where the driver's car stood, within their difference in length.
    assert np.hypot(*(parcel.places[0] - driver.pose(time).translation)[:2]) < 2.0
