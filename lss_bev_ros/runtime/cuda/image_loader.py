"""From what the cameras sent to pixels on the GPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import torch

from ...geometry import Camera, Rig
from ..frame_set import FrameSet
from ..image_decoder import check_names, decode_image, inspect_image
from .jpeg_decoder import GpuJpegDecoder


class ImageLoader:
    """Brings one frame set at a time onto the GPU, in its own stream.

    Args:
        rig: every camera, in the order of the network's inputs.
        device: GPU.
        pool: decodes on the host.
        decoder: decodes on the GPU; None leaves it to the host.

    Attributes:
        images: (height, width, 3) uint8 RGB for every camera, on the GPU; those of one size follow each other
            in one piece of memory, in the rig's order.
        groups: places of cameras and their stacked images, one for each size.
    """

    def __init__(self, rig: Rig, device: torch.device, pool: Executor, decoder: GpuJpegDecoder | None):
        self._pool = pool
        self._decoder = decoder
        self.stream = torch.cuda.Stream(device)
        self.loaded = torch.cuda.Event(enable_timing=True)
        self.groups: list[tuple[tuple[int, ...], torch.Tensor]] = []
        self.images: list[torch.Tensor] = [torch.empty(0)] * len(rig)
        self._staging: list[torch.Tensor] = [torch.empty(0)] * len(rig)
        for size, places in image_sizes(rig).items():
            width, height = size
            stacked = torch.zeros(len(places), height, width, 3, dtype=torch.uint8, device=device)
            self.groups.append((places, stacked))
            for index, place in enumerate(places):
                self.images[place] = stacked[index]

    def __call__(self, frame_set: FrameSet) -> None:
        """Start the upload of a frame set; `loaded` is recorded behind it.

        Raises:
            RuntimeBackendError: no image, or an image of no camera.
            ImageError: a damaged one, or one of another size than its camera's calibration says.
        """
        check_names(frame_set.rig.names, frame_set.images)
        named = [(place, c) for place, c in enumerate(frame_set.rig.cameras) if c.name in frame_set.images]
        jpegs = {} if self._decoder is None else baseline_jpegs(named, frame_set)
        with torch.cuda.stream(self.stream):
            if self._decoder is not None and jpegs:
                cameras = [camera for place, camera in named if place in jpegs]
                decoded = self._decoder(cameras, list(jpegs.values()))
                for place, image in zip(jpegs, decoded, strict=True):
                    self.images[place].copy_(image)
                named = [(place, camera) for place, camera in named if place not in jpegs]
            self._upload(named, [frame_set.images[camera.name] for _, camera in named])
            self.loaded.record()

    def _upload(self, named: Sequence[tuple[int, Camera]], images: Sequence[np.ndarray | bytes]) -> None:
        """Decode on the host and copy through pinned memory, which the GPU reads by itself."""
        pixels = self._pool.map(decode_image, [camera for _, camera in named], images)
        for (place, _), image in zip(named, list(pixels), strict=True):
            if not len(self._staging[place]):
                self._staging[place] = torch.empty(image.shape, dtype=torch.uint8).pin_memory()
            self._staging[place].numpy()[:] = image
            self.images[place].copy_(self._staging[place], non_blocking=True)


def baseline_jpegs(named: Sequence[tuple[int, Camera]], frame_set: FrameSet) -> dict[int, bytes]:
    """The files that the GPU decodes, without what follows their ends, by place; all else is for the host.

    Raises:
        ImageError: a file that is cut short, or of another size than its camera's calibration says.
    """
    found = {}
    for place, camera in named:
        image = frame_set.images[camera.name]
        if not isinstance(image, np.ndarray):
            data = bytes(image)
            header = inspect_image(camera, data)
            # Of grey files the chip's decoder units gave another picture in one run of two (docs/devices.md).
            if header.baseline and not header.grey:
                found[place] = data if len(data) == header.end else data[: header.end]
    return found


def image_sizes(rig: Rig) -> dict[tuple[int, int], tuple[int, ...]]:
    """Width and height to the places of the cameras with such images."""
    sizes: dict[tuple[int, int], tuple[int, ...]] = {}
    for place, camera in enumerate(rig.cameras):
        size = (camera.width, camera.height)
        sizes[size] = (*sizes.get(size, ()), place)
    return sizes
