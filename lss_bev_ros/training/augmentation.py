"""Augmented network input, made on the device from stored pictures (LSS's `sample_augmentation`, batched)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F

from ..model import IMAGE_MEAN, IMAGE_STD, Calibration, ImageTransform, ModelConfig
from ..model.image_transform import UPRIGHT, level_row
from .appearance import restyled
from .config import AppearanceConfig, AugmentationConfig, SampleLayout
from .constant import constant

FULL_WIDTH, FULL_HEIGHT = 1600, 900


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What is done to the B x N pictures of a batch.

    Attributes:
        matrix: (B, N, 2, 2) float32, full-image pixels to input pixels: the 2 x 2 of LSS's post_rots.
        offset: (B, N, 2) float32, input pixels: LSS's post_trans.
        kept: (B, N) bool, whether the camera takes part.
        gain, contrast, saturation: (B, N) float32 factors, 1 for no change.
        appearance: what else is changed, by chance of the moment.
    """

    matrix: torch.Tensor
    offset: torch.Tensor
    kept: torch.Tensor
    gain: torch.Tensor
    contrast: torch.Tensor
    saturation: torch.Tensor
    appearance: AppearanceConfig = AppearanceConfig()

    def to(self, device: torch.device | str) -> Augmentation:
        """The same on a device."""
        names = [field.name for field in fields(self) if field.name != "appearance"]
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return replace(self, **moved)

    @property
    def post_rotations(self) -> torch.Tensor:
        """(B, N, 3, 3)."""
        result = torch.zeros(*self.matrix.shape[:2], 3, 3, device=self.matrix.device)
        result[..., :2, :2] = self.matrix
        result[..., 2, 2] = 1.0
        return result

    @property
    def post_translations(self) -> torch.Tensor:
        """(B, N, 3)."""
        return F.pad(self.offset, (0, 1))


def geometry(rows: torch.Tensor, augmentation: Augmentation) -> Calibration:
    """The cameras behind augmented pictures, from (B, N, 21) float32 as in `Sample.calibration`."""
    return Calibration(
        rows[..., :9].unflatten(-1, (3, 3)),
        rows[..., 9:12],
        rows[..., 12:].unflatten(-1, (3, 3)),
        augmentation.post_rotations,
        augmentation.post_translations,
    )


def draw_augmentation(
    config: AugmentationConfig, model: ModelConfig, batch: int, cameras: int, generator: torch.Generator
) -> Augmentation:
    """Draw for a batch, on the CPU; the same generator state gives the same result."""
    shape = (batch, cameras)

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    scale = uniform(*config.resize)
    cut = uniform(*config.bottom)
    left = torch.floor(
        torch.rand(shape, generator=generator) * (FULL_WIDTH * scale - model.image_width).clamp_min(0)
    )
    top = torch.floor((1 - cut) * FULL_HEIGHT * scale) - model.image_height
    flip = torch.rand(shape, generator=generator) < config.flip
    angle = uniform(-config.rotation, config.rotation) * (math.pi / 180)
    kept = torch.ones(shape, dtype=torch.bool)
    lost = torch.rand(batch, generator=generator) < config.lose_camera
    which = torch.randint(cameras, (batch,), generator=generator)
    kept[torch.arange(batch)[lost], which[lost]] = False
    gain, contrast, saturation = (uniform(1 - config.colour, 1 + config.colour) for _ in range(3))
    matrix, offset = compose(scale, torch.stack((left, top), -1), flip, angle, model)
    return Augmentation(matrix, offset, kept, gain, contrast, saturation, config.appearance)


def narrowed(config: AugmentationConfig, model: ModelConfig, share: float) -> AugmentationConfig:
    """The augmentation with its ranges drawn in towards the transform that the network is used with.

    Args:
        config: ranges to begin with; lost cameras and `appearance` stay as they are.
        model: for that transform.
        share: 0 for the ranges as they are, 1 for no more than the transform.
    """
    scale = ImageTransform.of(FULL_WIDTH, FULL_HEIGHT, model).scale

    def towards(values: tuple[float, float], middle: float) -> tuple[float, float]:
        low, high = values
        return low + (middle - low) * share, high + (middle - high) * share

    return replace(
        config,
        resize=towards(config.resize, scale),
        bottom=towards(config.bottom, model.bottom_cut),
        rotation=config.rotation * (1 - share),
        flip=config.flip * (1 - share),
        colour=config.colour * (1 - share),
    )


