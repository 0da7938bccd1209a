"""Deferred shading: a buffer of triangle numbers becomes a picture."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .light import mirrored, sky
from .material import FACADE, FOLIAGE, GLASS, LAMP, PAINT, TEXTURE
from .noise import hashed, ramp, whole
from .scenery import lamplight, photographed_sky, texel, weathered
from .shadow import openness, sunlit
from .surface import surface
from .terrain import ground_height


@njit(cache=True, nogil=True, fastmath=True)
def _lit(
    t,
    dx,
    dy,
    dz,
    foot_angle,
    ox,
    oy,
    oz,
    vertices,
    normals,
    uv,
    m,
    kinds,
    colours,
    params,
    light,
    axes,
    near,
    near_offset,
    near_scale,
    far,
    far_offset,
    far_scale,
    contact,
    contact_offset,
    scenery,
):
    """Radiance (r, g, b) of triangle t along the ray from (ox, oy, oz) in direction (dx, dy, dz).

    The ray need not hit the triangle: its plane is what counts, so a pixel on an edge is no exception.
    """
    ax, ay, az = vertices[t, 0, 0], vertices[t, 0, 1], vertices[t, 0, 2]
    e1x, e1y, e1z = vertices[t, 1, 0] - ax, vertices[t, 1, 1] - ay, vertices[t, 1, 2] - az
    e2x, e2y, e2z = vertices[t, 2, 0] - ax, vertices[t, 2, 1] - ay, vertices[t, 2, 2] - az
    nx, ny, nz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
    ax, ay, az = ox - ax, oy - ay, oz - az
    toward = nx * dx + ny * dy + nz * dz
    if abs(toward) < 1e-12:
        toward = 1e-12
    inverse = -1.0 / toward
    # Moeller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997: the two weights.
    cx, cy, cz = ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx
    w1 = min(1.0, max(0.0, (e2x * cx + e2y * cy + e2z * cz) * inverse))
    w2 = min(1.0 - w1, max(0.0, (e1x * cx + e1y * cy + e1z * cz) * -inverse))
    w0 = 1.0 - w1 - w2
    x = vertices[t, 0, 0] + w1 * e1x + w2 * e2x
    y = vertices[t, 0, 1] + w1 * e1y + w2 * e2y
    z = vertices[t, 0, 2] + w1 * e1z + w2 * e2z
    above = z - ground_height(scenery.ground, scenery.left, scenery.bottom, x, y)
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    vx, vy, vz = dx / length, dy / length, dz / length
    reach = math.sqrt((x - ox) ** 2 + (y - oy) ** 2 + (z - oz) ** 2)
    flat = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
    nx, ny, nz = nx * flat, ny * flat, nz * flat
    sx = w0 * normals[t, 0, 0] + w1 * normals[t, 1, 0] + w2 * normals[t, 2, 0]
    sy = w0 * normals[t, 0, 1] + w1 * normals[t, 1, 1] + w2 * normals[t, 2, 1]
    sz = w0 * normals[t, 0, 2] + w1 * normals[t, 1, 2] + w2 * normals[t, 2, 2]
    scale = 1.0 / math.sqrt(sx * sx + sy * sy + sz * sz + 1e-12)
    sx, sy, sz = sx * scale, sy * scale, sz * scale
    facing = nx * vx + ny * vy + nz * vz
    if facing > 0.0:
        nx, ny, nz, facing = -nx, -ny, -nz, -facing
    kind = kinds[m]
    if kind != FOLIAGE and sx * nx + sy * ny + sz * nz < 0.0:
        sx, sy, sz = -sx, -sy, -sz
    foot = reach * foot_angle
    stretched = foot / math.sqrt(max(-facing, 0.02))
    u = w0 * uv[t, 0, 0] + w1 * uv[t, 1, 0] + w2 * uv[t, 2, 0]
    v = w0 * uv[t, 0, 1] + w1 * uv[t, 1, 1] + w2 * uv[t, 2, 1]
    # On a wall, u runs to the left of its normal seen from above and v runs up.
    slope = 1.0 / max(-facing, 0.1)
    slant_u, slant_v = (nx * vy - ny * vx) * slope, vz * slope
    if kind == TEXTURE:
        # params: texture, -1 for none; gloss; texels a metre; 0; glow; whether what is dark is glass.
        r, g, b = 1.0, 1.0, 1.0
        gloss, glow = params[m, 1] + 0.0, params[m, 4] + 0.0
        if params[m, 0] >= 0.0:
            r, g, b = texel(scenery, int(params[m, 0]), u, v, stretched * params[m, 2])
            if params[m, 5] > 0.5:
                gloss += (0.85 - gloss) * (1.0 - ramp(max(r, g, b), 0.004, 0.02))
        r, g, b = r * colours[m, 0] + 0.004, g * colours[m, 1] + 0.004, b * colours[m, 2] + 0.004
    else:
        r, g, b, gloss, glow = surface(
            kind,
            colours[m, 0],
            colours[m, 1],
            colours[m, 2],
            params,
            m,
            u,
            v,
            x,
            y,
            above,
            nz,
            stretched,
            slant_u,
            slant_v,
            t,
        )
    if params[m, 7] > 0.0:
        # A photograph over the drawn ground: one over its average, metres a repetition, texture + 1.
        number = int(params[m, 7]) - 1
        dense = scenery.textures[number, 1] / params[m, 6]
        tr, tg, tb = texel(scenery, number, x / params[m, 6], y / params[m, 6], stretched * dense)
        r, g, b = r * tr * params[m, 5], g * tg * params[m, 5], b * tb * params[m, 5]
    if scenery.wet > 0.0 or scenery.dirt > 0.0:
        r, g, b, gloss = weathered(kind in (PAINT, TEXTURE), r, g, b, gloss, u, v, x, y, above, nz, scenery)
    cos_sun = sx * light.sun[0] + sy * light.sun[1] + sz * light.sun[2]
    through = 0.0
    if kind == FOLIAGE:
        # Leaves let light through, and a crown is lit softly around its edge.
        through = 0.30 * max(-cos_sun, 0.0)
        cos_sun = 0.25 + 0.75 * cos_sun
    cos_sun = max(cos_sun, 0.0)
    lit = 0.0
    if cos_sun + through > 0.0:
        lift = 0.02 + 0.0006 * reach
        lit = sunlit(
            x + nx * lift,
            y + ny * lift,
            z + nz * lift,
            axes,
            near,
            near_offset,
            near_scale,
            far,
            far_offset,
            far_scale,
        )
    seen = 0.5 + 0.5 * sz
    if above < 0.3 and nz > 0.5:
        seen *= openness(x, y, contact, contact_offset)
    elif abs(nz) < 0.5:
        seen *= 0.62 + 0.38 * ramp(above, 0.0, 3.0)
    if kind == FOLIAGE:
        seen *= 0.75
    under = 0.35 + 0.65 * ramp(above, 0.0, 0.8) if nz < 0.3 else 1.0
    sun = lit * (cos_sun + through)
    bounce = (1.0 - 0.5 * sz - 0.5) * under
    out_r = r * (
        sun * light.sun_colour[0]
        + seen * (0.55 * light.zenith[0] + 0.45 * light.horizon[0])
        + bounce * light.bounce[0]
    )
    out_g = g * (
        sun * light.sun_colour[1]
        + seen * (0.55 * light.zenith[1] + 0.45 * light.horizon[1])
        + bounce * light.bounce[1]
    )
    out_b = b * (
        sun * light.sun_colour[2]
        + seen * (0.55 * light.zenith[2] + 0.45 * light.horizon[2])
        + bounce * light.bounce[2]
    )
    if scenery.night > 0.0:
        if kind == FACADE and gloss > 0.3:
            # Some windows are lit.
            column, row = whole(u / params[m, 0]), whole(v / params[m, 1])
            if hashed(column, row, int(params[m, 5]) + 17) < 0.3:
                shine = 1.1 * gloss * scenery.night / light.exposure
                out_r += shine
                out_g += 0.78 * shine
                out_b += 0.48 * shine
        lr, lg, lb = lamplight(x, y, z, sx, sy, sz, scenery.lamps)
        out_r += r * lr
        out_g += g * lg
        out_b += b * lb
    if gloss > 0.04:
        along = 2.0 * (vx * sx + vy * sy + vz * sz)
        rx, ry, rz = vx - along * sx, vy - along * sy, vz - along * sz
        # Schlick, "An inexpensive BRDF model for physically-based rendering", 1994.
        grazing = max(0.0, 1.0 + (vx * sx + vy * sy + vz * sz))
        fresnel = gloss * (0.06 + 0.94 * grazing**5)
        if kind == GLASS:
            fresnel = 0.10 + 0.85 * grazing**4
        elif kind != PAINT and (kind != TEXTURE or nz > 0.6):
            fresnel = gloss * (0.14 + 0.8 * grazing**4)
        mr, mg, mb = mirrored(rx, ry, rz, light)
        if scenery.photographed != 0 and rz > 0.0:
            pr, pg, pb = photographed_sky(rx, ry, rz, scenery)
            # The drawn row of houses stays in front of it.
            low = ramp(rz, 0.10, 0.30)
            mr += (min(pr, 4.0) - mr) * low
            mg += (min(pg, 4.0) - mg) * low
            mb += (min(pb, 4.0) - mb) * low
        hit = max(0.0, rx * light.sun[0] + ry * light.sun[1] + rz * light.sun[2])
        sparkle = lit * gloss * (2.2 * hit**180 + 0.25 * hit**18)
        out_r += fresnel * (mr - out_r) + sparkle * light.sun_colour[0]
        out_g += fresnel * (mg - out_g) + sparkle * light.sun_colour[1]
        out_b += fresnel * (mb - out_b) + sparkle * light.sun_colour[2]
    if glow > 0.0 and kind in (LAMP, TEXTURE):
        strength = glow * (2.4 + 5.0 * scenery.night) / light.exposure
        out_r += r * strength
        out_g += g * strength
        out_b += b * strength
    veil = 1.0 - math.exp(-light.haze * reach)
    toward_sun = (
        max(0.0, vx * light.sun[0] + vy * light.sun[1] + vz * light.sun[2]) ** 6 * 0.15 * (1.0 - light.cloud)
    )
    out_r += (light.horizon[0] * 0.92 + toward_sun * light.sun_colour[0] - out_r) * veil
    out_g += (light.horizon[1] * 0.92 + toward_sun * light.sun_colour[1] - out_g) * veil
    out_b += (light.horizon[2] * 0.92 + toward_sun * light.sun_colour[2] - out_b) * veil
    return out_r, out_g, out_b


@njit(cache=True, nogil=True, fastmath=True)
def _alike(s, t, instance, material, normals):
    """Whether two triangles look the same at one point, so that one of them can stand for both."""
    if s == t:
        return True
    if s < 0 or t < 0 or instance[s] != instance[t] or material[s] != material[t]:
        return False
    dot = 0.0
    for k in range(3):
        dot += normals[s, 0, k] * normals[t, 0, k]
    return dot > 0.8


@njit(cache=True, nogil=True, fastmath=True)
def pixel(
    row,
    column,
    height,
    width,
    four,
    rotation,
    origin,
    lens,
    vertices,
    normals,
    uv,
    material,
    instance,
    kinds,
    colours,
    params,
    light,
    shadows,
    seed,
    curve,
    scenery,
):
    """One pixel of a picture: red, green and blue, 0 to 255.

    Arguments are those of `shade`; `four` are the triangle numbers of the pixel's samples, row by row.
    A pixel whose samples agree is shaded once; one on an edge once for each surface it holds.
    """
    total_r, total_g, total_b = 0.0, 0.0, 0.0
    done = 0
    for k in range(4):
        if done >> k & 1:
            continue
        t = four[k]
        weight = 0.25
        if k == 0 and t == four[1] and t == four[2] and t == four[3]:
            weight, done = 1.0, 15
        for j in range(k + 1, 4):
            if not done >> j & 1 and _alike(t, four[j], instance, material, normals):
                weight += 0.25
                done |= 1 << j
        x, y = float(column), float(row)
        if weight < 0.9:
            x += (k & 1) * 0.5 - 0.25
            y += (k >> 1) * 0.5 - 0.25
        cx, cy = (x - lens[2]) / lens[0], (y - lens[3]) / lens[1]
        dx = rotation[0, 0] * cx + rotation[1, 0] * cy + rotation[2, 0]
        dy = rotation[0, 1] * cx + rotation[1, 1] * cy + rotation[2, 1]
        dz = rotation[0, 2] * cx + rotation[1, 2] * cy + rotation[2, 2]
        if t < 0:
            size = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
            if scenery.photographed != 0:
                r, g, b = photographed_sky(dx * size, dy * size, dz * size, scenery)
            else:
                r, g, b = sky(dx * size, dy * size, dz * size, light, True)
        else:
            r, g, b = _lit(
                t, dx, dy, dz, 1.0 / lens[0], origin[0], origin[1], origin[2], vertices, normals, uv,
                material[t], kinds, colours, params, light, shadows.axes, shadows.near,
                shadows.near_offset, shadows.near_scale,
                shadows.far, shadows.far_offset, shadows.far_scale, shadows.contact, shadows.contact_offset,
                scenery,
            )  # fmt: skip
        # Bright samples are tamed before they are averaged, or edges against the sky stay jagged.
        r, g, b = r * light.exposure, g * light.exposure, b * light.exposure
        total_r += weight * r / (1.0 + 0.25 * r)
        total_g += weight * g / (1.0 + 0.25 * g)
        total_b += weight * b / (1.0 + 0.25 * b)
    px, py = (column - 0.5 * width) / (0.5 * width), (row - 0.5 * height) / (0.5 * width)
    vignette = 1.0 - 0.16 * min(px * px + py * py, 2.0)
    # Sum of two uniform numbers: a triangular stand-in for the sensor's noise, stronger in shadows.
    grain = hashed(column, row, seed) + hashed(column, row, seed + 77) - 1.0
    return (
        _developed(total_r, vignette, grain, curve),
        _developed(total_g, vignette, grain * 0.9 + 0.1, curve),
        _developed(total_b, vignette, grain * 1.1 - 0.1, curve),
    )


@njit(cache=True, nogil=True, fastmath=True)
def shade(
    ids,
    rotation,
    origin,
    lens,
    vertices,
    normals,
    uv,
    material,
    instance,
    materials,
    light,
    shadows,
    seed,
    frame,
    image,
    scenery,
):
    """Fill a picture from a buffer of triangle numbers with four samples a pixel.

    Args:
        ids: (2 H, 2 W) int32, -1 for sky.
        rotation: (3, 3) float64, world to camera.
        origin: (3,) float64, the camera in the world.
        lens: (4,) float64, fx, fy, cx, cy of the camera's own picture, pixels (centres at whole numbers).
        vertices: as in `Mesh`, world.
        normals: as in `Mesh`, world.
        uv: as in `Mesh`.
        material: as in `Mesh`.
        instance: (T,) int32, the object a triangle belongs to.
        materials: of the world.
        light: of the world.
        shadows: around the camera.
        seed: of the sensor's noise.
        frame: left, top, width and height of the camera's own picture in a larger one that goes on around it.
        image: (H, W, 3) uint8, BGR, filled.
        scenery: of the world, `PLAIN_SCENERY` for none.
    """
    left, top, width, height = frame
    curve = film_curve()
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            four = (
                ids[2 * row, 2 * column],
                ids[2 * row, 2 * column + 1],
                ids[2 * row + 1, 2 * column],
                ids[2 * row + 1, 2 * column + 1],
            )
            r, g, b = pixel(
                row - top, column - left, height, width, four, rotation, origin, lens, vertices, normals, uv,
                material, instance, materials.kind, materials.colour, materials.params, light, shadows, seed,
                curve, scenery,
            )  # fmt: skip
            image[row, column, 0] = b
            image[row, column, 1] = g
            image[row, column, 2] = r


_CURVE = 2048
"""Entries of the film curve, over values from 0 to 4."""


@njit(cache=True, nogil=True, fastmath=True)
def film_curve():
    """Linear light to picture values: a soft shoulder, then an exponent; (_CURVE + 1,) float64."""
    curve = np.empty(_CURVE + 1)
    for k in range(_CURVE + 1):
        value = 4.0 * k * k / (_CURVE * _CURVE)
        value = value * (1.0 + value * 0.10) / (1.0 + 0.62 * value)
        value = min(max(value, 0.0) ** (1.0 / 2.2), 1.0)
        # A little more contrast in the middle, as cameras give their pictures.
        curve[k] = 255.0 * (0.65 * value + 0.35 * value * value * (3.0 - 2.0 * value))
    return curve


@njit(cache=True, nogil=True, fastmath=True)
def _developed(total, vignette, grain, curve):
    """One channel of a pixel: undo the taming, then vignette, film curve and noise."""
    value = max(total, 0.0) / (1.0 - 0.25 * min(total, 3.6)) * vignette
    # The table is spaced by the square root, for the eye sees more in the dark.
    place = math.sqrt(min(value, 3.99) * 0.25) * _CURVE
    k = int(place)
    value = curve[k] + (place - k) * (curve[k + 1] - curve[k])
    value += grain * (2.8 - 1.2 * value / 255.0)
    return np.uint8(min(255.0, max(0.0, value + 0.5)))
