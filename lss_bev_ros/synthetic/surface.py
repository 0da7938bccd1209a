"""Textures: the colour and finish of a material at a point, from noise and patterns alone.

Every pattern fades into its average where a pixel covers more than a period of it, so that nothing
flickers far away. The meaning of a material's `params` stands at each kind below.
"""

from __future__ import annotations

import math

from numba import njit

from .material import (
    ASPHALT,
    BARK,
    CHECKER,
    CLOTH,
    FACADE,
    FOLIAGE,
    GLASS,
    GRASS,
    KERB,
    LAMP,
    MARKING,
    METAL,
    PAINT,
    PAVING,
    PLAIN,
    ROOF,
    RUBBER,
    SHOP,
    SIGN,
    STRIPES,
)  # fmt: skip
from .noise import fractal, hashed, pulse, ramp, smooth, whole


@njit(cache=True, nogil=True, fastmath=True)
def _fine(x, y, size, foot, seed):
    """Noise of features of `size` metres around 0, within -0.5 and 0.5, gone where a pixel covers it."""
    fade = 1.0 - ramp(foot, 0.4 * size, 1.6 * size)
    if fade <= 0.0:
        return 0.0
    return (smooth(x / size, y / size, seed) - 0.5) * fade


@njit(cache=True, nogil=True, fastmath=True)
def _joints(x, size, width, foot):
    """Share of a pixel that lies in the joints of a row of slabs."""
    if foot > size:
        return width / size
    cell = x - whole(x / size) * size
    return 1.0 - pulse(cell, width / 2, size - width / 2, max(foot, 0.004))


@njit(cache=True, nogil=True, fastmath=True)
def _wall(kind, u, v, foot, seed):
    """Factor on a wall's colour: 0 plaster, 1 brick, 2 concrete panels, 3 metal frames."""
    value = 0.86 + 0.20 * fractal(u * 0.35, v * 0.22, 3, seed) + 0.10 * _fine(u, v, 0.12, foot, seed)
    value -= 0.10 * ramp(smooth(u * 1.5, v * 0.15, seed + 3), 0.62, 0.95)
    if kind == 1:
        row = whole(v / 0.08)
        shift = 0.11 * (row & 1)
        mortar = max(_joints(v, 0.08, 0.012, foot), _joints(u + shift, 0.22, 0.012, foot))
        brick = hashed(whole((u + shift) / 0.22), row, seed) - 0.5
        value *= 1.0 + 0.30 * brick * (1.0 - ramp(foot, 0.05, 0.2)) + 0.25 * mortar
    elif kind == 2:
        value *= 1.0 - 0.35 * max(_joints(u, 3.0, 0.03, foot), _joints(v, 1.5, 0.03, foot))
    return value


