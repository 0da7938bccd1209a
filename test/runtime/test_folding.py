"""The network as it runs is the network as published, rearranged."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.model.efficientnet import SamePadConv2d
from lss_bev_ros.model.lift_splat import LiftSplatShoot
from lss_bev_ros.model.weights import seed_state
from lss_bev_ros.runtime.cpu.convolution import Convolution
from lss_bev_ros.runtime.cpu.folded_network import FoldedBevEncoder, FoldedCameraEncoder
from lss_bev_ros.runtime.cpu.upsampled_convolution import UpsampledConvolution

CONFIG = ModelConfig(
    image_height=64, image_width=96, depth_max=12.0, channels=8, grid=BevGrid(-8, 8, -4, 4, 0.5)
)


def scrambled(*layers: nn.Module) -> None:
    """Give batch normalisation statistics that are not the identity."""
    generator = torch.Generator().manual_seed(0)
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
                module.weight.data.uniform_(0.8, 1.2, generator=generator)
                module.bias.data.normal_(0, 0.1, generator=generator)


@pytest.fixture(scope="module")
def model() -> LiftSplatShoot:
    model = LiftSplatShoot(CONFIG)
    model.load_state_dict(seed_state(model, 0))
    scrambled(model)
    return model.eval().requires_grad_(False)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
    scale=st.sampled_from([2, 3, 4]),
    batch=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_an_upsampled_convolution_is_upsampling_then_convolution(rows, columns, scale, batch, seed):
    torch.manual_seed(seed)
    conv = nn.Conv2d(5, 7, 3, padding=1).double()
    coarse = torch.randn(batch, 5, rows, columns, dtype=torch.float64)
    up = F.interpolate(coarse, scale_factor=scale, mode="bilinear", align_corners=True)
    with torch.inference_mode():
        fast = UpsampledConvolution(
            conv.weight.float(), conv.bias.float(), rows, columns, scale, torch.float32
        )
        x = coarse.float().contiguous(memory_format=torch.channels_last)
        for _ in range(2):
            torch.testing.assert_close(fast(x).double(), conv(up), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("packed", [True, False], ids=["onednn", "plain"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2), (1, 1)])
@pytest.mark.parametrize("activation", ["none", "relu", "swish"])
def test_a_folded_convolution_is_the_layers_it_was_made_of(packed, kernel, stride, activation):
    torch.manual_seed(0)
    conv, norm = SamePadConv2d(6, 6, kernel, stride, groups=6), nn.BatchNorm2d(6, eps=1e-3).eval()
    scrambled(norm)
    x, plus = torch.randn(2, 6, 8, 12), torch.randn(2, 6, 8 // stride, 12 // stride)
    activate = {"none": nn.Identity(), "relu": nn.ReLU(), "swish": nn.SiLU()}[activation]
    with torch.inference_mode():
        folded = Convolution.of(conv, norm, torch.float32, activation)
        folded._can_pack = packed
        x, plus = (t.contiguous(memory_format=torch.channels_last) for t in (x, plus))
        torch.testing.assert_close(folded(x), activate(norm(conv(x))), rtol=1e-4, atol=1e-5)
        if activation != "swish":
            expected = activate(norm(conv(x)) + plus)
            torch.testing.assert_close(folded(x, plus=plus), expected, rtol=1e-4, atol=1e-5)
        assert folded._can_pack is packed


@pytest.mark.parametrize("cameras", [1, 3])
def test_the_folded_camera_encoder_is_the_published_one(model, cameras):
    images = torch.randn(cameras, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        depth, features = model.camencode(images)
        folded = FoldedCameraEncoder(model.camencode, CONFIG, torch.float32)
        ours = folded(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(ours[0], depth.permute(0, 2, 3, 1).flatten(0, 2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours[1], features.permute(0, 2, 3, 1).flatten(0, 2), rtol=1e-4, atol=1e-4)


def test_the_folded_bev_encoder_is_the_published_one(model):
    bev = torch.randn(32, 16, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits = model.bevencode(bev.permute(2, 0, 1)[None])[0]
        ours = FoldedBevEncoder(model.bevencode, CONFIG, torch.float32)(bev)
    torch.testing.assert_close(ours, logits, rtol=1e-4, atol=1e-4)
