"""The list of layers is the network that runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, Widths, layers

WIDTHS = Widths().with_named({name: max(2, width // 16) for name, width in Widths().named().items()})
CONFIG = ModelConfig(image_height=64, image_width=96, grid=BevGrid(-8.0, 8.0, -8.0, 8.0), widths=WIDTHS)


@pytest.fixture(scope="module")
def model():
    return LiftSplatShoot(CONFIG).eval()


def test_layers_come_in_the_order_of_execution_each_with_its_normalisation(model):
    ran = []
    names = {module: name for name, module in model.named_modules()}
    handles = [
        module.register_forward_hook(lambda module, *_: ran.append(names[module]))
        for module in model.modules()
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))
    ]
    with torch.inference_mode():
        _, features = model.camencode(torch.zeros(1, 3, CONFIG.image_height, CONFIG.image_width))
        model.bevencode(torch.zeros(1, features.shape[1], *CONFIG.grid.shape))
    for handle in handles:
        handle.remove()
    assert ran == [name for layer in layers(model) for name in (layer.name, layer.norm) if name]


def test_a_convolution_has_a_normalisation_or_a_bias(model):
    for layer in layers(model):
        conv = model.get_submodule(layer.name)
        assert (conv.bias is None) == bool(layer.norm), layer
        if layer.norm:
            assert model.get_submodule(layer.norm).num_features == conv.out_channels


def test_the_head_that_never_runs_is_no_layer(model):
    convolutions = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert convolutions - {layer.name for layer in layers(model)} == {"camencode.trunk._conv_head"}
