"""Pictures as real cameras give them, from lens to file.

The drawn pictures are those of an ideal camera. A response takes them through exposure, glare, blur, a
sensor under a Bayer mosaic with shot and read noise, demosaicing, tone curve, sharpening and JPEG, in that
order. All of it is PyTorch on whole batches, on the device that the pictures are on, and its noise is a
function of seeds alone. No step moves a surface by as much as a pixel, so depth and boxes stay true.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from .response import Response

_KERNEL = 9
"""Side of the blur's kernel, pixels."""
_MOSAIC_SCALE = 0.6
"""Pictures of a smaller scale are too coarse for a mosaic of single pixels: theirs has been averaged away."""
_GAMMA = 2.2
_HELD, _BRIGHTER = 0.92, 6.0
"""Light from which a pixel is taken for full, and how much brighter than it shows."""
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)  # fmt: skip
"""Quantisation tables of ITU-T T.81 (JPEG), annex K.1."""


def respond(
    images: torch.Tensor, response: Response, seeds: np.ndarray, scale: float = 1.0, chunk: int = 24
) -> torch.Tensor:
    """Take pictures through their cameras' responses.

    Args:
        images: (P, H, W, 3) uint8 RGB.
        response: of P pictures.
        seeds: (P,) of the noise.
        scale: of the pictures' size, 1 for 1600 x 900: what is given in pixels, and noise, shrink with it.
        chunk: pictures that are worked on at a time.

    Returns:
        (P, H, W, 3) uint8 RGB on the same device. Pictures whose response is off are the same bytes.
    """
    table = torch.from_numpy(response.table).to(images.device)
    numbers = torch.from_numpy(np.asarray(seeds, np.int64) & 0x7FFFFFFF).to(images.device)
    result = images.clone()
    chosen = np.flatnonzero(np.asarray(response.on) > 0)
    for first in range(0, len(chosen), chunk):
        part = torch.from_numpy(chosen[first : first + chunk]).to(images.device)
        result[part] = _respond(images[part], table[part], numbers[part], scale)
    return result


def developed(image: np.ndarray, response: Response, seed: int, scale: float = 1.0) -> np.ndarray:
    """One picture (H, W, 3) uint8 BGR through one camera's response, see `respond`."""
    pictures = torch.from_numpy(np.ascontiguousarray(image[None, :, :, ::-1]))
    result = respond(pictures, response, np.array([seed]), scale)
    return np.ascontiguousarray(result[0].numpy()[:, :, ::-1])


def _respond(images: torch.Tensor, table: torch.Tensor, seeds: torch.Tensor, scale: float) -> torch.Tensor:
    gain, rest = table[:, :3], table[:, 3:].T[:, :, None, None, None]
    blur, motion, angle, shot, read, mosaic, gamma, contrast, black = rest[:9]
    saturation, sharpening, vignette, glare, bloom, flare, quality = rest[9:16]
    light = (images.permute(0, 3, 1, 2).float() / 255.0) ** _GAMMA
    light = light * gain[:, :, None, None]
    light = light + glare * (light.mean((2, 3), keepdim=True) + 0.25 * light.amax((1, 2, 3), keepdim=True))
    light = light + _scattered(light, bloom, flare)
    light = _smeared(light, blur.flatten() * scale, motion.flatten() * scale, angle.flatten())
    light = light * (1.0 - vignette * _corners(light))
    # The noise of a pixel that is the mean of 1 / scale^2 others.
    spread = torch.sqrt((shot**2 * light.clamp(0, 1) + read**2).clamp_min(0)) * scale
    noisy = (light + spread * _normal(light.shape, seeds)).clamp(0.0, 1.0)
    if scale >= _MOSAIC_SCALE:
        noisy = torch.where(mosaic > 0.5, _demosaiced(noisy), noisy)
    value = noisy.clamp_min(1e-6) ** (gamma / _GAMMA)
    value = value + contrast * (value * value * (3.0 - 2.0 * value) - value)
    grey = value.mean(1, keepdim=True)
    value = grey + (value - grey) * saturation
    value = black + (1.0 - black) * value
    value = value + sharpening * (value - _box(value, 3)) * min(1.0, 1.5 * scale)
    value = _compressed(value.clamp(0.0, 1.0), quality.flatten(), scale)
    return (value * 255.0).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _corners(light: torch.Tensor) -> torch.Tensor:
    """(1, 1, H, W) 0 in the middle to 1 in the corners."""
    height, width = light.shape[-2:]
    v, u = torch.meshgrid(
        torch.linspace(-1, 1, height, device=light.device),
        torch.linspace(-1, 1, width, device=light.device),
        indexing="ij",
    )
    return ((u * u + v * v) / 2)[None, None]


