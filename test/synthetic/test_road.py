"""Streets, paths and solids have the geometry that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.ground import rounded
from lss_bev_ros.synthetic.mesh import polygon
from lss_bev_ros.synthetic.road import Path
from lss_bev_ros.synthetic.route import draw_plan, draw_route


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=2, max_size=8, unique=True),
    st.floats(0, 1),
)
def test_a_place_on_a_path_lies_on_it(points, share):
    points = np.array(points)
    if np.linalg.norm(np.diff(points, axis=0), axis=1).min() < 1e-3:
        return
    path = Path.through(points)
    place = path.at(share * path.total)
    a, b = points[:-1], points[1:]
    along = np.clip(((place - a) * (b - a)).sum(1) / ((b - a) ** 2).sum(1), 0, 1)
    assert np.linalg.norm(a + along[:, None] * (b - a) - place, axis=1).min() < 1e-6


@given(st.integers(3, 40), st.integers(0, 2**31))
def test_a_polygon_keeps_its_area(corners, seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners)) + np.arange(corners) * 1e-3
    outline = np.stack([np.cos(angle), np.sin(angle)], -1) * rng.uniform(2, 9, corners)[:, None]
    shape = Polygon(outline)
    if not shape.is_valid or not shape.exterior.is_ccw:
        return
    mesh = polygon(outline, 0.0, 0)
    edges = mesh.vertices[:, 1:] - mesh.vertices[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2
    assert area == pytest.approx(shape.area, rel=1e-3)


def test_a_rounded_rectangle_stays_within_the_rectangle():
    outline = rounded(0, 40, -10, 10, 7.0)
    assert outline[:, 0].min() >= -1e-9
    assert outline[:, 1].max() <= 10 + 1e-9
    assert Polygon(outline).area == pytest.approx(40 * 20 - (4 - np.pi) * 49, rel=0.01)


@pytest.mark.parametrize("seed", range(12))
def test_every_route_is_smooth_long_enough_and_on_the_road(seed):
    config = WorldConfig(turn=1.0)
    rng = np.random.default_rng(seed)
    length = 250.0
    plan = draw_plan(config, length, rng)
    path, passed = draw_route(plan, config, length, rng)
    assert path.total > length
    assert passed
    heading = np.unwrap(path.heading(np.arange(2, length, 0.5)))
    assert np.abs(np.diff(heading)).max() < 0.16, "at most a turn of 3 m radius"
    assert np.ptp(heading) > 1.0, "it turns"
    centers = np.concatenate(
        [
            plan.curve.world(
                street.place(
                    np.arange(*plan.extent(street), 1.0)[:, None], np.linspace(-1, 1, 9) * street.half
                )
            )
            for street in plan.streets
        ]
    ).reshape(-1, 2)
    for place in path.at(np.arange(0, length, 3.0)):
        assert np.hypot(*(centers - place).T).min() < 3.0