def no_augmentation(model: ModelConfig, batch: int, cameras: int) -> Augmentation:
    """The transform that the network is used with."""
    fixed = ImageTransform.of(FULL_WIDTH, FULL_HEIGHT, model)
    matrix = torch.eye(2).mul(fixed.scale).expand(batch, cameras, 2, 2).contiguous()
    offset = torch.tensor([-float(fixed.left), -float(fixed.top)]).expand(batch, cameras, 2).contiguous()
    ones = torch.ones(batch, cameras)
    return Augmentation(matrix, offset, ones.bool(), ones, ones, ones)


def levelled(augmentation: Augmentation, cameras: torch.Tensor, model: ModelConfig) -> Augmentation:
    """Move pictures up or down until each camera's horizon is on its row, as `ImageTransform.of_camera` does.

    Args:
        augmentation: of B x N pictures.
        cameras: (B, N, 21) float32 as in `Sample.calibration`.
        model: whose `horizon` it is; without one nothing is moved.
    """
    if not model.horizon:
        return augmentation
    rotation, k = (part.unflatten(-1, (3, 3)) for part in (cameras[..., :9], cameras[..., 12:]))
    level = level_row(rotation, k)
    row = _row(augmentation, k[..., 0, 2], level)
    first, last = (_row(augmentation, k[..., 0, 2], torch.full_like(row, end)) for end in (0.0, FULL_HEIGHT))
    shift = torch.minimum(torch.maximum((model.horizon - row).round(), model.image_height - last), -first)
    shift = torch.where(-rotation[..., 2, 1] >= UPRIGHT, shift, 0.0)
    return replace(augmentation, offset=augmentation.offset + F.pad(shift[..., None], (1, 0)))