def _scattered(light: torch.Tensor, bloom: torch.Tensor, flare: torch.Tensor) -> torch.Tensor:
    """What lens and sensor scatter of light that is brighter than the sensor holds: a halo, and a ghost."""
    height, width = light.shape[-2:]
    # A picture holds no more than white, so what is white counts for far more than it shows.
    over = F.relu(light - _HELD) * _BRIGHTER
    small = F.adaptive_avg_pool2d(over, (max(height // 8, 1), max(width // 8, 1)))
    halo = 0.7 * _box(_box(small, 5), 5) + 0.3 * _box(_box(small, 15), 15)
    tint = torch.tensor([0.6, 1.0, 0.75], device=light.device)[:, None, None]
    ghost = _box(small.flip(-1, -2), 5) * tint
    return F.interpolate(bloom * halo + flare * ghost, size=(height, width), mode="bilinear")


def _smeared(
    light: torch.Tensor, blur: torch.Tensor, motion: torch.Tensor, angle: torch.Tensor
) -> torch.Tensor:
    """Each picture convolved with its own kernel: a segment of the motion, widened by the blur."""
    half = _KERNEL // 2
    v, u = torch.meshgrid(
        *(torch.arange(-half, half + 1, device=light.device, dtype=torch.float32),) * 2, indexing="ij"
    )
    sigma = torch.sqrt(blur**2 + 0.25**2)[:, None, None]
    kernel = torch.zeros(len(light), _KERNEL, _KERNEL, device=light.device)
    for step in torch.linspace(-0.5, 0.5, 9).tolist():
        du = u - step * (motion * torch.cos(angle))[:, None, None]
        dv = v - step * (motion * torch.sin(angle))[:, None, None]
        kernel += torch.exp(-(du**2 + dv**2) / (2 * sigma**2))
    kernel /= kernel.sum((1, 2), keepdim=True)
    count, channels, height, width = light.shape
    padded = F.pad(light, (half,) * 4, mode="replicate").reshape(1, count * channels, height + 2 * half, -1)
    weights = kernel.repeat_interleave(channels, 0)[:, None]
    return F.conv2d(padded, weights, groups=count * channels).view(count, channels, height, width)


def _box(values: torch.Tensor, side: int) -> torch.Tensor:
    padded = F.pad(values, (side // 2,) * 4, mode="replicate")
    return F.avg_pool2d(padded, side, stride=1)


def _normal(shape: torch.Size, seeds: torch.Tensor) -> torch.Tensor:
    """(P, 3, H, W) normal numbers that depend on seed, channel and place alone, on any device."""
    place = torch.arange(shape[1:].numel(), device=seeds.device)
    mixed = (
        _hashed(place[None] * 2 + seeds[:, None] * 0x2545F491),
        _hashed(place[None] * 2 + 1 + seeds[:, None] * 0x2545F491),
    )
    first, second = (m.float().add(0.5) / float(1 << 24) for m in mixed)
    # Box and Muller, "A note on the generation of random normal deviates", 1958.
    return (torch.sqrt(-2.0 * torch.log(first)) * torch.cos(2.0 * math.pi * second)).view(shape)


def _hashed(numbers: torch.Tensor) -> torch.Tensor:
    """24 bits of each integer, well mixed (the finaliser of MurmurHash3, in 32 bits)."""
    mask = 0xFFFFFFFF
    h = numbers & mask
    h = ((h ^ (h >> 16)) * 0x45D9F3B) & mask
    h = ((h ^ (h >> 16)) * 0x45D9F3B) & mask
    return (h ^ (h >> 16)) & 0xFFFFFF


def _demosaiced(light: torch.Tensor) -> torch.Tensor:
    """What is left of colours of which each pixel senses one (RGGB), filled in bilinearly."""
    height, width = light.shape[-2:]
    masks = torch.zeros(3, height, width, device=light.device)
    masks[0, ::2, ::2] = masks[1, ::2, 1::2] = masks[1, 1::2, ::2] = masks[2, 1::2, 1::2] = 1.0
    cross = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]], device=light.device)
    weights = cross.expand(3, 1, 3, 3)
    sensed = F.conv2d(F.pad(light * masks, (1,) * 4, mode="reflect"), weights, groups=3)
    there = F.conv2d(F.pad(masks[None], (1,) * 4, mode="reflect"), weights, groups=3)
    return torch.where(masks.bool(), light, sensed / there)


def _compressed(value: torch.Tensor, quality: torch.Tensor, scale: float) -> torch.Tensor:
    """Pictures (P, 3, H, W), 0 to 1, as JPEG gives them back: ITU-T T.81 with colours of half the size."""
    height, width = value.shape[-2:]
    r, g, b = (value * 255.0).unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = 0.564 * (b - y), 0.713 * (r - y)
    colours = torch.stack((cb, cr), 1)
    colours = F.pad(colours, (0, -width % 2, 0, -height % 2), mode="replicate")
    small = F.avg_pool2d(colours, 2)
    # As libjpeg's quality; a picture that was made smaller after it was compressed has lost less.
    factor = torch.where(quality < 50, 50.0 / quality, 2.0 - quality / 50.0).clamp_min(0.02) * scale
    y = _quantised(y[:, None] - 128.0, factor, _LUMINANCE) + 128.0
    small = _quantised(small, factor, _CHROMINANCE)
    cb, cr = F.interpolate(small, scale_factor=2, mode="nearest")[..., :height, :width].unbind(1)
    y = y[:, 0]
    r, b = y + cr / 0.713, y + cb / 0.564
    g = (y - 0.299 * r - 0.114 * b) / 0.587
    return torch.stack((r, g, b), 1).div(255.0).clamp(0.0, 1.0)


def _quantised(planes: torch.Tensor, factor: torch.Tensor, table) -> torch.Tensor:
    """Planes (P, C, H, W) with the cosine coefficients of their 8 x 8 blocks rounded to table * factor."""
    count, channels, height, width = planes.shape
    padded = F.pad(planes, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, columns = padded.shape[-2] // 8, padded.shape[-1] // 8
    blocks = padded.view(count, channels, rows, 8, columns, 8).transpose(3, 4)
    k = torch.arange(8, device=planes.device, dtype=torch.float32)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2.0)
    steps = torch.tensor(table, device=planes.device, dtype=torch.float32)
    steps = (steps * factor[:, None, None]).clamp_min(1e-3)[:, None, None, None]
    coefficients = torch.round(basis @ blocks @ basis.T / steps) * steps
    blocks = basis.T @ coefficients @ basis
    return blocks.transpose(3, 4).reshape(padded.shape)[..., :height, :width]
