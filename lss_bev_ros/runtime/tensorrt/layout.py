"""What engine files say of the network that they make, before anything of it is on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import RuntimeBackendError
from ...model import ModelConfig
from ..frame_set import FrameSet
from ..onnx import OnnxDescription
from ..segment_tables import NAMES, SegmentSizes
from .builder import TensorInfo
from .engine_file import SUFFIX

CAMERAS = 6
"""That engines of weights are built for; a file may have another number."""

Infos = Mapping[str, TensorInfo]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class EnginePart:
    """One engine that is ready to be loaded.

    Attributes:
        path: of its file.
        plan: the serialised engine.
        description: of the ONNX it was built from; None for torch2trt's, which say nothing.
        dla: core of the deep-learning accelerator, or None.
    """

    path: Path
    plan: bytes
    description: OnnxDescription | None
    dla: int | None = None


@dataclass(frozen=True)
class EngineLayout:
    """How the engines of a network are to be fed.

    Attributes:
        file: what to call them in errors.
        config: sizes of the network.
        precision: of the images, `fp16` or `fp32`.
        infos: inputs and outputs of each engine, the camera encoder's first.
        cameras: that they take; None for any number that they were built for.
        usual: number to be ready for before the first frame.
        rig: fingerprint of the rig whose splat tables are part of the engine; empty where they are inputs.
        names: of that rig's cameras.
    """

    file: str
    config: ModelConfig
    precision: str
    infos: tuple[Infos, ...]
    cameras: int | None
    usual: int
    rig: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, parts: Sequence[EnginePart], infos: Sequence[Infos], config: ModelConfig | None
    ) -> EngineLayout:
        """Read what the engines say.

        Args:
            parts: in the order of `in_order`.
            infos: inputs and outputs of each.
            config: sizes, for parts that do not say them.

        Raises:
            RuntimeBackendError: the parts do not fit together, or take several samples at once.
        """
        described = [part.description for part in parts if part.description is not None]
        sizes = described[0].config if described else config or ModelConfig()
        if any(one.config != sizes or one.weights_sha256 != described[0].weights_sha256 for one in described):
            raise RuntimeBackendError(
                "the engines are of different weights or sizes: build both of one export"
            )
        if any(one.senses is not None for one in described):
            raise RuntimeBackendError(
                f"{parts[0].path} is of the multi-sense network, which TensorRT runs whole: export it with "
                f"`--part network` and build it"
            )
        images = _first_input(infos[0])
        # The batch of the camera encoder, or the second axis of (1, N, 3, H, W).
        axis = 1 if len(parts) == 1 else 0
        batch = images.shape[0] if len(parts) == 1 else _first_input(infos[1]).shape[0]
        if batch not in (1, -1):
            raise RuntimeBackendError(
                f"{parts[-1].path} takes {batch} samples at once, but a car has one: "
                f"export it with `--batch 1` and build it again"
            )
        count = images.shape[axis]
        usual = images.profile[1][axis] if count < 0 and images.profile else CAMERAS
        constant = bool(described) and described[0].tables == "constant"
        return cls(
            str(parts[0].path),
            sizes,
            "fp16" if images.dtype == "float16" else "fp32",
            tuple(infos),
            count if count > 0 else None,
            count if count > 0 else usual,
            described[0].rig if constant else "",
            described[0].cameras if constant else (),
        )

    def check_cameras(self, count: int) -> None:
        """Refuse a rig of another number of cameras.

        Raises:
            RuntimeBackendError: it is of another one.
        """
        if self.cameras not in (count, None):
            raise RuntimeBackendError(
                f"{self.file} is for {self.cameras} cameras, and the rig has {count}: "
                f"export it with `--cameras {count}` and build it again"
            )

    def check_frame(self, frame_set: FrameSet) -> None:
        """Refuse a frame that an engine with constant tables would put into the wrong places.

        Raises:
            RuntimeBackendError: the rig is another one, or a camera has no image.
        """
        if not self.rig:
            return
        rig, lost = frame_set.rig, [n for n in frame_set.rig.names if n not in frame_set.images]
        if rig.fingerprint != self.rig:
            raise RuntimeBackendError(
                f"{self.file} holds the splat's tables of another calibration, of {', '.join(self.names)}: "
                f"export it again for this one, or without `--rig`, and build it"
            )
        if lost:
            raise RuntimeBackendError(
                f"{self.file} holds the splat's tables of all its cameras, and {', '.join(lost)} sent no "
                f"image: an engine that goes on without a camera is exported without `--rig`"
            )

    def shapes(self, cameras: int) -> tuple[Shapes, ...]:
        """Shapes of the inputs of each engine for a number of cameras; those that are fixed are left out.

        Raises:
            RuntimeBackendError: the engines are for another number.
        """
        self.check_cameras(cameras)
        if len(self.infos) == 1:
            return (self._whole(cameras),)
        images, bev = (_first_input(infos) for infos in self.infos)
        return {images.name: (cameras, *images.shape[1:])}, {bev.name: (1, *bev.shape[1:])}

    def _whole(self, cameras: int) -> Shapes:
        (infos,) = self.infos
        images = infos["images"]
        shapes = {images.name: (1, cameras, *images.shape[2:])}
        roomy = SegmentSizes.roomy(self.config, cameras)
        nx, ny = self.config.grid.shape
        wanted = {
            "points": (roomy.segments,),
            "pixels": (roomy.segments,),
            "segments": (roomy.hits, roomy.width),
            "cells": (1, nx * ny),
        }
        for name in NAMES:
            info = infos.get(name)
            if info is None or all(size > 0 for size in info.shape):
                continue
            # As much as any usual rig needs, within what the engine was built for.
            sizes = list(info.shape)
            for axis, size in enumerate(wanted[name]):
                if sizes[axis] < 0:
                    low, high = (
                        (info.profile[0][axis], info.profile[2][axis]) if info.profile else (size, size)
                    )
                    sizes[axis] = min(max(size, low), high)
            shapes[name] = tuple(sizes)
        return shapes


def in_order(parts: Sequence[EnginePart]) -> tuple[EnginePart, ...]:
    """The camera encoder before the BEV encoder; torch2trt's files are taken in the order given.

    Raises:
        RuntimeBackendError: they make no network.
    """
    names = [part.description.part if part.description else "" for part in parts]
    if names == ["network"] or names in (["camera", "bev"], ["", ""]):
        return tuple(parts)
    if names == ["bev", "camera"]:
        return tuple(parts[::-1])
    raise RuntimeBackendError(
        f"engines of {' + '.join(name or 'unknown' for name in names)} make no network: "
        f"give camera{SUFFIX}+bev{SUFFIX}, or the network's"
    )


def _first_input(infos: Infos) -> TensorInfo:
    return next(info for info in infos.values() if info.is_input)
