"""From decoded images on the GPU to the network's input, without a difference from Pillow."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F

from ...model import IMAGE_MEAN, IMAGE_STD, ImageTransform
from .resampling import BITS, Resampling
from .splat import has_triton


class Resizer(Protocol):
    """What resizes, crops and normalises images of one size, or looks them up."""

    def __call__(
        self,
        images: torch.Tensor,
        out: torch.Tensor,
        sources: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
    ) -> None:
        """Fill some of the network's input.

        Args:
            images: (N, height, width, 3) uint8 RGB, contiguous.
            out: (N, H, W, 3) of the network's input, contiguous.
            sources: (M,) int32, which images are taken; None takes all of them.
            targets: (M,) int32, the places in `out` that they go to; None fills the first.
        """


def make_resizer(
    width: int, height: int, cameras: int, transform: ImageTransform, device: torch.device
) -> Resizer:
    """Make what resizes images of one size, see `PillowResizer`, with what is installed."""
    if has_triton():
        return PillowResizer(width, height, cameras, transform, device)
    return InterpolatingResizer(transform, device)


class PillowResizer:
    """Pillow's own arithmetic, see `resize_kernel.py`: no level differs.

    Args:
        width: of the images, pixels.
        height: of the images, pixels.
        cameras: most images at a time.
        transform: to the network's input.
        device: GPU, or the CPU with Triton's interpreter.
    """

    def __init__(
        self, width: int, height: int, cameras: int, transform: ImageTransform, device: torch.device
    ):
        t = transform
        columns = Resampling.bicubic(width, t.resized_width, t.left, t.width)
        rows = Resampling.bicubic(height, t.resized_height, t.top, t.height)
        # Only the rows that the second pass reads are made by the first.
        self._first_row = int(rows.starts.min())
        last = min(int(rows.starts.max()) + rows.weights.shape[1], height)
        self._size = (height, width)

        def on_device(array: object) -> torch.Tensor:
            return torch.as_tensor(array).to(device).contiguous()

        self._columns = (on_device(columns.starts), on_device(columns.weights))
        self._rows = (on_device(rows.starts - self._first_row), on_device(rows.weights))
        self._scale, self._shift = _normalisation(device)
        self._narrow = torch.zeros(
            cameras, last - self._first_row, t.width, 3, dtype=torch.uint8, device=device
        )

    def __call__(
        self,
        images: torch.Tensor,
        out: torch.Tensor,
        sources: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
    ) -> None:
        """See `Resizer`."""
        from .resize_kernel import resize_columns_kernel, resize_rows_kernel

        narrow = self._narrow[: len(images if sources is None else sources)]
        count, made, width = narrow.shape[:3]
        height, columns = self._size
        starts, weights = self._columns
        resize_rows_kernel[(-(-made // 4), -(-width * 3 // 128), count)](
            images, sources, starts, weights, narrow, self._first_row, height, columns, made, width,
            TAPS=weights.shape[1], BITS=BITS, BLOCK_R=4, BLOCK_V=128, num_warps=4,
        )  # fmt: skip
        starts, weights = self._rows
        resize_columns_kernel[(out.shape[1], -(-width * 3 // 256), count)](
            narrow, starts, weights, self._scale, self._shift, targets, out, made, width, out.shape[1],
            TAPS=weights.shape[1], BITS=BITS, BLOCK_V=256, num_warps=4,
        )  # fmt: skip


class InterpolatingResizer:
    """PyTorch's antialiased resize in float32: at most one level from Pillow's 8-bit arithmetic."""

    def __init__(self, transform: ImageTransform, device: torch.device):
        self._transform = transform
        self._scale, self._shift = _normalisation(device)

    def __call__(
        self,
        images: torch.Tensor,
        out: torch.Tensor,
        sources: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
    ) -> None:
        """See `Resizer`."""
        t = self._transform
        if sources is not None:
            images = images[sources.long()]
        pixels = images.permute(0, 3, 1, 2).float()
        # Pillow rounds to 8 bits after each of its two passes.
        for size in ((images.shape[1], t.resized_width), (t.resized_height, t.resized_width)):
            pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).round().clamp(0, 255)
        crop = pixels[:, :, t.top : t.top + t.height, t.left : t.left + t.width].permute(0, 2, 3, 1)
        values = (crop * self._scale + self._shift).to(out.dtype)
        if targets is None:
            out[: len(values)] = values
        else:
            out[targets.long()] = values


def _normalisation(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of a level, (3,) float32 each."""
    mean, deviation = torch.tensor(IMAGE_MEAN), torch.tensor(IMAGE_STD)
    return (1.0 / (255.0 * deviation)).to(device), (-mean / deviation).to(device)
