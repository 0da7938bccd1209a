"""Files of the multi-sense network: every sense and head, or those that are chosen, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model.lidar_encoder import LidarEncoder
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime.multi_sense.weights import untrained
from lss_bev_ros.runtime.return_tables import MOST, ReturnSizes, ReturnTables, no_returns

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxslim", reason="the extra `export` is not installed")

from lss_bev_ros.deploy.export import export_network
from lss_bev_ros.runtime.onnx import OnnxDescription
from lss_bev_ros.runtime.onnx.senses import NOWHERE
from lss_bev_ros.runtime.onnx.session import OnnxSession

from ..small_senses import SMALL

ROOM = 3000


@pytest.fixture(scope="module")
def model():
    made = untrained(1, SMALL)
    # Such as training gives: the untrained one's normalisation adds nothing, and is simplified away.
    torch.nn.init.uniform_(made.lidarencode.norm.bias, -0.1, 0.3)
    torch.nn.init.uniform_(made.lidarencode.norm.weight, -1.0, 1.0)
    return made


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("multi") / "whole.onnx"
    return export_network(model, path, weights="seed 1", dynamic=("batch", "cameras"))


def cloud(count, seed=0, spread=15.0):
    draw = np.random.default_rng(seed)
    points = np.zeros((count, 5), np.float32)
    points[:, :2] = draw.uniform(-spread, spread, (count, 2))
    points[:, 2:4] = draw.random((count, 2))
    points[::7, 3] = np.nan
    return points


def encoded(tables, encoder):
    """(B, C, nx, ny) by the definition of the tables: a maximum over members, and 0 where nothing is."""
    features = torch.relu(encoder.norm(encoder.linear(torch.from_numpy(tables.returns)))).numpy()
    pillars = features[tables.pillars].max(1)
    groups = pillars[tables.groups].max(1)
    crowds = groups[tables.crowds].max(1)
    rows = np.concatenate([pillars, groups, crowds, np.zeros((1, features.shape[1]), np.float32)])
    nx, ny = SMALL.model.grid.shape
    return rows[tables.return_cells].reshape(-1, nx, ny, features.shape[1]).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("room", [None, ReturnSizes(9000, 4000, 2500, 200)])
@pytest.mark.parametrize("spread", [15.0, 2.0, 0.4])
def test_tables_of_returns_give_the_maximum_of_every_cell(model, room, spread):
    clouds = [cloud(4000, 1, spread), cloud(40, 2, 40.0), cloud(0), cloud(1000, 3, spread)]
    sample = torch.repeat_interleave(torch.tensor([len(each) for each in clouds]))
    with torch.inference_mode():
        expected = model.lidarencode(torch.from_numpy(np.concatenate(clouds)), sample, len(clouds))
        found = encoded(ReturnTables.build(clouds, SMALL, room), model.lidarencode)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-6)


def test_of_too_many_returns_in_a_cell_as_many_as_there_is_room_for_are_taken_evenly():
    crowd = np.tile(np.array([[0.5, 0.5, 0.0, 0.5, 0.0]], np.float32), (2 * MOST + 3, 1))
    crowd[:, 4] = np.linspace(0, 1, len(crowd))
    tables = ReturnTables.build([crowd], SMALL)
    assert len(tables.returns) == MOST
    ages = tables.returns[:, 7]
    assert np.diff(ages).max() < 4 / len(crowd)


def test_a_cloud_that_does_not_fit_is_thinned_evenly_until_it_does():
    room = ReturnSizes(500, 300, 40, 5)
    tables = ReturnTables.build([cloud(4000)], SMALL, room)
    assert tables.sizes == room
    assert (tables.returns != 0).any(1).sum() > 150


def test_every_head_of_the_whole_network_agrees_with_pytorch(whole):
    assert whole.nodes == whole.written, "the writer left something to simplify"
    assert [(size.batch, size.cameras) for size in whole.agreement] == [(1, 6), (2, 5)]
    for size in whole.agreement:
        assert set(size.tensors) == {*HEADS, "remembered"}
        assert min(difference.cosine for difference in size.tensors.values()) >= 0.99999
    assert whole.description.senses == SMALL


@pytest.mark.parametrize("part", ["network", "bev"])
def test_half_precision_agrees_with_pytorch(model, tmp_path, part):
    exported = export_network(model, tmp_path / "half.onnx", part, "fp16", returns=ROOM)
    assert min(each.cosine for each in exported.agreement[0].tensors.values()) >= 0.999


@pytest.mark.parametrize(
    ("senses", "heads", "inputs"),
    [
        (("cameras",), ("segmentation",), {"images", "points", "pixels", "segments", "cells"}),
        (
            ("lidar", "memory"),
            ("boxes", "plan"),
            {"returns", "pillars", "groups", "crowds", "return_cells", "memory", "warp", "age"},
        ),
    ],
)
def test_a_sense_or_head_that_is_left_out_is_no_part_of_the_file(
    model, whole, tmp_path, senses, heads, inputs
):
    path = tmp_path / "chosen.onnx"
    exported = export_network(model, path, senses=senses, heads=heads, returns=ROOM)
    session = OnnxSession(path)
    assert set(session.shapes) == inputs
    assert set(session.outputs) == {*heads, *(("remembered",) if "memory" in senses else ())}
    assert exported.megabytes < whole.megabytes
    assert OnnxDescription.read(session.metadata, "file").senses.heads == heads


def test_nothing_remembered_is_exactly_a_network_without_memory(model, tmp_path):
    sessions = []
    for senses in (("lidar", "memory"), ("lidar",)):
        path = tmp_path / f"{len(senses)}.onnx"
        export_network(model, path, senses=senses, heads=("segmentation",), returns=ROOM, check=False)
        sessions.append(OnnxSession(path))
    past, now = sessions
    fed = {name: np.ones(shape, past.dtypes[name]) for name, shape in past.shapes.items()}
    fed |= ReturnTables.build([cloud(900)], SMALL, ReturnSizes.roomy(ROOM)).arrays()
    remembered = past.run({**fed, "warp": 0 * fed["warp"]})["segmentation"]
    fed["warp"][:] = NOWHERE
    alone = now.run({name: fed[name] for name in now.shapes})["segmentation"]
    np.testing.assert_array_equal(past.run(fed)["segmentation"], alone)
    assert not np.array_equal(remembered, alone)
    fed |= no_returns(SMALL, ReturnSizes.roomy(ROOM)).arrays()
    assert not np.array_equal(past.run(fed)["segmentation"], alone)


def test_a_file_keeps_what_its_plans_are_chosen_from(model, whole):
    head = whole.description.plan.head(SMALL)
    assert torch.equal(head.templates, model.plan.templates)
    assert torch.equal(head.prior, model.plan.prior)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"heads": ("boxes", "traffic")}, "no heads traffic: use some of segmentation"),
        ({"senses": ("radar",)}, "no senses radar: use some of cameras"),
        ({"senses": ("memory",)}, "must have cameras or lidar"),
        ({"senses": ("lidar",), "part": "camera"}, "no camera encoder without the sense cameras"),
    ],
)
def test_what_the_weights_lack_is_said(model, tmp_path, wrong, said):
    with pytest.raises(ModelError, match=said):
        export_network(model, tmp_path / "wrong.onnx", **wrong)
    assert not any(tmp_path.iterdir())


def test_the_lidar_encoder_describes_returns_as_the_tables_do():
    points = torch.from_numpy(cloud(100))
    encoder = LidarEncoder(SMALL)
    kept, cells = encoder.kept(points, torch.zeros(100, dtype=torch.int64))
    described = encoder.describe(kept, cells).numpy()
    tables = ReturnTables.build([points.numpy()], SMALL)
    np.testing.assert_array_equal(np.sort(tables.returns, 0), np.sort(described, 0))
