"""Kernel: from visibility to pictures, with the shading of `shading`."""

from __future__ import annotations

from numba import cuda

from ..light import Light
from ..scenery import Scenery
from ..shading import pixel
from ..shadow import Shadows
from .place import VIEWS
from .visibility import shown


@cuda.jit(device=True)
def light_of(row):
    """The Light of a row of `Parcel.lights`."""
    return Light(
        (row[0], row[1], row[2]),
        (row[3], row[4], row[5]),
        (row[6], row[7], row[8]),
        (row[9], row[10], row[11]),
        (row[12], row[13], row[14]),
        row[15],
        row[16],
        row[17],
        int(row[18]),
    )


@cuda.jit(device=True)
def shadows_of(axes, offsets, scales, maps, contact, corner):
    """The Shadows of a sample."""
    return Shadows(
        (
            axes[0, 0], axes[0, 1], axes[0, 2], axes[1, 0], axes[1, 1], axes[1, 2],
            axes[2, 0], axes[2, 1], axes[2, 2],
        ),
        (offsets[0, 0], offsets[0, 1]),
        scales[0],
        maps[0],
        (offsets[1, 0], offsets[1, 1]),
        scales[1],
        maps[1],
        contact,
        (corner[0], corner[1]),
    )  # fmt: skip


@cuda.jit
def shade(
    buffers, fixed, room, rotations, origins, lenses, vertices, normals, uv, material, owner,
    kind, colours, params, lights, axes, offsets, scales, maps, contact, corners, seeds, curve,
    texels, textures, skies, sky, weather, lamps, ground, ground_corner, images,
):  # fmt: skip
    """Shade every pixel (threads along x) of every picture (blocks along y).

    Args:
        buffers: (P, 2 H, 2 W) int64 of `visibility.draw`, as are the next two.
        fixed: as said.
        room: as said.
        rotations: (P, 3, 3) float64, as in `shading.pixel`, as are the next two.
        origins: (P, 3) float64.
        lenses: (P, 4) float64, of the pictures.
        vertices: rows as in `place`, as are the next four.
        normals: (T, 3, 3) float32.
        uv: (T, 3, 2) float32.
        material: (T,) int32.
        owner: (T,) int32.
        kind: (M,) int32.
        colours: (S, M, 3) float32.
        params: (S, M, 8) float32.
        lights: (S, 19) float64.
        axes: as in `shadows.cast_shadows`, as are the next three.
        offsets: as said.
        scales: as said.
        maps: as said.
        contact: (S, N, N) float32, as in `Shadows`.
        corners: (S, 2) float64.
        seeds: (P,) int64.
        curve: of `shading.film_curve`.
        texels: as in `Scenery`, as is the next.
        textures: as said.
        skies: (E, H, W, 3) float32, photographed ones; one at least.
        sky: (S,) int32, as in `Parcel`, as are the next four.
        weather: as said.
        lamps: as said.
        ground: as said.
        ground_corner: as said.
        images: (P, H, W, 3) uint8 RGB, filled.
    """
    at = cuda.grid(1)
    picture = cuda.blockIdx.y
    height, width = images.shape[1], images.shape[2]
    if at >= height * width:
        return
    row, column = at // width, at % width
    sample = picture // (VIEWS - 1)
    base = (sample * VIEWS + picture % (VIEWS - 1)) * room
    four = (
        shown(buffers[picture, 2 * row, 2 * column], fixed, base),
        shown(buffers[picture, 2 * row, 2 * column + 1], fixed, base),
        shown(buffers[picture, 2 * row + 1, 2 * column], fixed, base),
        shown(buffers[picture, 2 * row + 1, 2 * column + 1], fixed, base),
    )
    light = light_of(lights[sample])
    shadow = shadows_of(axes[sample], offsets[sample], scales, maps[sample], contact[sample], corners[sample])
    here = weather[sample]
    scenery = Scenery(
        texels, textures, 1 if sky[sample] >= 0 else 0, skies[max(sky[sample], 0)],
        here[0], here[1], lamps[sample], here[2], here[3], here[4],
        ground, ground_corner[0], ground_corner[1],
    )  # fmt: skip
    r, g, b = pixel(
        row, column, height, width, four, rotations[picture], origins[picture], lenses[picture],
        vertices, normals, uv, material, owner, kind, colours[sample], params[sample],
        light, shadow, seeds[picture], curve, scenery,
    )  # fmt: skip
    images[picture, row, column, 0] = r
    images[picture, row, column, 1] = g
    images[picture, row, column, 2] = b
