"""From pixels of any size to the network's normalised input.

The paper resizes with Pillow. Pillow's filter (bicubic, widened by the scale, in 8 bits) is also PyTorch's
antialiased resize, so the core needs no Pillow; the two differ by at most one level of 255 in few pixels,
which the tests hold to. The images are decoded at full size: decoding at half size would save a third of the
time for an error of 0.3 levels on average, 4 at most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from ..geometry import Camera
from ..model import IMAGE_MEAN, IMAGE_STD, ImageTransform, ModelConfig
from .frame_set import FrameSet
from .image_decoder import ImageDecoder
from .straightening import MARGIN, Straightening, StraighteningCache


def straighten_and_resize(image: np.ndarray, straightening: Straightening) -> np.ndarray:
    """Bring one image of a lens to the size of the network's input, as a pinhole would have taken it.

    Args:
        image: (height, width, 3) uint8 RGB.
        straightening: the lookup of the camera.

    Returns:
        (image_height, image_width, 3) uint8 RGB.
    """
    return _finish(straightening.sample(image), straightening)


def _finish(samples: np.ndarray, straightening: Straightening) -> np.ndarray:
    """The input of what was looked up."""
    resized = _resize(samples, straightening.height, straightening.width)
    return resized[MARGIN:-MARGIN, MARGIN:-MARGIN]


def resize_and_crop(image: np.ndarray, config: ModelConfig, camera: Camera | None = None) -> np.ndarray:
    """Bring one image to the size of the network's input, as LSS evaluates.

    Args:
        image: (height, width, 3) uint8 RGB of any size.
        config: of the network.
        camera: that took it, a pinhole of its size; only a network with a `horizon` needs to know.

    Returns:
        (image_height, image_width, 3) uint8 RGB.
    """
    if camera is None:
        t = ImageTransform.of(image.shape[1], image.shape[0], config)
    else:
        t = ImageTransform.of_camera(camera, config)
    resized = _resize(image, t.resized_height, t.resized_width)
    return resized[t.top : t.top + t.height, t.left : t.left + t.width]


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pillow's bicubic resize of (h, w, 3) uint8."""
    if image.shape[:2] == (height, width):
        return image
    # A view of the array: PyTorch only asks whether it could write to it.
    pixels = torch.from_numpy(image if image.flags.writeable else image.copy())
    pixels = pixels.permute(2, 0, 1).unsqueeze(0)
    resized = F.interpolate(pixels, size=(height, width), mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


class Preprocessor:
    """Makes the network's input of decoded images.

    Args:
        config: of the network.
        dtype: of the input.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype):
        self._config = config
        self._dtype = dtype
        self._straightenings = StraighteningCache(config)
        self._scale = 1.0 / (255.0 * torch.tensor(IMAGE_STD))
        self._shift = -torch.tensor(IMAGE_MEAN) / torch.tensor(IMAGE_STD)

    def __call__(self, images: Sequence[np.ndarray], cameras: Sequence[Camera]) -> torch.Tensor:
        """Straighten, resize, crop and normalise.

        Args:
            images: N of (height, width, 3) uint8 RGB, of any sizes.
            cameras: that took them.

        Returns:
            (N, 3, image_height, image_width), channels last.
        """
        return self.normalise(self.pixels(images, cameras))

    def pixels(self, images: Sequence[np.ndarray], cameras: Sequence[Camera]) -> np.ndarray:
        """Straighten, resize and crop alone: (N, image_height, image_width, 3) uint8 RGB."""
        lookups = [None if camera.lens.is_pinhole else self._straightenings[camera] for camera in cameras]
        # All lookups first: OpenCV's threads and PyTorch's would get into each other's way.
        images = [
            image if lookup is None else lookup.sample(image)
            for image, lookup in zip(images, lookups, strict=True)
        ]
        return np.stack(
            [
                resize_and_crop(image, self._config, camera) if lookup is None else _finish(image, lookup)
                for image, camera, lookup in zip(images, cameras, lookups, strict=True)
            ]
        )

    def normalise(self, pixels: np.ndarray) -> torch.Tensor:
        """(N, 3, H, W) of (N, H, W, 3) uint8 RGB of the network's size, channels last."""
        values = torch.from_numpy(pixels).float() * self._scale + self._shift
        return values.to(self._dtype).permute(0, 3, 1, 2)


class NetworkInput:
    """From frame sets to the network's input: decoding and pre-processing.

    Args:
        config: of the network.
        dtype: of the input.
        threads: images decoded at once.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype = torch.float32, threads: int = 2):
        self._decode = ImageDecoder(threads)
        self.preprocess = Preprocessor(config, dtype)

    def __call__(self, frame_set: FrameSet) -> torch.Tensor:
        """(N, 3, image_height, image_width) of the cameras with an image; raises as `ImageDecoder`."""
        return self.preprocess.normalise(self.pixels(frame_set))

    def pixels(self, frame_set: FrameSet) -> np.ndarray:
        """(N, image_height, image_width, 3) uint8 RGB, before normalisation."""
        batches = self._decode.batches(frame_set)
        return np.concatenate([self.preprocess.pixels(images, cameras) for cameras, images in batches])

    def close(self) -> None:
        """Stop the threads."""
        self._decode.close()

    def __enter__(self) -> NetworkInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
