"""Our Triton kernels do what PyTorch's operators do: on a GPU, or through Triton's interpreter."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton", reason="Triton is not installed")

from lss_bev_ros.model.efficientnet import EPSILON, MOMENTUM, MBConvBlock, SamePadConv2d
from lss_bev_ros.model.widths import Widths
from lss_bev_ros.runtime.cuda.fused_layers import inverted_bottleneck, stem, upsample
from lss_bev_ros.runtime.cuda.launch import Map
from lss_bev_ros.runtime.cuda.planner import Planner
from lss_bev_ros.runtime.cuda.tiles import Tile

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def exact_library(monkeypatch):
    """cuDNN rounds float32 to 11 bits otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def planner(library=False, **more):
    return Planner(DEVICE, torch.float32, processors=8, library=library, **more)


def run(plan):
    for launch in plan.launches:
        launch()


def random_map(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Map(torch.randn(*shape, generator=generator).to(DEVICE))


def channels_first(tensor):
    return tensor.permute(0, 3, 1, 2).cpu()


def norm(channels):
    """A batch normalisation that has seen something."""
    layer = nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM).eval()
    with torch.no_grad():
        for values in (layer.weight, layer.running_var):
            values.uniform_(0.5, 1.5)
        layer.bias.normal_()
        layer.running_mean.normal_()
    return layer


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "stride"), [(24, 40, 1, 1), (16, 20, 3, 1), (32, 16, 3, 2), (5, 8, 7, 2)]
)
def test_a_convolution_with_all_that_follows_it(inputs, outputs, kernel, stride, library, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.runtime.cuda.planner.LIBRARY", 0.0)
    torch.manual_seed(1)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    follows = norm(outputs)
    x = random_map(2, 8, 12, inputs)
    shortcut = random_map(2, 8 // stride, 12 // stride, outputs, seed=1)
    plan = planner(library)
    y = plan.convolve("", x, conv, follows, "relu", shortcut=shortcut)
    run(plan)
    with torch.no_grad():
        expected = F.relu(follows(conv(channels_first(x.tensor))) + channels_first(shortcut.tensor))
    torch.testing.assert_close(channels_first(y.tensor), expected, rtol=1e-4, atol=1e-4)


def test_a_convolution_writes_into_some_channels_of_a_wider_map():
    conv = nn.Conv2d(16, 24, 1)
    x, wide = random_map(1, 4, 6, 16), Map(torch.full((1, 4, 6, 40), 7.0, device=DEVICE))
    plan = planner()
    plan.convolve("", x, conv, out=Map(wide.tensor[..., 16:]))
    run(plan)
    with torch.no_grad():
        expected = conv(channels_first(x.tensor))
    torch.testing.assert_close(channels_first(wide.tensor[..., 16:]), expected, rtol=1e-4, atol=1e-4)
    assert (wide.tensor[..., :16] == 7.0).all()


@pytest.mark.parametrize("index", [0, 2, 3])
def test_an_inverted_bottleneck(index):
    """Without expansion; with a shortcut; 5x5 with a stride of 2."""
    torch.manual_seed(2)
    block = MBConvBlock(index, Widths(), 0.0).eval()
    x = random_map(2, 4, 6, Widths().block(index)[0])
    plan = planner()
    y = inverted_bottleneck(plan, "", x, block)
    run(plan)
    with torch.no_grad():
        expected = block(channels_first(x.tensor))
    torch.testing.assert_close(channels_first(y.tensor), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("outputs", [32, 20])
def test_the_stem(outputs):
    conv, follows = SamePadConv2d(3, outputs, 3, stride=2), norm(outputs)
    x = random_map(2, 8, 20, 3)
    plan = planner()
    y = stem(plan, "", x, conv, follows)
    run(plan)
    with torch.no_grad():
        expected = F.silu(follows(conv(channels_first(x.tensor))))
    torch.testing.assert_close(channels_first(y.tensor), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 4])
def test_upsampling(scale):
    x = random_map(2, 5, 3, 24)
    out = Map(torch.full((2, 5 * scale, 3 * scale, 30), 7.0, device=DEVICE))
    plan = planner()
    upsample(plan, "", x, Map(out.tensor[..., 6:]))
    run(plan)
    expected = F.interpolate(
        channels_first(x.tensor), scale_factor=scale, mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(channels_first(out.tensor[..., 6:]), expected)
    assert (out.tensor[..., :6] == 7.0).all()


def test_depth_is_a_distribution_and_features_are_not_touched():
    conv = nn.Conv2d(64, 9 + 16, 1)
    x = random_map(2, 3, 4, 64)
    plan = planner()
    depth, features = plan.lift("", x, conv, 9)
    run(plan)
    with torch.no_grad():
        expected = conv(channels_first(x.tensor)).permute(0, 2, 3, 1)
    torch.testing.assert_close(depth.tensor.cpu(), expected[..., :9].softmax(-1).flatten(0, 2))
    torch.testing.assert_close(features.tensor.cpu(), expected[..., 9:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("library", [False, True])
def test_the_head_gives_the_logit_alone(library, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.runtime.cuda.planner.LIBRARY", 0.0)
    conv, follows, head = nn.Conv2d(16, 24, 3, padding=1, bias=False), norm(24), nn.Conv2d(24, 1, 1)
    x = random_map(1, 6, 8, 16)
    plan = planner(library)
    logits = plan.convolve_to_logit("", x, conv, follows, head)
    run(plan)
    with torch.no_grad():
        expected = head(F.relu(follows(conv(channels_first(x.tensor)))))[:, 0]
    torch.testing.assert_close(logits.tensor.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 3])
def test_occupancy_follows_the_rule_to_the_last_bit(stride):
    from lss_bev_ros.geometry import BevGrid
    from lss_bev_ros.runtime import Prediction
    from lss_bev_ros.runtime.cuda.fused_network import plan_occupancy
    from lss_bev_ros.runtime.cuda.percent import percent_thresholds

    edges = percent_thresholds()[:100]
    values = [edges, np.nextafter(edges, np.float32(-99)), np.nextafter(edges, np.float32(99))]
    values.append(np.random.default_rng(0).normal(0, 4, 712).astype(np.float32))
    special = [0.0, -0.0, -300.0, 300.0, np.nan, -np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, -1e-45]
    values.append(np.array(special, dtype=np.float32))
    logits = np.concatenate(values).reshape(16, -1)
    visible = np.random.default_rng(1).random(logits.shape) < 0.9
    spread = np.zeros((*logits.shape, stride), dtype=np.float32)
    spread[..., 0] = logits
    plan = planner()
    out = plan_occupancy(
        plan,
        torch.from_numpy(spread).to(DEVICE)[..., 0],
        torch.from_numpy(visible.view(np.uint8)).to(DEVICE),
        torch.from_numpy(percent_thresholds()).to(DEVICE),
    )
    run(plan)
    expected = Prediction(0, BevGrid(), logits, visible).occupancy
    np.testing.assert_array_equal(out.tensor.cpu().numpy(), expected)


# --- what half precision rounds away ----------------------------------------------------------------------


def halves(tensor):
    """A map of two halves."""
    high = tensor.half()
    return Map(high, (tensor - high.float()).half())


def whole(y):
    return channels_first(y.tensor.float() + y.low.float())


def half_planner(exact=True, tile=None):
    plan = Planner(DEVICE, torch.float16, processors=8, library=False, exact=exact)
    if tile is not None:
        plan.tile = lambda shape, processors: tile
    return plan


@pytest.mark.parametrize("parts", [1, 3, 9])
@pytest.mark.parametrize(("inputs", "outputs", "kernel", "stride"), [(32, 20, 3, 1), (16, 32, 3, 2)])
def test_two_halves_convolve_as_float32_does(inputs, outputs, kernel, stride, parts):
    torch.manual_seed(3)
    conv, follows = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), norm(outputs)
    x, shortcut = random_map(2, 8, 12, inputs), random_map(2, 8 // stride, 12 // stride, outputs, seed=1)
    wide = Map(torch.zeros(2, 8 // stride, 12 // stride, outputs + 5, dtype=torch.float16, device=DEVICE))
    wide.low = torch.zeros_like(wide.tensor)
    plan = half_planner(tile=Tile(32, 32, 16 if inputs == 16 else 32, 4, 2, parts))
    exact = {"exact_weights": True, "exact_result": True}
    out = wide.some(5)
    plan.convolve(
        "", halves(x.tensor), conv, follows, "relu", out=out, shortcut=halves(shortcut.tensor), **exact
    )
    assert len(plan.launches) == (1 if parts == 1 else 2)
    run(plan)
    with torch.no_grad():
        expected = F.relu(follows(conv(channels_first(x.tensor))) + channels_first(shortcut.tensor))
    torch.testing.assert_close(whole(out), expected, rtol=1e-5, atol=1e-5)
    assert (wide.tensor[..., :5] == 0).all()
    assert (wide.low[..., :5] == 0).all()
    assert not torch.allclose(channels_first(out.tensor.float()), expected, rtol=1e-4, atol=1e-4)


def test_a_planner_rounds_everything_unless_it_is_exact():
    conv = nn.Conv2d(16, 16, 3, padding=1)
    plan = Planner(DEVICE, torch.float16, processors=8, library=False)
    y = plan.convolve("", random_half(1, 4, 4, 16), conv, exact_weights=True, exact_result=True)
    assert y.low is None
    assert plan.map(1, exact=True).low is None
    assert planner(exact=True).map(1, exact=True).low is None


def random_half(*shape):
    return Map(random_map(*shape).tensor.half())


@pytest.mark.parametrize("parts", [1, 2])
def test_a_gated_convolution_in_parts_adds_its_shortcut_once(parts):
    torch.manual_seed(5)
    conv, follows = SamePadConv2d(64, 24, 1), norm(24)
    x, shortcut = random_map(2, 4, 6, 64), random_map(2, 4, 6, 24, seed=1)
    gate = Map(torch.rand(2, 64).to(DEVICE))
    plan = half_planner(tile=Tile(16, 16, 32, 4, 1, parts))
    y = plan.convolve(
        "", x, conv, follows, shortcut=halves(shortcut.tensor), gate=gate,
        exact_weights=True, exact_result=True,
    )  # fmt: skip
    assert len(plan.launches) == parts
    run(plan)
    with torch.no_grad():
        gated = channels_first(x.tensor) * gate.tensor.cpu()[:, :, None, None]
        expected = follows(conv(gated)) + channels_first(shortcut.tensor)
    torch.testing.assert_close(whole(y), expected, rtol=1e-5, atol=1e-5)


def test_inputs_with_their_low_halves_behind_them_are_read_whole():
    torch.manual_seed(6)
    conv = nn.Conv2d(32, 16, 3, padding=1)
    # What half precision holds, so that only the input is rounded.
    with torch.no_grad():
        conv.weight.copy_(conv.weight.half().float())
    x = halves(random_map(1, 5, 6, 32).tensor)
    plan = half_planner()
    out = plan.map(1, 5, 6, 16, dtype=torch.float32)
    plan.convolve("", Map(torch.cat((x.tensor, x.low), -1)), conv, out=out, again=True)
    run(plan)
    with torch.no_grad():
        expected = conv(whole(x))
    torch.testing.assert_close(channels_first(out.tensor), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("index", [0, 2])
def test_an_inverted_bottleneck_rounds_its_wide_maps_alone(index):
    torch.manual_seed(4)
    block = MBConvBlock(index, Widths(), 0.0).eval()
    x = random_map(2, 4, 6, Widths().block(index)[0])
    with torch.no_grad():
        expected = block(channels_first(x.tensor))
    errors = []
    for exact in (True, False):
        plan = half_planner(exact)
        y = inverted_bottleneck(plan, "", halves(x.tensor) if exact else Map(x.tensor.half()), block)
        run(plan)
        errors.append((whole(y) if exact else channels_first(y.tensor.float())).sub(expected).abs().mean())
    assert errors[0] < 0.7 * errors[1]


def test_the_stem_rounds_neither_images_nor_weights():
    conv, follows = SamePadConv2d(3, 32, 3, stride=2), norm(32)
    x = random_map(2, 8, 20, 3)
    plan = half_planner()
    y = stem(plan, "", x, conv, follows)
    run(plan)
    with torch.no_grad():
        expected = F.silu(follows(conv(channels_first(x.tensor))))
    # Half a unit in the last place of the result itself.
    torch.testing.assert_close(channels_first(y.tensor).float(), expected, rtol=2**-11 + 1e-5, atol=1e-6)


def test_upsampling_reads_and_writes_low_halves():
    x = random_map(1, 3, 4, 16)
    plan = half_planner()
    out = plan.map(1, 6, 8, 24, exact=True)
    upsample(plan, "", halves(x.tensor), out.some(8))
    run(plan)
    expected = F.interpolate(channels_first(x.tensor), scale_factor=2, mode="bilinear", align_corners=True)
    torch.testing.assert_close(whole(out.some(8)), expected, rtol=1e-5, atol=1e-6)
    assert not out.tensor[..., :8].any()
    assert not out.low[..., :8].any()


@pytest.mark.parametrize(("major", "overlap"), [(8, False), (9, True)])
def test_a_plan_is_for_what_the_gpu_can_do(monkeypatch, major, overlap):
    properties = SimpleNamespace(multi_processor_count=132, major=major)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    plan = Planner.of_gpu(torch.device("cuda"), torch.float16, exact=True)
    assert (plan.processors, plan.overlap, plan.halves) == (132, overlap, True)
    assert not Planner.of_gpu(torch.device("cuda"), torch.float32, exact=True).halves