@njit(cache=True, nogil=True, fastmath=True)
def _facade(r, g, b, params, m, u, v, foot, slant_u, slant_v):
    """A wall with windows. params: module, storey, window's width and height shares, wall kind, seed."""
    module, storey, wide, high = params[m, 0], params[m, 1], params[m, 2], params[m, 3]
    kind, seed = int(params[m, 4]), int(params[m, 5])
    wall = _wall(kind, u, v, foot, seed)
    column, row = whole(u / module), whole(v / storey)
    x, y = u - column * module, v - row * storey
    margin = 0.5 * (1.0 - wide) * module
    sill = 0.42 * (1.0 - high) * storey + (0.25 if kind != 3 else 0.0)
    head = min(sill + high * storey, storey - 0.12)
    frame = 0.06
    cover = pulse(x, margin, module - margin, foot) * pulse(y, sill, head, foot)
    if foot > 1.5 * module:
        cover = wide * high
    # The pane lies 12 cm behind the wall: what is seen of it shifts against the frame.
    deep_x, deep_y = x + 0.12 * slant_u, y + 0.12 * slant_v
    pane = pulse(deep_x, margin + frame, module - margin - frame, foot) * pulse(
        deep_y, sill + frame, head - frame, foot
    )
    if kind != 3 and wide * module > 1.0:
        pane *= 1.0 - pulse(x, module / 2 - 0.03, module / 2 + 0.03, foot)
    pane = min(pane, cover)
    reveal = max(cover - pane, 0.0)
    ledge = 0.0
    if kind != 3:
        ledge = pulse(x, margin - 0.08, module - margin + 0.08, foot) * pulse(y, sill - 0.09, sill, foot)
    r, g, b = r * wall, g * wall, b * wall
    grime = 1.0 - 0.22 * pulse(x, margin, module - margin, foot) * pulse(
        y, sill - 0.9, sill - 0.09, foot
    ) * smooth(u * 9.0, 0.3, seed)
    r, g, b = r * grime, g * grime, b * grime
    tint = 0.62 if hashed(seed, 3, 1) < 0.6 else 0.16
    if kind == 3:
        tint = 0.20
    r += (tint - r) * reveal + 0.25 * ledge * (0.75 - r)
    g += (tint - g) * reveal + 0.25 * ledge * (0.74 - g)
    b += (tint - b) * reveal + 0.25 * ledge * (0.72 - b)
    # Behind the pane: dark rooms, curtains at the sides, blinds let down to some height.
    chance = hashed(column, row, seed + 1)
    inside = 0.015 + 0.05 * hashed(column, row, seed + 2)
    ir, ig, ib = inside, inside * 1.02, inside * 1.05
    if chance < 0.45:
        drop = head - (head - sill) * (0.15 + 0.8 * hashed(column, row, seed + 4))
        blind = pulse(y, drop, head, foot) * (0.36 + 0.1 * hashed(column, row, seed + 5))
        ir, ig, ib = ir + blind, ig + blind * 0.97, ib + blind * 0.90
    elif chance < 0.65:
        side = margin + 0.28 * wide * module
        curtain = (
            0.30 * (1.0 - pulse(x, side, module - side, foot)) * (0.8 + 0.4 * smooth(u * 14.0, 0.1, seed))
        )
        ir, ig, ib = ir + curtain, ig + curtain * 0.96, ib + curtain * 0.88
    if kind == 3:
        ir, ig, ib = 0.5 * ir + 0.02, 0.5 * ig + 0.03, 0.5 * ib + 0.04
    r += (ir - r) * pane
    g += (ig - g) * pane
    b += (ib - b) * pane
    return r, g, b, pane * 0.75


@njit(cache=True, nogil=True, fastmath=True)
def _shop(r, g, b, params, m, u, v, foot):
    """A ground floor with shop windows. params: bay, height, 0, 0, wall kind, seed."""
    bay, height, seed = params[m, 0], params[m, 1], int(params[m, 5])
    wall = _wall(int(params[m, 4]), u, v, foot, seed)
    column = whole(u / bay)
    x = u - column * bay
    door = hashed(column, 7, seed) < 0.3
    low = 0.08 if door else 0.55
    opening = pulse(x, 0.22, bay - 0.22, foot) * pulse(v, low, height - 1.15, foot)
    pane = pulse(x, 0.30, bay - 0.30, foot) * pulse(v, low + 0.08, height - 1.22, foot)
    bars = pulse(x, bay / 2 - 0.035, bay / 2 + 0.035, foot) + pulse(v, 2.18, 2.25, foot)
    pane *= 1.0 - min(1.0, bars)
    r, g, b = r * wall, g * wall, b * wall
    board = pulse(v, height - 1.02, height - 0.42, foot) * pulse(x, 0.12, bay - 0.12, foot)
    group = column // 2
    br, bg, bb = (
        0.04 + 0.5 * hashed(group, 11, seed),
        0.04 + 0.4 * hashed(group, 12, seed),
        0.04 + 0.4 * hashed(group, 13, seed),
    )
    # A line of blurred letters on the board.
    letter = pulse(v, height - 0.85, height - 0.58, foot) * pulse(x, 0.4, bay - 0.4, foot)
    letter *= 1.0 if hashed(whole(u / 0.13), group, seed + 8) > 0.35 else 0.0
    br, bg, bb = br + (0.75 - br) * letter, bg + (0.73 - bg) * letter, bb + (0.68 - bb) * letter
    r, g, b = r + (br - r) * board, g + (bg - g) * board, b + (bb - b) * board
    r, g, b = (
        r + (0.06 - r) * (opening - pane),
        g + (0.06 - g) * (opening - pane),
        b + (0.065 - b) * (opening - pane),
    )
    # Goods on shelves below, a dim room with a lit ceiling above.
    shelf = hashed(whole(u / 0.16), whole(v / 0.42), seed + 6)
    seen = ramp(v, 1.75, 1.35) * (1.0 - 0.6 * ramp(foot, 0.05, 0.3))
    goods = 0.05 + 0.20 * shelf * seen + 0.10 * smooth(u * 0.8, v * 1.2, seed + 7) + 0.10 * ramp(v, 2.2, 2.7)
    warm = 0.75 + 0.5 * hashed(whole(u / 0.16), 5, seed) * seen + 0.2 * (1.0 - seen)
    ir, ig, ib = goods * warm, goods * 0.92, goods * (1.75 - warm) * 0.85
    r, g, b = r + (ir - r) * pane, g + (ig - g) * pane, b + (ib - b) * pane
    return r, g, b, pane * 0.55


