"""Pairs that the kernels draw, here under numba's simulator, are those of the parcel's instants."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba.cuda", reason="numba without CUDA's target, so without its simulator")

from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.synthetic.lidar import COLUMNS, RINGS
from lss_bev_ros.synthetic.voxels import thing_voxels
from lss_bev_ros.synthetic.world import World
from lss_bev_ros.training.multi_sense.pair_parcel import PairMoment, PairPacker

SCALE = 0.0125


@pytest.fixture(scope="module")
def parcel():
    """Two pairs with a few triangles around the car and a bit of the ego car's own."""
    whole = PairPacker(World.draw((7, 0), 4.0)).pack(
        [PairMoment(1.0, 0.5), PairMoment(2.5, 0.45)], np.random.default_rng(0)
    )
    middle = whole.vertices[:, :, :2].mean(1)
    distance = np.min([np.hypot(*(middle - place[:2]).T) for place in whole.places], axis=0)
    kept = np.flatnonzero(distance < 20)
    kept = kept[:: len(kept) // 120]
    last = np.flatnonzero(whole.instances[:, 3] < 0)
    first, count = whole.instances[last[0], 1:3]
    shape = np.arange(first, first + count, 40)
    size = len(shape)
    # Who has lost all triangles has a number still.
    owner = whole.owner[kept].copy()
    owner[0] = max(whole.instances[:, 3].max(), whole.owner.max())
    parts = ("vertices", "normals", "uv", "material", "thing")
    return dataclasses.replace(
        whole,
        **{name: getattr(whole, name)[kept] for name in parts},
        **{f"model_{name}": getattr(whole, f"model_{name}")[shape] for name in parts},
        owner=owner,
        instances=np.array([[k, 0, size, -1, 0, 0] for k in range(4)], np.int32),
        poses=whole.poses[last],
        velocities=whole.velocities[last],
        moving=np.array([[0, size]] * 4, np.int32),
    )


@pytest.fixture(scope="module")
def drawn(parcel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    np.savez(folder / "parcel.npz", **parcel.arrays())
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("pair_drawing.py")
    command = [sys.executable, str(script), str(folder / "parcel.npz"), str(folder / "out.npz"), str(SCALE)]
    subprocess.run(command, env=environment, check=True)
    return dict(np.load(folder / "out.npz"))


def ego(parcel, sample) -> Pose:
    """base_link in the world."""
    row = parcel.to_ego[sample]
    return Pose(row[:, :3], row[:, 3]).inverse()


def test_every_pair_has_the_things_around_its_later_instant(drawn, parcel):
    for k in range(2):
        expected = thing_voxels(parcel.vertices, parcel.thing, ego(parcel, 2 * k + 1), BevGrid())
        earlier = thing_voxels(parcel.vertices, parcel.thing, ego(parcel, 2 * k), BevGrid())
        assert (expected > 0).sum() > 50
        assert (drawn["things"][k] == expected).mean() > 1 - 1e-5
        assert (drawn["things"][k] != earlier).any()


def test_points_of_both_instants_lie_on_the_triangles_of_the_world(drawn, parcel):
    a, b, c = parcel.vertices.astype(np.float64).transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    for k in range(2):
        for instant in range(2):
            points = drawn["points"][k, instant].astype(np.float64)
            points = points[np.isfinite(points[:, 0])]
            # Beyond the ego car's own returns, and where sixteen bits are fine enough.
            distance = np.hypot(*points[:, :2].T)
            points = points[(distance > 4) & (distance < 30)]
            assert len(points) > 40
            world = ego(parcel, 2 * k + instant).apply(points[:, :3])
            off = np.abs(np.einsum("pti,ti->pt", world[:, None] - a[None], normal)).min(1)
            assert np.quantile(off, 0.99) < 0.06


def test_motion_and_truth_are_those_of_the_parcel(drawn, parcel):
    assert drawn["points"].shape == (2, 2, COLUMNS * RINGS, 4)
    assert np.array_equal(drawn["motion"], parcel.motion)
    assert np.array_equal(drawn["future"], parcel.future, equal_nan=True)
    assert np.array_equal(drawn["boxes"][..., :10], parcel.boxes[..., :10])
    assert np.array_equal(drawn["calibration"][:, 1], parcel.calibration[1::2])
