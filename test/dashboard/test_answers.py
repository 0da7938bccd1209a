"""Answers as the page takes them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from lss_bev_ros.dashboard.answers import (
    MOST_LINES,
    MOST_OBJECTS,
    asked_layers,
    grid_layer,
    lines_layer,
    objects_layer,
    voxels_layer,
)
from lss_bev_ros.dashboard.packing import unpack
from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import BevGrid, Box, Pose


def opened(message):
    header, blobs = unpack(message)
    return header, {name: zlib.decompress(blob) for name, blob in blobs.items()}


def thing(x=10.0, velocity=(3.0, 4.0)):
    pose = Pose.from_yaw(0.5, (x, 2.0, 0.8))
    return Box(pose, np.array([4.0, 2.0, 1.6]), "car", velocity=np.array(velocity))


def test_a_grid_keeps_its_cells():
    cells = np.arange(40_000).reshape(200, 200).astype(np.int8) % 101
    header, blobs = opened(grid_layer("drivable", 1_500_000_000, cells.T, BevGrid()))
    assert (header["layer"], header["stamp"], header["grid"]["shape"]) == ("drivable", 1.5, [200, 200])
    assert (np.frombuffer(blobs["cells"], np.int8).reshape(200, 200) == cells.T).all()
    with pytest.raises(GeometryError, match="not drawn"):
        grid_layer("drivable", 0, np.zeros((2, 2)), BevGrid(0, 2e6, 0, 2e6, 1e6))


def test_things_have_a_class_a_score_and_a_velocity():
    broken = Box(Pose.from_yaw(0.0, (1.0, 0.0, 0.0)), np.array([1.0, np.nan, 1.0]), "car")
    header, blobs = opened(
        objects_layer(0, [(thing(), 0.75), (broken, 0.5), (thing(velocity=(np.nan, 1)), np.nan)])
    )
    assert (header["classes"], header["scores"]) == (["car", "car"], [0.75, None])
    assert header["velocities"] == [[3.0, 4.0], [0.0, 1.0]]
    corners = np.frombuffer(blobs["boxes"], np.float32).reshape(-1, 8, 3)
    assert corners[0] == pytest.approx(thing().corners(), abs=1e-5)
    assert len(opened(objects_layer(0, [(thing(), 0.5)] * 2000))[0]["classes"]) == MOST_OBJECTS


def test_lines_keep_their_kind_and_their_corners():
    lines = {"lane_boundary": [np.array([[0.0, 1, 5], [2, 3, 5]])], "road_boundary": [np.array([[4.0, 5]])]}
    header, blobs = opened(lines_layer("lanes", 0, lines))
    assert (header["kinds"], header["counts"]) == (["lane_boundary"], [2])
    assert np.frombuffer(blobs["corners"], np.float32).tolist() == [0, 1, 2, 3]
    many = opened(lines_layer("lanes", 0, {"a": [np.zeros((2, 2))] * 3000}))[0]
    assert len(many["counts"]) == MOST_LINES


def test_voxels_keep_the_faces_that_one_sees():
    cells = np.argwhere(np.ones((5, 5, 5), bool))
    centers = (np.array([-50.0, -50.0, -1.0]) + (cells + 0.5) * [0.5, 0.5, 0.4]).astype(np.float32)
    colors = np.tile(np.array([10, 20, 30], np.uint8), (len(cells), 1))
    header, blobs = opened(voxels_layer(0, centers, np.full(len(cells), 4, np.uint8), colors))
    kept = np.frombuffer(blobs["cells"], np.uint16).reshape(3, -1).T
    faces = np.frombuffer(blobs["faces"], np.uint8)
    assert header["low"] == pytest.approx([-50, -50, -1])
    assert header["size"] == pytest.approx([0.5, 0.5, 0.4])
    assert (header["colors"], header["count"]) == ({"4": [10, 20, 30]}, 125)
    assert sum(bin(mask).count("1") for mask in faces.tolist()) == 5 * 25  # none below
    corner = faces[(kept == [0, 0, 4]).all(axis=1)].item()
    assert corner == 0b01011  # above, behind, right
    assert not (kept == [2, 2, 2]).all(axis=1).any()


def test_voxels_that_cannot_be_drawn_are_refused():
    far = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5], [9e5, 9e5, 9e5]], np.float32)
    with pytest.raises(GeometryError, match="not drawn"):
        voxels_layer(0, far, np.zeros(3, np.uint8), np.zeros((3, 3), np.uint8))
    with pytest.raises(GeometryError, match="not drawn"):
        voxels_layer(0, np.zeros((500_000, 3)), np.zeros(500_000, np.uint8), np.zeros((500_000, 3), np.uint8))
    nothing = opened(voxels_layer(0, np.empty((0, 3)), np.empty(0, np.uint8), np.empty((0, 3), np.uint8)))
    assert nothing[0]["count"] == 0


def test_a_page_asks_for_layers_by_their_names():
    assert asked_layers('{"layers": ["plan", "plan", "prompt_3", "prompt_99", 7]}') == {"plan", "prompt_3"}
    with pytest.raises(ValueError, match="not a list"):
        asked_layers('{"layers": "plan"}')
