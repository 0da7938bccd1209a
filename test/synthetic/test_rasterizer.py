"""Triangles are drawn where they are, and the nearer one wins."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.synthetic.rasterizer import NEAR, draw, footprint, visible

WIDTH, HEIGHT = 40, 30
LENS = np.array([25.0, 25.0, 19.5, 14.5])


def cast(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest triangle and its depth on every pixel's ray, by trying all of them."""
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([(u - LENS[2]) / LENS[0], (v - LENS[3]) / LENS[1], np.ones(u.shape)], -1)
    ids, depth = np.full(u.shape, -1), np.full(u.shape, np.inf)
    for index, (a, b, c) in enumerate(vertices.astype(np.float64)):
        normal = np.cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (a @ normal) / (rays @ normal)
        point = rays * z[..., None]
        inside = np.ones(u.shape, bool)
        for p, q in ((a, b), (b, c), (c, a)):
            inside &= np.cross(q - p, point - p) @ normal >= 0
        inside &= (z > NEAR) & (z < depth)
        ids, depth = np.where(inside, index, ids), np.where(inside, z, depth)
    return ids, depth


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_it_agrees_with_ray_casting(seed):
    """Triangles that cross the camera's plane are clipped, and those behind it are not drawn."""
    rng = np.random.default_rng(seed)
    vertices = (rng.uniform(-4, 4, (12, 1, 3)) + rng.normal(0, 2.5, (12, 3, 3))).astype(np.float32)
    keep = visible(vertices, np.eye(3), np.zeros(3), LENS, WIDTH, HEIGHT, 100.0)
    keys, ids = np.zeros((HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH), -1, np.int32)
    draw(vertices[keep], np.eye(3), np.zeros(3), LENS, keys, ids)
    expected, depth = cast(vertices)
    drawn = np.append(keep, -1)[ids]
    # Rays through an edge may fall on either side.
    assert (drawn != expected).mean() < 0.01
    same = (drawn == expected) & (drawn >= 0)
    np.testing.assert_allclose(1 / keys[same], depth[same], rtol=1e-3)


def test_a_footprint_counts_what_stands_behind_others():
    square = np.array(
        [[[-1, -1, 2], [1, -1, 2], [1, 1, 2]], [[-1, -1, 2], [1, 1, 2], [-1, 1, 2]]], np.float32
    )
    both = np.concatenate([square, square * 2])
    counts = np.zeros(3, np.int64)
    stamp = np.zeros((HEIGHT, WIDTH), np.int32)
    footprint(both, np.array([1, 1, 2, 2], np.int32), np.eye(3), np.zeros(3), LENS, stamp, counts)
    assert counts[1] == counts[2] > 500
