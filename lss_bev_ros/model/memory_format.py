"""The layout of tensors in memory that convolutions run fastest on."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def channels_last(module: M) -> M:
    """Lay out a module's 4D parameters with the channels last, in place, and return it."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its annotations lack this
    return module