def _row(augmentation: Augmentation, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """(B, N) rows of the input at which pixels (u, v) of the full pictures are."""
    m = augmentation.matrix
    return m[..., 1, 0] * u + m[..., 1, 1] * v + augmentation.offset[..., 1]


def compose(
    scale: torch.Tensor, crop: torch.Tensor, flip: torch.Tensor, angle: torch.Tensor, model: ModelConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Resize, crop, mirror and turn about the input's centre as one affine map of pixels.

    Args:
        scale: (...,) input pixels a full pixel.
        crop: (..., 2) left and top of the crop, pixels of the resized picture.
        flip: (...,) bool.
        angle: (...,) radians.
        model: for the size of the input.

    Returns:
        The map's matrix (..., 2, 2) and offset (..., 2).
    """
    sign = torch.where(flip, -1.0, 1.0)
    mirror = torch.diag_embed(torch.stack((sign, torch.ones_like(sign)), -1))
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack((torch.stack((cos, sin), -1), torch.stack((-sin, cos), -1)), -2)
    size = torch.tensor([model.image_width, model.image_height], dtype=torch.float32)
    shift = torch.where(flip[..., None], torch.tensor([float(model.image_width), 0.0]), torch.zeros(2))
    inner = shift - (mirror @ crop[..., None])[..., 0] - size / 2
    matrix = turn @ mirror * scale[..., None, None]
    return matrix, (turn @ inner[..., None])[..., 0] + size / 2


def augmented_images(
    pictures: torch.Tensor, augmentation: Augmentation, layout: SampleLayout, model: ModelConfig
) -> torch.Tensor:
    """Make the network's input.

    Args:
        pictures: (B, N, H, W, 3) uint8 RGB, stored size.
        augmentation: of the same B x N, on the same device.
        layout: of the stored pictures.
        model: for the size of the input.

    Returns:
        (B * N, 3, image_height, image_width) float32, normalised, 0 (black) outside the picture.
    """
    device = pictures.device
    pixels = pictures.flatten(0, 1).permute(0, 3, 1, 2).float().contiguous()
    # Larger pictures are sampled finer, then resized as the network's input is when it is used.
    used = ImageTransform.of(FULL_WIDTH, FULL_HEIGHT, model).scale
    finer = max(1.0, round(2 * layout.scale / used) / 2)
    shape = round(model.image_height * finer), round(model.image_width * finer)
    v, u = torch.meshgrid(
        (torch.arange(shape[0], device=device) + 0.5) / finer,
        (torch.arange(shape[1], device=device) + 0.5) / finer,
        indexing="ij",
    )
    at = _undo(torch.stack((u, v), -1), augmentation) * layout.scale
    size = constant((layout.width, layout.height), device)
    grid = (2 * at / size - 1).flatten(0, 1)
    pixels = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False) / 255.0
    if finer > 1:
        pixels = F.interpolate(
            pixels, size=(model.image_height, model.image_width), mode="bicubic", antialias=True
        ).clamp(0, 1)
    pixels = restyled(pixels, pictures.shape[1], augmentation.appearance, model.horizon)
    factor = [
        getattr(augmentation, name).flatten()[:, None, None, None]
        for name in ("gain", "contrast", "saturation")
    ]
    gain, contrast, saturation = factor
    grey = pixels.mean(1, keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    mean = grey.mean((2, 3), keepdim=True)
    pixels = ((pixels - mean) * contrast + mean) * gain
    pixels = pixels.clamp(0, 1)
    scale = constant(tuple(IMAGE_STD), device)[:, None, None]
    return (pixels - constant(tuple(IMAGE_MEAN), device)[:, None, None]) / scale


def depth_targets(
    depth: torch.Tensor,
    frustum: torch.Tensor,
    augmentation: Augmentation,
    layout: SampleLayout,
    model: ModelConfig,
    cameras: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find how the surfaces around every feature's ray spread over the depth bins.

    Args:
        depth: (B, N, H / stride, W / stride) uint8, quarter metres, 255 for beyond or sky.
        frustum: (D, h, w, 3) from `create_frustum`.
        augmentation: of the same B x N.
        layout: of the stored pictures.
        model: for the depth bins.
        cameras: (B, N, 21) float32 as in `Sample.calibration`, where the model's depths depend on the camera.

    Returns:
        share: (B * N, D, h, w) float32, sums to 1 over D where `known`.
        known: (B * N, h, w) bool, whether any surface near the ray lies within the bins and the camera
            takes part.
    """
    step = constant((-6.0, -2.0, 2.0, 6.0), depth.device)
    dv, du = torch.meshgrid(step, step, indexing="ij")
    around = frustum[0, :, :, None, :2] + torch.stack((du, dv), -1).flatten(0, 1)
    inside = (
        (around >= 0).all(-1) & (around[..., 0] < model.image_width) & (around[..., 1] < model.image_height)
    )
    at = _undo(around, augmentation) + 0.5
    index = torch.floor(at * (layout.scale / layout.depth_stride)).long()
    rows, columns = depth.shape[-2:]
    column, row = index[..., 0], index[..., 1]
    inside = inside & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    flat = (row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)).flatten(0, 1)
    metres = depth.flatten(0, 1).flatten(1).gather(1, flat.flatten(1)).view(flat.shape).float() / 4
    if model.focal:
        assert cameras is not None, "depths depend on the camera"
        metres = metres / geometry(cameras, augmentation).depth_unit(model).flatten()[:, None, None, None]
    nearest = torch.round((metres - model.depth_min) / model.depth_step).long()
    bins = model.depth_bins
    valid = (
        inside.flatten(0, 1)
        & (nearest >= -1)
        & (nearest < bins)
        & augmentation.kept.flatten()[:, None, None, None]
    )
    share = torch.zeros(*nearest.shape[:3], bins, device=depth.device)
    share.scatter_add_(3, nearest.clamp(0, bins - 1), valid.float())
    count = share.sum(-1)
    share = share / count.clamp_min(1)[..., None]
    return share.permute(0, 3, 1, 2), count > 0


def _undo(points: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Input pixels (..., 2) to full-image pixels of every picture, (B, N, ..., 2)."""
    # Sums of products: as a batch of matrix products of two numbers it would take a hundred times as long.
    extra = (1,) * (points.ndim - 1)
    inverse = torch.linalg.inv_ex(augmentation.matrix).inverse
    m = inverse.view(*inverse.shape[:2], *extra, 2, 2)
    shifted = points - augmentation.offset.view(*augmentation.offset.shape[:2], *extra, 2)
    x, y = shifted[..., 0], shifted[..., 1]
    return torch.stack((m[..., 0, 0] * x + m[..., 0, 1] * y, m[..., 1, 0] * x + m[..., 1, 1] * y), -1)
