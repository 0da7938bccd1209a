"""One bird's-eye view from cameras, LiDAR and memory, and all answers that are asked of it.

The camera encoder and the BEV encoder are the published ones with their names, so that their checkpoints
start this network. Any sense may be missing at any time: its map is zero, which training often shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import ModelError
from .bev_encoder import BevEncoder
from .camera_encoder import CameraEncoder
from .config import ModelConfig
from .heads import HEAD_CLASSES, PlanHead, SegmentationHead
from .lidar_encoder import LidarEncoder
from .lift_splat import LiftSplatShoot
from .memory import align
from .senses import SEGMENTS, SensesConfig


@dataclass(frozen=True, eq=False)
class Sensed:
    """What the senses give of a batch, all in base_link at the frames' stamps.

    Attributes:
        cameras: (B, C, nx, ny) splatted camera features, or None.
        lidar: (B, C, nx, ny) from `LidarEncoder`, or None.
        memory: (B, C, nx, ny) what `MultiSense` gave to be remembered at an earlier frame, or None.
        motion: (B, 3) as in `memory.align`, with `memory`.
        age: (B,) float32, seconds since that frame, with `memory`.
    """

    cameras: torch.Tensor | None = None
    lidar: torch.Tensor | None = None
    memory: torch.Tensor | None = None
    motion: torch.Tensor | None = None
    age: torch.Tensor | None = None


class Fuser(nn.Module):
    """The senses' maps through a 3x3 convolution (Liu et al., "BEVFusion", section 3.3), beside the cameras'.

    Beside cameras it starts as nothing, so that a published network goes on as it is. What is remembered is
    added by a convolution of its own, and is no part of what the next frame remembers: an error lives for one
    frame, and no state drifts over hours (Huang and Huang, "BEVDet4D").
    """

    def __init__(self, config: SensesConfig):
        super().__init__()
        self.config = config
        self.now = [name for name in config.senses if name != "memory"]
        channels = config.model.channels
        self.conv = nn.Conv2d(len(self.now) * channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        if "memory" in config.senses:
            # One channel more: how old the memory is, in seconds, where it reaches.
            self.recall = nn.Conv2d(channels + 1, channels, kernel_size=3, padding=1, bias=False)
            nn.init.zeros_(self.recall.weight)
        if "cameras" in config.senses:
            nn.init.zeros_(self.norm.weight)

    def forward(self, sensed: Sensed) -> tuple[torch.Tensor, torch.Tensor]:
        """Fuse; a sense that is missing is zero.

        Returns:
            (B, C, nx, ny) to be given to the BEV encoder, and the same without memory, to be remembered.

        Raises:
            ModelError: nothing was sensed, a sense that the network lacks, memory without motion and age.
        """
        given = {name: getattr(sensed, name) for name in ("cameras", "lidar", "memory")}
        present = [bev for bev in given.values() if bev is not None]
        if not present:
            raise ModelError("nothing was sensed: give cameras, lidar or memory")
        for name, bev in given.items():
            if bev is not None and name not in self.config.senses:
                raise ModelError(f"this network has no {name}: it has {', '.join(self.config.senses)}")
        empty = torch.zeros_like(present[0])
        maps = [bev if (bev := given[name]) is not None else empty for name in self.now]
        now = self.norm(self.conv(torch.cat(maps, 1)))
        own = 0 if sensed.cameras is None else sensed.cameras
        remembered = own + F.silu(now)
        if sensed.memory is None:
            return remembered, remembered
        if sensed.motion is None or sensed.age is None:
            raise ModelError("memory without motion and age: it cannot be moved to where the car is")
        memory, known = align(sensed.memory, sensed.motion, self.config.model.grid)
        known = known * sensed.age[:, None, None, None].to(known.dtype)
        return own + F.silu(now + self.recall(torch.cat((memory, known), 1))), remembered


class MultiSense(nn.Module):
    """Senses in, a dictionary of answers out.

    Args:
        config: senses and heads.
    """

    dx: torch.Tensor
    bx: torch.Tensor
    nx: torch.Tensor
    frustum: torch.Tensor

    def __init__(self, config: SensesConfig | None = None):
        super().__init__()
        self.config = config or SensesConfig()
        model = self.config.model
        if "cameras" in self.config.senses:
            for name, constant in LiftSplatShoot.constants(model).items():
                self.register_buffer(name, constant, persistent=False)
            self.camencode = CameraEncoder(model)
        if "lidar" in self.config.senses:
            self.lidarencode = LidarEncoder(self.config)
        # With cameras alone the network is the published one, and nothing stands between its encoders.
        self.fuse = Fuser(self.config) if self.config.senses != ("cameras",) else None
        self.bevencode = BevEncoder(model)
        features = self.bevencode.head.in_channels
        self.bevencode.up2[-1] = nn.Identity()
        self.heads = nn.ModuleDict(
            {name: HEAD_CLASSES[name](features, self.config) for name in self.config.heads}
        )

    @property
    def plan(self) -> PlanHead | None:
        """The plan head, with its templates, where the network has one."""
        return next((head for head in self.heads.values() if isinstance(head, PlanHead)), None)

    def fused(self, sensed: Sensed) -> tuple[torch.Tensor, torch.Tensor]:
        """One map of all senses, and what of it is to be remembered: as `Fuser.forward`."""
        if self.fuse is not None:
            fused: tuple[torch.Tensor, torch.Tensor] = self.fuse(sensed)
            return fused
        if sensed.cameras is None:
            raise ModelError("nothing was sensed: this network has cameras alone")
        return sensed.cameras, sensed.cameras

    def forward(self, sensed: Sensed) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Answer.

        Args:
            sensed: maps of the senses.

        Returns:
            What each head of the configuration gives, by its name, and the map to be remembered.
        """
        fused, remembered = self.fused(sensed)
        bev = self.bevencode(fused)
        return {name: head(bev) for name, head in self.heads.items()}, remembered

    @torch.no_grad()
    def start_from(self, published: LiftSplatShoot) -> None:
        """Take over a published network's parameters: cameras, BEV encoder and, as `vehicle`, its answer.

        As long as the fuser is as it starts, `vehicle` is exactly what the published network answers.

        Raises:
            ModelError: its sizes differ.
        """
        state = published.state_dict()
        mine = self.state_dict()
        for name, value in state.items():
            if name in mine and not name.startswith("bevencode.up2.4"):
                if mine[name].shape != value.shape:
                    raise ModelError(
                        f"{name} is {tuple(value.shape)}, not {tuple(mine[name].shape)}: other sizes"
                    )
                mine[name].copy_(value)
        if "segmentation" in self.heads:
            head = self.heads["segmentation"]
            assert isinstance(head, SegmentationHead)
            vehicle, bias = SEGMENTS.index("vehicle"), head.last.bias
            assert bias is not None
            head.last.weight[vehicle].copy_(state["bevencode.up2.4.weight"][0])
            bias[vehicle].copy_(state["bevencode.up2.4.bias"][0])


Network = LiftSplatShoot | MultiSense
"""Either network, where what is done to both is the same."""


def sizes_of(network: Network) -> ModelConfig:
    """The sizes that both kinds of network have."""
    return network.config.model if isinstance(network, MultiSense) else network.config
