"""A bundle of the multi-sense network runs by itself, with every sense and what it remembers."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.deploy.bundle import check_bundle, create_bundle
from lss_bev_ros.deploy.bundle.runner.archive import Archive
from lss_bev_ros.deploy.bundle.runner.measuring import kept
from lss_bev_ros.evaluation.frames import random_frames
from lss_bev_ros.evaluation.moments import RecordedMoments
from lss_bev_ros.geometry import Pose
from lss_bev_ros.model.multi_sense_weights import write_multi_sense
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime.multi_sense.moment import Moment
from lss_bev_ros.runtime.multi_sense.weights import read_multi_sense, untrained

from ..small_senses import SMALL

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def cloud(draw, count):
    return np.column_stack([draw.uniform(-15, 15, (count, 2)), draw.random((count, 2))])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    from lss_bev_ros.deploy.export import export_network

    folder = tmp_path_factory.mktemp("bundle")
    weights = folder / "small.safetensors"
    write_multi_sense(untrained(1, SMALL), weights, {})
    model = read_multi_sense(weights)
    paths = [
        export_network(model, folder / "all.onnx", dynamic=("tables",), check=False).path,
        export_network(
            model, folder / "lidar.onnx", senses=("lidar",), heads=("boxes",), returns=900, check=False
        ).path,
    ]
    draw = np.random.default_rng(0)
    (frame,) = random_frames(1).sets
    moments = [
        Moment(
            index * 500_000_000,
            frame,
            cloud(draw, 800 + 90 * index),
            Pose.from_yaw(0.02 * index, (float(index), 0.0, 0.0)),
        )
        for index in range(3)
    ]
    out = folder / "car.lssbundle"
    return create_bundle(out, paths, RecordedMoments("made", moments), str(weights), repetitions=1)


@pytest.fixture(scope="module")
def results(bundle, run_on_device):
    return run_on_device(bundle)


def test_every_head_of_a_device_is_compared_with_pytorch(bundle, results):
    verdicts, _ = check_bundle(bundle, results)
    everything, lidar = verdicts
    assert set(everything.heads) == set(HEADS)
    assert min(difference.cosine for difference in everything.heads.values()) > 0.9999
    assert everything.agreement > 0.999
    assert everything.problem(iou_loss=0.01, cosine=0.9999) == ""
    # Without cameras and memory it says something else than all senses do.
    assert set(lidar.heads) == {"boxes"}
    assert lidar.problem(iou_loss=0.01, cosine=1.0).startswith("cosine of boxes")


def test_a_model_is_fed_what_it_told_of_an_earlier_moment(bundle):
    with Archive(bundle) as archive:
        everything, lidar = archive.manifest["models"]
    assert everything["memory"] == {"shape": [1, 8, 32, 32], "of": [None, 0, 1]}
    assert "memory" not in lidar
    assert set(everything["free"]) >= {"returns", "pillars"}
    assert not lidar["free"]


def test_voxels_are_kept_by_their_classes_and_free_is_nothing():
    logits = np.zeros((1, 4, 18, 2, 2), np.float32)
    logits[0, :, 17] = 1.0
    logits[0, 1, 3, 0, 1] = 2.0
    found = kept("occupancy", logits)
    assert (found.dtype, found.shape) == (np.uint8, (1, 4, 2, 2))
    assert found[0, 1, 0, 1] == 14
    assert found.sum() == 14
