"""The network as it is trained is the network as it is used."""

from __future__ import annotations

import copy

import pytest
import torch

from lss_bev_ros.model.lidar_encoder import LidarEncoder
from lss_bev_ros.model.multi_sense import MultiSense, Sensed
from lss_bev_ros.training.augmentation import no_augmentation
from lss_bev_ros.training.multi_sense.network import PairNetwork, encode_clouds
from lss_bev_ros.training.multi_sense.variation import clouds, no_variation, odometry

from .fake_pairs import LAYOUT, MODEL, SENSES, fake_pairs


def network():
    torch.manual_seed(0)
    model = MultiSense(SENSES).eval()
    torch.nn.init.normal_(model.fuse.norm.weight, 1.0, 0.1)
    torch.nn.init.normal_(model.fuse.recall.weight, 0.0, 0.1)
    torch.nn.init.normal_(model.heads["plan"].templates, 2.0, 2.0)
    return PairNetwork(model, LAYOUT, "fp32").eval()


def as_used(count):
    return no_augmentation(MODEL, count, LAYOUT.cameras)


@torch.no_grad()
@pytest.mark.parametrize("lost", ["cameras", "lidar", "memory"])
def test_a_lost_sense_is_a_missing_one(lost):
    """A sample among others that lost a sense is answered as if alone, without that sense."""
    net, pairs = network(), fake_pairs(3, 1)
    senses = tuple(name for name in ("cameras", "lidar", "memory") if name != lost)
    full, without = (no_variation(3, LAYOUT.cameras, each) for each in (SENSES.senses, senses))
    mixed = type(full)(*(torch.stack((getattr(full, n)[0], getattr(without, n)[1], getattr(full, n)[2]))
                         for n in full.__annotations__))  # fmt: skip
    augmentations = as_used(3), as_used(3)
    said, _ = net(pairs, mixed, augmentations)

    one, alone = pairs[1:2], no_variation(1, LAYOUT.cameras, senses)
    cameras, _ = net.see(one, alone, as_used(1), 1)
    sensed = {"cameras": cameras, "lidar": net.feel(one, alone, 1)}
    motion, known = odometry(one, alone)
    if lost != "memory":
        sensed["memory"] = net.remembered(one, alone, as_used(1), known)
        sensed |= {"motion": motion[:, :3], "age": motion[:, 3]}
    if lost in sensed:
        sensed[lost] = None
    expected = net.answers(Sensed(**sensed), motion, known)
    for name, answer in expected.items():
        assert torch.allclose(said[name][1:2], answer, atol=1e-4), name


def test_an_unknown_motion_is_no_memory():
    pairs = fake_pairs(2, 1)
    assert pairs.motion[0].isnan().all()
    motion, known = odometry(pairs, no_variation(2, 3, SENSES.senses))
    assert known.tolist() == [False, True]
    assert motion[0].abs().max() == 0


@pytest.mark.parametrize("training", [True, False])
def test_clouds_are_encoded_as_the_encoder_does(training):
    torch.manual_seed(0)
    ours = LidarEncoder(SENSES).train(training)
    theirs = copy.deepcopy(ours)
    pairs = fake_pairs(3, 4)
    points, there = clouds(pairs, no_variation(3, 3, SENSES.senses), 1)
    assert not there.all()
    sample = torch.arange(3).repeat_interleave(points.shape[1])[there.flatten()]
    expected = theirs(points.flatten(0, 1)[there.flatten()], sample, 3)
    given = encode_clouds(ours, points, there)
    assert torch.allclose(given, expected, atol=1e-5)
    weight = torch.randn_like(given)
    (given * weight).sum().backward()
    (expected * weight).sum().backward()
    assert torch.allclose(ours.linear.weight.grad, theirs.linear.weight.grad, atol=1e-3)
    assert torch.allclose(ours.norm.running_mean, theirs.norm.running_mean, atol=1e-6)
    assert torch.allclose(ours.norm.running_var, theirs.norm.running_var, atol=1e-5)


def test_empty_clouds_are_an_empty_map():
    encoder = LidarEncoder(SENSES).train()
    before = encoder.norm.running_var.clone()
    bev = encode_clouds(encoder, torch.zeros(2, 10, 5), torch.zeros(2, 10, dtype=torch.bool))
    assert bev.abs().max() == 0
    assert torch.equal(encoder.norm.running_var, before)


def test_memory_teaches_the_cameras_nothing():
    """What is remembered has no gradient: one instant a sample costs what it did."""
    net, pairs = network().train(), fake_pairs(2, 1)
    variation = no_variation(2, LAYOUT.cameras, SENSES.senses)
    said, depth = net(pairs, variation, (as_used(2), as_used(2)))
    assert depth.shape[0] == 2 * LAYOUT.cameras
    sum(answer.float().sum() for answer in said.values()).backward()
    assert net.model.fuse.recall.weight.grad.abs().max() > 0
