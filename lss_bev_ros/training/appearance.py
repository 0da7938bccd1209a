"""Pictures that look otherwise and show the same: colours, the style of other pictures, things in the way.

What a network can tell a drawn picture by is of no use before a recorded one, so it shall not rely on it.
Made on the device, in batches; chance is of the device's generator.
"""

from __future__ import annotations

import torch

from .config import AppearanceConfig

SKYLINE = 0.4
"""Share of the rows above the horizon that another skyline leaves as they are, at most."""
PLAIN = 0.25
"""Share of other skylines that are of one colour."""


def restyled(
    pixels: torch.Tensor, cameras: int, config: AppearanceConfig, horizon: float = 0.0
) -> torch.Tensor:
    """Change the looks of pictures.

    Args:
        pixels: (B * N, 3, H, W) float32, 0 to 1; the pictures of a car are next to each other.
        cameras: N.
        config: how often and how much.
        horizon: row on which all of them have their horizon, 0 where they differ.

    Returns:
        The same shape, 0 to 1.
    """
    if not config.on:
        return pixels
    count = len(pixels) // cameras
    if config.skyline and horizon:
        pixels = _with_other_skylines(pixels, config, horizon)
    if config.style:
        pixels = _styled(pixels, config)
    if config.colour:
        pixels = _coloured(pixels, count, cameras, config)
    if config.covered:
        pixels = _covered(pixels, config)
    return pixels.clamp(0, 1)


def _with_other_skylines(pixels: torch.Tensor, config: AppearanceConfig, horizon: float) -> torch.Tensor:
    """Put what others have above their horizon over pictures' own, from a row a little above it.

    A network learns how far things are from what is behind them as well, and nothing differs more between
    streets.
    """
    m, _, height, _ = pixels.shape
    device = pixels.device

    def happens(probability: float) -> torch.Tensor:
        return torch.rand(m, 1, 1, 1, device=device) < probability

    other = pixels[torch.randperm(m, device=device)]
    other = torch.where(happens(0.5), other.flip(-1), other)
    other = torch.where(happens(PLAIN), torch.rand(m, 3, 1, 1, device=device), other)
    last = horizon * (1 - SKYLINE * torch.rand(m, 1, 1, 1, device=device))
    above = torch.arange(height, device=device)[:, None] < last
    return torch.where(above & happens(config.skyline), other, pixels)


def low_frequencies(height: int, width: int, share: float, device: torch.device) -> torch.Tensor:
    """(H, W // 2 + 1) bool, frequencies of `rfft2` up to a share of the highest, along both axes."""
    rows = torch.fft.fftfreq(height, device=device).abs() * 2
    columns = torch.fft.rfftfreq(width, device=device) * 2
    return (rows[:, None] <= share) & (columns[None] <= share)


def _styled(pixels: torch.Tensor, config: AppearanceConfig) -> torch.Tensor:
    """Give pictures low frequencies' amplitudes of others (Yang and Soatto, "FDA", CVPR 2020, equation 3)."""
    m, _, height, width = pixels.shape
    device = pixels.device
    # Of the mean colour and what is as coarse as the sky: the finer the more the picture itself is changed.
    low = low_frequencies(height, width, config.style_share, device)
    mixed = torch.rand(m, 1, 1, 1, device=device) * (torch.rand(m, 1, 1, 1, device=device) < config.style)
    spectrum = torch.fft.rfft2(pixels)
    amplitude = spectrum.abs()
    other = amplitude[torch.randperm(m, device=device)]
    factor = torch.where(low, torch.lerp(amplitude, other, mixed) / amplitude.clamp_min(1e-6), 1.0)
    return torch.fft.irfft2(spectrum * factor, s=(height, width)).clamp(0, 1)


def _coloured(pixels: torch.Tensor, count: int, cameras: int, config: AppearanceConfig) -> torch.Tensor:
    """Gain, gamma, saturation and mixed channels, alike for the most part in the cameras of a car."""
    device = pixels.device

    def drawn(*shape: int) -> torch.Tensor:
        """(B * N, *shape), normally distributed, of which the cameras of a car share three quarters."""
        common = torch.randn(count, 1, *shape, device=device)
        own = torch.randn(count, cameras, *shape, device=device)
        return (0.87 * common + 0.5 * own).flatten(0, 1)

    on = (torch.rand(count, 1, device=device) < config.colour).expand(-1, cameras).flatten()
    on = on.float()[:, None, None, None]
    gamma = torch.exp2(0.4 * drawn(1, 1, 1) * on)
    gain = torch.exp2((0.35 * drawn(1, 1, 1) + 0.15 * drawn(3, 1, 1)) * on)
    mixing = torch.eye(3, device=device) + 0.06 * drawn(3, 3) * on[..., 0]
    saturation = 1 + on * (torch.exp2(0.5 * drawn(1, 1, 1)) - 1)
    pixels = pixels.clamp_min(1e-4) ** gamma * gain
    pixels = torch.einsum("mij,mjhw->mihw", mixing, pixels)
    grey = pixels.mean(1, keepdim=True)
    return (grey + (pixels - grey) * saturation).clamp(0, 1)


def _covered(pixels: torch.Tensor, config: AppearanceConfig) -> torch.Tensor:
    """Put noisy rectangles of any colour into pictures (Zhong et al., "Random Erasing", AAAI 2020)."""
    m, _, height, width = pixels.shape
    device = pixels.device
    v = (torch.arange(height, device=device) + 0.5)[None, :, None] / height
    u = (torch.arange(width, device=device) + 0.5)[None, None, :] / width
    for _ in range(config.covers):
        middle, half = torch.rand(m, 2, 1, 1, device=device), 0.12 * torch.rand(m, 2, 1, 1, device=device)
        inside = ((v - middle[:, 0]).abs() < half[:, 0]) & ((u - middle[:, 1]).abs() < half[:, 1])
        inside &= torch.rand(m, 1, 1, device=device) < config.covered
        colour = torch.rand(m, 3, 1, 1, device=device) + 0.15 * torch.randn_like(pixels)
        pixels = torch.where(inside[:, None], colour, pixels)
    return pixels
