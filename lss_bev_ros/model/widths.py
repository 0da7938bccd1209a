"""How many channels each layer has: the published numbers, or fewer in a pruned network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import ModelError

BLOCK_STAGES = (0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6)
"""The stage of EfficientNet-B0 (table 1) that each of its 16 blocks belongs to."""


@dataclass(frozen=True)
class Widths:
    """Channels that may differ from the published network's; all others follow from the configuration.

    Attributes:
        stem: the camera trunk's first convolution, and its first block, which does not expand.
        hidden: expanded channels of the blocks after the first.
        squeezed: channels between squeeze and excitation, of all 16 blocks.
        stages: what the blocks of the trunk's 7 stages give.
        head, classes: of the classification head, which never runs and is part of the checkpoint alone.
        camera_up: the two convolutions behind the camera encoder's upsampling.
        bev: what the BEV encoder's stem and first stage give, the second stage and the third.
        bev_inner: between the two convolutions of the BEV encoder's 6 residual blocks.
        bev_up: the two convolutions behind its first upsampling, and the one behind the second.
    """

    stem: tuple[int, ...] = (32,)
    hidden: tuple[int, ...] = (96, 144, 144, 240, 240, 480, 480, 480, 672, 672, 672, *[1152] * 4)
    squeezed: tuple[int, ...] = (8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, *[48] * 4)
    stages: tuple[int, ...] = (16, 24, 40, 80, 112, 192, 320)
    head: tuple[int, ...] = (1280,)
    classes: tuple[int, ...] = (1000,)
    camera_up: tuple[int, ...] = (512, 512)
    bev: tuple[int, ...] = (64, 128, 256)
    bev_inner: tuple[int, ...] = (64, 64, 128, 128, 256, 256)
    bev_up: tuple[int, ...] = (256, 256, 128)

    def __post_init__(self) -> None:
        for field in fields(self):
            given, published = getattr(self, field.name), getattr(type(self), field.name)
            if len(given) != len(published):
                raise ModelError(f"widths {field.name} {given} must be {len(published)} numbers")
            if min(given) < 1:
                raise ModelError(f"widths {field.name} {given} must all be above 0")

    def block(self, index: int) -> tuple[int, int, int, int]:
        """Inputs, expanded channels, squeezed channels and outputs of a block of the trunk."""
        outputs = self.stages[BLOCK_STAGES[index]]
        if index == 0:
            return self.stem[0], self.stem[0], self.squeezed[0], outputs
        return self.stages[BLOCK_STAGES[index - 1]], self.hidden[index - 1], self.squeezed[index], outputs

    def named(self) -> dict[str, int]:
        """Every width by a name such as `hidden.3`."""
        return {f"{f.name}.{i}": width for f in fields(self) for i, width in enumerate(getattr(self, f.name))}

    def with_named(self, changed: Mapping[str, int]) -> Widths:
        """These widths but for some, by the names of `named`."""
        named = self.named()
        unknown = sorted(set(changed) - set(named))
        if unknown:
            raise ModelError(f"no width is called {unknown[0]}: use one of {', '.join(named)}")
        named.update(changed)
        grown = {
            f.name: tuple(named[f"{f.name}.{i}"] for i in range(len(getattr(self, f.name))))
            for f in fields(self)
        }
        return replace(self, **grown)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Widths:
        """Read the widths off the shapes of a state dict; what it lacks is taken as published.

        Whether the other tensors fit these widths is for a strict load to say.
        """
        named = cls().named()
        for name, key in _witnesses().items():
            shape: Sequence[int] = getattr(state.get(key), "shape", ())
            if len(shape) and shape[0] > 0:
                named[name] = int(shape[0])
        return cls().with_named(named)


def _witnesses() -> dict[str, str]:
    """For each width the parameter whose first axis it is."""
    trunk, bev = "camencode.trunk", "bevencode"
    names = {"stem.0": f"{trunk}._conv_stem.weight"}
    for block, stage in enumerate(BLOCK_STAGES):
        if block:
            names[f"hidden.{block - 1}"] = f"{trunk}._blocks.{block}._expand_conv.weight"
        names[f"squeezed.{block}"] = f"{trunk}._blocks.{block}._se_reduce.weight"
        names[f"stages.{stage}"] = f"{trunk}._blocks.{block}._project_conv.weight"
    names["head.0"] = f"{trunk}._conv_head.weight"
    names["classes.0"] = f"{trunk}._fc.weight"
    for index, position in enumerate((0, 3)):
        names[f"camera_up.{index}"] = f"camencode.up1.conv.{position}.weight"
        names[f"bev_up.{index}"] = f"{bev}.up1.conv.{position}.weight"
    names["bev_up.2"] = f"{bev}.up2.1.weight"
    names["bev.0"] = f"{bev}.conv1.weight"
    names["bev.1"] = f"{bev}.layer2.0.downsample.0.weight"
    names["bev.2"] = f"{bev}.layer3.0.downsample.0.weight"
    for block in range(6):
        names[f"bev_inner.{block}"] = f"{bev}.layer{block // 2 + 1}.{block % 2}.conv1.weight"
    return names
