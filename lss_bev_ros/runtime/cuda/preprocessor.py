"""From images on the GPU to the network's input: what `Preprocessor` is on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...geometry import Rig
from ...model import ImageTransform, ModelConfig
from ..straightening import Straightening, StraighteningCache
from .image_loader import image_sizes
from .resizer import Resizer, make_resizer
from .straightener import Straightener

RigShape = tuple[tuple[int, int, int | None], ...]


def rig_shape(rig: Rig, config: ModelConfig) -> RigShape:
    """What a captured pre-processing is bound to: width, height and first row by camera, None of a lens."""
    return tuple(
        (camera.width, camera.height, ImageTransform.of_camera(camera, config).top)
        if camera.lens.is_pinhole
        else (camera.width, camera.height, None)
        for camera in rig.cameras
    )


class DevicePreprocessor:
    """Straightens, resizes, crops and normalises the images of rigs of one shape.

    It reads and writes what stays where it is, so a graph of it holds for every calibration of that shape.
    Pinholes take no lookup.

    Args:
        rig: the first.
        config: of the network.
        device: GPU, or the CPU with Triton's interpreter or without Triton.
        straightenings: where the lookups of lenses are from.
    """

    def __init__(
        self, rig: Rig, config: ModelConfig, device: torch.device, straightenings: StraighteningCache
    ):
        self._straightenings = straightenings
        self._rig = rig
        self._groups: list[_Group] = []
        for stack, ((width, height), places) in enumerate(image_sizes(rig).items()):
            tops = [top for _, _, top in rig_shape(rig, config)]
            # Those of one first row together, and those with a lens last.
            for top in sorted({tops[place] for place in places}, key=lambda top: (top is None, top)):
                chosen = [index for index, place in enumerate(places) if tops[place] == top]
                taken = tuple(places[index] for index in chosen)
                resize: Resizer
                if top is None:
                    resize = Straightener(self._lookups(rig, taken), config, device)
                else:
                    transform = ImageTransform.of_camera(rig.cameras[taken[0]], config)
                    resize = make_resizer(width, height, len(taken), transform, device)
                images, inputs = _Selection.of(chosen, device), _Selection.of(taken, device)
                self._groups.append(_Group(stack, taken, images, inputs, resize))

    def use(self, rig: Rig) -> None:
        """Take over the lenses of another rig of the same shape, on the current stream."""
        if rig is not self._rig:
            for group in self._groups:
                if isinstance(group.resize, Straightener):
                    group.resize.use(self._lookups(rig, group.cameras))
            self._rig = rig

    def __call__(self, stacks: Sequence[torch.Tensor], out: torch.Tensor) -> None:
        """Fill the network's input.

        Args:
            stacks: (n, height, width, 3) uint8 RGB for each size of `image_sizes`, in its order.
            out: (N, H, W, 3) of the cameras of the rig.
        """
        for group in self._groups:
            images, sources = group.images(stacks[group.stack])
            inputs, targets = group.inputs(out)
            group.resize(images, inputs, sources, targets)

    def _lookups(self, rig: Rig, places: Sequence[int]) -> list[Straightening]:
        return [self._straightenings[rig.cameras[place]] for place in places]


@dataclass(frozen=True, eq=False)
class _Selection:
    """Some entries along a tensor's first axis.

    Attributes:
        whole: where they follow each other.
        numbers: (n,) int32 of them where they do not.
    """

    whole: slice
    numbers: torch.Tensor | None

    @classmethod
    def of(cls, numbers: Sequence[int], device: torch.device) -> _Selection:
        first, last = numbers[0], numbers[0] + len(numbers)
        if list(numbers) == list(range(first, last)):
            return cls(slice(first, last), None)
        return cls(slice(None), torch.tensor(numbers, dtype=torch.int32, device=device))

    def __call__(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What a `Resizer` takes: a tensor, and which of its entries unless all are meant."""
        return tensor[self.whole], self.numbers


@dataclass(frozen=True, eq=False)
class _Group:
    """Cameras of one image size, all with a lens or all of one first row.

    Attributes:
        stack: number of their images' stack.
        cameras: places in the rig.
        images: places in the stack.
        inputs: places in the network's input.
        resize: what brings them there.
    """

    stack: int
    cameras: tuple[int, ...]
    images: _Selection
    inputs: _Selection
    resize: Resizer
