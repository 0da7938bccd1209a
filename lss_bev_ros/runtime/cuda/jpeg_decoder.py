"""JPEG decoding on the GPU, by the decoder units of the chip where it has some (nvImageCodec)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from ...errors import ImageError
from ...geometry import Camera
from ..image_decoder import check_size

THREADS = 6
"""Of the host, for the parts of decoding that a chip without decoder units leaves to it."""


def has_gpu_jpeg() -> bool:
    """Whether nvImageCodec is installed and can decode a JPEG on this GPU."""
    try:
        decoder = GpuJpegDecoder(torch.device("cuda", torch.cuda.current_device()))
        decoder.decode([_probe()])
    except Exception:  # whatever its libraries lack, the CPU decodes as well
        return False
    return True


class GpuJpegDecoder:
    """Decodes the images of a frame set in one batch.

    Args:
        device: GPU.
    """

    def __init__(self, device: torch.device):
        from nvidia import nvimgcodec

        self._device = device
        self._decoder = nvimgcodec.Decoder(
            device_id=device.index or 0, max_num_cpu_threads=min(THREADS, os.cpu_count() or 1)
        )
        self._parameters = nvimgcodec.DecodeParams(
            apply_exif_orientation=False, color_spec=nvimgcodec.ColorSpec.SRGB
        )
        self._stream_of = nvimgcodec.CodeStream
        self._images: list[Any] = []

    def __call__(self, cameras: Sequence[Camera], jpegs: Sequence[bytes]) -> list[torch.Tensor]:
        """Decode and check, on the current stream.

        Args:
            cameras: that took the images.
            jpegs: baseline JPEGs (`images.Header.baseline`) without bytes behind their ends.

        Returns:
            (height, width, 3) uint8 RGB on the GPU for each, good until the next call.

        Raises:
            ImageError: one is damaged or of another size than its camera's calibration says.
        """
        images = self.decode(jpegs)
        for camera, jpeg, image in zip(cameras, jpegs, images, strict=True):
            if image is None:
                raise ImageError(camera.name, f"JPEG of {len(jpeg)} bytes cannot be decoded: it is damaged")
            check_size(camera, image.shape)
        return [torch.as_tensor(image, device=self._device) for image in images]

    def decode(self, jpegs: Sequence[bytes]) -> list[Any]:
        """Decode; None in the place of what cannot be decoded."""
        stream = torch.cuda.current_stream(self._device).cuda_stream
        reused = {"images": self._images} if len(self._images) == len(jpegs) else {}
        images: list[Any] = self._decoder.decode(
            [self._stream_of(jpeg) for jpeg in jpegs],
            params=self._parameters,
            cuda_stream=stream,
            **reused,
        )
        self._images = images if all(image is not None for image in images) else []
        return images


def _probe() -> bytes:
    """A JPEG."""
    import cv2
    import numpy as np

    return cv2.imencode(".jpg", np.full((64, 64, 3), 128, dtype=np.uint8))[1].tobytes()
