"""Occupancy labels in Occ3D's form and on the grid of the network."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.dataset.voxels import (
    BEV_FILE,
    FREE,
    OCC3D_FILE,
    OCC3D_GRID,
    Voxels,
    read_voxels,
    voxel_arrays,
)
from lss_bev_ros.errors import DatasetError
from lss_bev_ros.geometry import BevGrid

GRID = BevGrid()


def labels(grid: BevGrid, cls: int, things: bool = False) -> Voxels:
    """All free but a post of a class at x 10 to 10.4, y -3 to -2.6; the left half is what the LiDAR knows."""
    shape = (*grid.shape, 16)
    semantics = np.full(shape, FREE, np.uint8)
    (i, j), _ = grid.cells(np.array([10.2, -2.8]))
    semantics[i, j, 3:6] = cls
    left = np.broadcast_to(np.arange(shape[1])[None, :, None] >= shape[1] // 2, shape)
    names = ("nothing", "post") if things else ()
    return Voxels(
        grid, semantics, left.copy(), ~left, (semantics != FREE).astype(np.uint8) if things else None, names
    )


def write(path, voxels: Voxels, **more) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{**voxel_arrays(voxels), **more})


def test_occ3ds_file_has_occ3ds_three_arrays(tmp_path):
    write(tmp_path / OCC3D_FILE, labels(OCC3D_GRID, 15))
    with np.load(tmp_path / OCC3D_FILE) as file:
        assert sorted(file.files) == ["mask_camera", "mask_lidar", "semantics"]
        assert {(file[name].shape, file[name].dtype.name) for name in file.files} == {
            ((200, 200, 16), "uint8")
        }
        assert np.argwhere(file["semantics"] != 17).tolist() == [[125, 93, z] for z in (3, 4, 5)]
    assert read_voxels(tmp_path, OCC3D_GRID).things is None


def test_labels_come_back_as_they_were_written(tmp_path):
    for grid, name in ((OCC3D_GRID, OCC3D_FILE), (GRID, BEV_FILE)):
        before = labels(grid, 15, things=True)
        write(tmp_path / name, before)
        after = read_voxels(tmp_path, grid)
        assert after.grid == grid
        for each in ("semantics", "mask_lidar", "mask_camera"):
            np.testing.assert_array_equal(getattr(after, each), getattr(before, each))
    np.testing.assert_array_equal(after.things, before.things)
    assert after.thing_names == ("nothing", "post")


def test_labels_made_on_the_networks_grid_count_there(tmp_path):
    write(tmp_path / OCC3D_FILE, labels(OCC3D_GRID, 15))
    write(tmp_path / BEV_FILE, labels(GRID, 16))
    assert 16 in read_voxels(tmp_path, GRID).semantics
    assert 15 in read_voxels(tmp_path, OCC3D_GRID).semantics


def test_occ3ds_labels_alone_are_taken_to_the_networks_grid(tmp_path):
    write(tmp_path / OCC3D_FILE, labels(OCC3D_GRID, 15))
    voxels = read_voxels(tmp_path, GRID)
    assert voxels.semantics.shape == (200, 200, 16)
    # The centre of the network's cell [10, 10.5] x [-3, -2.5] lies in that of Occ3D.
    assert np.argwhere(voxels.semantics == 15).tolist() == [[120, 94, z] for z in (3, 4, 5)]
    far = np.abs(GRID.centers()).max(-1) > 40
    assert not voxels.mask_lidar[far].any(), "Occ3D ends at 40 m: what lies beyond is not known to be free"
    assert not voxels.mask_camera[far].any()
    assert (voxels.mask_lidar | voxels.mask_camera)[~far].all()
    assert (voxels.semantics[far] == FREE).all()


def test_without_files_there_are_none(tmp_path):
    assert read_voxels(tmp_path, GRID) is None


SMALL = np.zeros((3, 3, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"semantics": SMALL}, "semantics is uint8"),
        ({"semantics": np.zeros((200, 200, 16))}, "semantics is float64"),
        ({"semantics": np.full((200, 200, 16), 18, np.uint8)}, "classes outside 0 to 17"),
        ({"mask_lidar": SMALL}, "mask_lidar is uint8"),
        ({"things": SMALL}, "things is uint8"),
        ({"things": np.ones((200, 200, 16), np.uint8)}, "without a name"),
        ({"semantics": np.array(None, object)}, "is no archive"),
        ({"grid": np.array([0.0, 1.0])}, "grid is no grid"),
    ],
)
def test_wrong_arrays_are_named_with_the_remedy(tmp_path, change, word):
    write(tmp_path / OCC3D_FILE, labels(OCC3D_GRID, 15), **change)
    with pytest.raises(DatasetError) as caught:
        read_voxels(tmp_path, OCC3D_GRID)
    assert str(tmp_path / OCC3D_FILE) in str(caught.value)
    assert word in str(caught.value)
    assert "unpack the labels again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["cut", "empty", "text", "array", "flipped"])
def test_a_damaged_archive_is_named(tmp_path, how):
    path = tmp_path / BEV_FILE
    write(path, labels(GRID, 3, things=True))
    data = bytearray(path.read_bytes())
    if how == "array":
        np.save(tmp_path / "array.npy", SMALL)
    elif how == "flipped":
        data[200:260] = bytes(255 - value for value in data[200:260])
    damage = {"cut": data[:-700], "empty": b"", "text": b"labels", "flipped": data}
    path.write_bytes((tmp_path / "array.npy").read_bytes() if how == "array" else damage[how])
    with pytest.raises(DatasetError) as caught:
        read_voxels(tmp_path, GRID)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_without_an_array_is_named(tmp_path):
    np.savez(tmp_path / OCC3D_FILE, semantics=np.full((200, 200, 16), FREE, np.uint8))
    with pytest.raises(DatasetError, match="mask_lidar"):
        read_voxels(tmp_path, GRID)
