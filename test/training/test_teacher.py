"""A teacher's loss is least where the student says the same, and a run takes a teacher of other widths."""

from __future__ import annotations

import torch

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig, build_model
from lss_bev_ros.training.network import TrainingNetwork
from lss_bev_ros.training.teacher import Teacher

MODEL = ModelConfig(image_height=32, image_width=64, channels=8, grid=BevGrid(-8, 8, -8, 8, 1.0))


def test_a_student_that_agrees_has_the_least_loss_and_no_gradient():
    torch.manual_seed(0)
    model = build_model("seed:0", MODEL)
    images = torch.randn(12, 3, 32, 64)
    cells = torch.randint(-1, 256, (2, 6, MODEL.depth_bins, 2, 4))
    logits, depth = TrainingNetwork(model, "fp32")(images, cells)
    logits.requires_grad_(True)
    teacher = Teacher(model, "fp32", torch.device("cpu"))
    agreed = teacher.loss(images, cells, logits, depth)
    agreed.backward()
    assert logits.grad.abs().max() < 1e-6
    assert agreed < teacher.loss(images, cells, logits + 1, depth)
    assert agreed < teacher.loss(images, cells, logits, depth.roll(1, 1))
