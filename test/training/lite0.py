"""Weights of an EfficientNet-Lite0 by chance, with statistics as after training."""

from __future__ import annotations

import torch
from torch import nn

from lss_bev_ros.model.efficientnet import EfficientNetTrunk
from lss_bev_ros.training.classifier import Classifier


def lite0_by_chance() -> dict[str, torch.Tensor]:
    """By the names of `EfficientNetTrunk`; the same each time."""
    torch.manual_seed(0)
    trunk = EfficientNetTrunk()
    norms = [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.3, 0.3)
    teacher = Classifier(trunk.state_dict())
    for module in teacher.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
            module.momentum = 1.0
    teacher(0.5 * torch.randn(4, 3, 64, 96))
    return {name: value for name, value in teacher._trunk.state_dict().items() if "_se_" not in name}
