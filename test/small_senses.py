"""A multi-sense network that tests make and run in seconds."""

from __future__ import annotations

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.model.senses import SensesConfig

SMALL = SensesConfig(
    model=ModelConfig(
        image_height=32,
        image_width=64,
        channels=8,
        grid=BevGrid(-16.0, 16.0, -16.0, 16.0, 1.0),
        depth_step=4.0,
    ),
    embedding=8,
    heights=4,
)
