"""Which multi-sense network a name means."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import LssBevError, ModelError
from ...model import build_model
from ...model.heads import PLAN_STEP, PLAN_STEPS, PlanHead
from ...model.multi_sense import MultiSense, Network
from ...model.multi_sense_names import SEED, is_multi_sense, multi_sense_path
from ...model.multi_sense_weights import load_multi_sense
from ...model.senses import SensesConfig

_INFLUENCE = 0.3
"""Of LiDAR and memory in an untrained network, whose fuser would start as nothing."""


def read_multi_sense(weights: str | Path) -> MultiSense:
    """Make the network in evaluation mode on the CPU.

    Args:
        weights: `builtin-multi`, `builtin-street`, `multi-seed:N` (untrained, the same on every machine) or a
            checkpoint.

    Raises:
        ModelError: the weights cannot be had.
    """
    spec = str(weights)
    if spec.startswith(SEED):
        number = spec.removeprefix(SEED)
        if not number.isdecimal():
            raise ModelError(f"weights {spec!r}: the seed must be a whole number, as in multi-seed:0")
        return untrained(int(number))
    return load_multi_sense(multi_sense_path(spec))


def read_network(weights: str | Path) -> Network:
    """Make the network of any weights, published or multi-sense, in evaluation mode on the CPU.

    Raises:
        ModelError: the weights cannot be had.
    """
    return read_multi_sense(weights) if is_multi_sense(weights) else build_model(weights)


def means_multi_sense(weights: str | Path) -> bool:
    """Whether weights, or an exported file, are a multi-sense network's; of what is no such file, no."""
    path = Path(weights)
    if path.suffix != ".onnx" or not path.is_file():
        return is_multi_sense(weights)
    from ..onnx.description import OnnxDescription
    from ..onnx.session import OnnxSession

    try:
        session = OnnxSession(path)
        return OnnxDescription.read(session.metadata, str(path)).senses is not None
    except LssBevError:
        return False  # whoever runs it says what is wrong with it


def untrained(seed: int, config: SensesConfig | None = None) -> MultiSense:
    """A network of drawn weights, in which every sense counts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MultiSense(config)
        if "cameras" in network.config.senses:
            network.start_from(build_model(f"seed:{seed}", network.config.model))
        if "plan" in network.config.heads:
            plan = network.heads["plan"]
            assert isinstance(plan, PlanHead), plan
            plan.templates.copy_(_arcs(len(plan.templates)))
        if network.fuse is not None:
            torch.nn.init.constant_(network.fuse.norm.weight, _INFLUENCE)
            if "memory" in network.config.senses:
                torch.nn.init.kaiming_uniform_(network.fuse.recall.weight)
    return network.eval().requires_grad_(False)


def _arcs(count: int) -> torch.Tensor:
    """(count, 6, 2) metres: arcs of steady speeds and curvatures, half a second a step."""
    speeds = torch.linspace(0.0, 16.0, -(-count // 25))[:, None, None]
    bends = torch.linspace(-0.1, 0.1, 25)[:, None] * torch.minimum(torch.tensor(1.0), 3.0 / (1 + speeds))
    way = speeds * torch.arange(1, PLAN_STEPS + 1) * PLAN_STEP
    turned = bends * way
    x = way * torch.sinc(turned / torch.pi)
    y = way * torch.sinc(turned / 2 / torch.pi) * torch.sin(turned / 2)
    return torch.stack((x, y), -1).flatten(0, 1)[:count]