@njit(cache=True, nogil=True, fastmath=True)
def surface(kind, r, g, b, params, m, u, v, x, y, z, steep, foot, slant_u, slant_v, number):
    """Look up a material at a point.

    `kind`, `r`, `g`, `b` and row `m` of `params` are the material; `u` and `v` texture coordinates, metres;
    `x` and `y` the point in the world and `z` its height above the ground; `steep` is z of the unit normal;
    `foot` is what a pixel covers there, metres; `slant_u` and `slant_v` are the view's slopes along u and v;
    `number` is the triangle's.

    Returns:
        r, g, b: albedo, linear.
        gloss: share of light that is mirrored at normal incidence times ten, roughly (0 to 1).
        glow: radiance of its own, as a factor on the albedo.
    """
    gloss, glow = 0.0, 0.0
    if kind == ASPHALT:
        value = 0.78 + 0.36 * fractal(x * 0.11, y * 0.11, 3, 11) + 0.16 * _fine(x, y, 0.5, foot, 12)
        value += 0.22 * _fine(x, y, 0.05, foot, 13) + 0.30 * _fine(x, y, 0.015, foot, 14)
        crack = abs(fractal(x * 0.23 + 5.0, y * 0.23, 4, 15) - 0.5)
        value -= 0.28 * (1.0 - ramp(crack, 0.003, 0.012 + foot * 0.2)) * (1.0 - ramp(foot, 0.02, 0.3))
        stain = fractal(x * 0.6, y * 0.6, 2, 16)
        value -= 0.16 * ramp(stain, 0.66, 0.85)
        r, g, b = r * value, g * value, b * value
        gloss = 0.03
    elif kind == MARKING:
        # params: wear, 0 to 1.
        worn = ramp(
            fractal(x * 2.3, y * 2.3, 4, 21) + 0.35 * _fine(x, y, 0.03, foot, 22),
            0.92 - 0.45 * params[m, 0],
            1.05 - 0.45 * params[m, 0],
        )
        value = 0.9 + 0.2 * smooth(x * 0.5, y * 0.5, 23)
        r = r * value + (0.11 - r * value) * worn
        g = g * value + (0.11 - g * value) * worn
        b = b * value + (0.115 - b * value) * worn
    elif kind == PAVING:
        # params: side of a slab, metres.
        size = max(params[m, 0], 0.2)
        joint = max(_joints(x, size, 0.014, foot), _joints(y, size, 0.014, foot))
        slab = hashed(whole(x / size), whole(y / size), 31) - 0.5
        value = (
            0.86
            + 0.22 * fractal(x * 0.3, y * 0.3, 3, 32)
            + 0.14 * slab * (1.0 - ramp(foot, 0.3 * size, 2 * size))
        )
        value += 0.15 * _fine(x, y, 0.04, foot, 33) - 0.35 * joint
        r, g, b = r * value, g * value, b * value
    elif kind == GRASS:
        value = (
            0.62
            + 0.55 * fractal(x * 0.5, y * 0.5, 3, 41)
            + 0.5 * _fine(x, y, 0.06, foot, 42)
            + 0.4 * _fine(x, y, 0.02, foot, 43)
        )
        dry = ramp(fractal(x * 0.13, y * 0.13, 3, 44), 0.45, 0.75)
        r, g, b = r * value * (1.0 + 0.5 * dry), g * value * (1.0 + 0.08 * dry), b * value * (1.0 + 0.1 * dry)
    elif kind == FACADE:
        r, g, b, gloss = _facade(r, g, b, params, m, u, v, foot, slant_u, slant_v)
    elif kind == SHOP:
        r, g, b, gloss = _shop(r, g, b, params, m, u, v, foot)
    elif kind == PAINT:
        # Dust on the flanks below.
        dust = 0.35 * (1.0 - ramp(z, 0.25, 0.75)) * (0.5 + smooth(x * 3.0, z * 5.0, 51))
        r, g, b = r + (0.16 - r) * dust, g + (0.15 - g) * dust, b + (0.13 - b) * dust
        gloss = 0.45 * (1.0 - dust)
    elif kind == GLASS:
        gloss = 0.9
    elif kind == FOLIAGE:
        value = 0.55 + 0.75 * hashed(number >> 1, 5, 61) + 0.25 * _fine(x + z, y - z, 0.10, foot, 62)
        warm = hashed(number >> 1, 9, 63)
        r, g, b = r * value * (0.8 + 0.5 * warm), g * value, b * value * (1.15 - 0.4 * warm)
    elif kind == BARK:
        value = 0.75 + 0.5 * smooth((x + y) * 18.0, z * 3.0, 71)
        r, g, b = r * value, g * value, b * value
    elif kind == LAMP:
        # params: brightness; a traffic light's junction + 1, axis and lamp.
        glow = params[m, 0]
        if params[m, 1] > 0.0 and glow < 0.5:
            r, g, b = r * 0.12 + 0.01, g * 0.12 + 0.01, b * 0.12 + 0.01
        gloss = 0.25
    elif kind == KERB:
        # params: 1 for black and white stones.
        stone = whole(u) if abs(steep) < 0.5 else whole((x + y) * 0.9)
        value = 0.85 + 0.2 * fractal(x * 0.8, y * 0.8, 3, 81) + 0.1 * (hashed(stone, 2, 82) - 0.5)
        if abs(steep) < 0.5:
            value -= 0.25 * _joints(u, 1.0, 0.02, foot)
        if params[m, 0] > 0.5 and (stone & 1) == 0:
            value *= 0.35
        r, g, b = r * value, g * value, b * value
    elif kind == ROOF:
        value = 0.8 + 0.3 * fractal(x * 0.4, y * 0.4, 3, 91)
        if params[m, 0] > 0.5:
            value *= 1.0 - 0.35 * max(_joints(v, 0.32, 0.05, foot), 0.5 * _joints(u, 0.24, 0.03, foot))
        r, g, b = r * value, g * value, b * value
    elif kind == METAL:
        value = 0.85 + 0.3 * smooth((x + y) * 4.0, z * 4.0, 101)
        r, g, b = r * value, g * value, b * value
        gloss = 0.12
    elif kind == CLOTH:
        value = 0.85 + 0.3 * smooth((x + y) * 9.0, z * 9.0, 111)
        r, g, b = r * value, g * value, b * value
    elif kind == STRIPES:
        # params: period, metres; 0 for plain cloth.
        if params[m, 1] > 0.5:
            band = pulse(u - whole(u / params[m, 0]) * params[m, 0], 0.0, params[m, 0] / 2, foot)
            r, g, b = r + (0.75 - r) * band, g + (0.74 - g) * band, b + (0.70 - b) * band
    elif kind == CHECKER:
        band = pulse(u / 0.95 - whole(u / 0.95), 0.0, 0.5, foot)
        r, g, b = r + (0.72 - r) * band, g + (0.71 - g) * band, b + (0.68 - b) * band
        gloss = 0.06
    elif kind == SIGN:
        # params: 1 plain, 2 red ring, 3 blue arrow, 4 diamond, 5 board with lines, 6 poster.
        if params[m, 0] == 2.0 or params[m, 0] == 3.0:
            reach = math.sqrt(u * u + v * v)
            if params[m, 0] == 2.0 and reach < 0.78:
                r, g, b = 0.75, 0.74, 0.72
                if abs(u) < 0.12 and abs(v) < 0.42:
                    r, g, b = 0.03, 0.03, 0.03
            elif params[m, 0] == 3.0 and (
                (abs(u) < 0.12 and abs(v) < 0.55) or (abs(u) < 0.45 - v and v > 0.05 and v < 0.5)
            ):
                r, g, b = 0.78, 0.78, 0.78
        elif params[m, 0] == 4.0 and (abs(u) > 0.62 or abs(v) > 0.62):
            r, g, b = 0.05, 0.05, 0.05
        elif params[m, 0] == 5.0 and whole(v * 5.0) % 2 == 0 and abs(u) < 0.55 and abs(v) < 0.6:
            r, g, b = 0.05, 0.06, 0.10
        elif params[m, 0] == 6.0:
            tone = hashed(int(u * 4.0), int(v * 5.0), 121)
            r, g, b = r * (0.4 + tone), g * (1.3 - tone), b * (0.5 + tone)
        gloss = 0.08
    elif kind == RUBBER:
        gloss = 0.05
    elif kind == PLAIN:
        value = 0.88 + 0.22 * fractal((x + y) * 0.7, z * 0.7, 3, 131)
        r, g, b = r * value, g * value, b * value
    return r, g, b, gloss, glow
