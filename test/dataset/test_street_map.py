"""Street maps in the form of nuScenes' map expansion, as rasters around a car."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from lss_bev_ros.dataset.street_map import read_street_map
from lss_bev_ros.errors import DatasetError
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.geometry.classes import LINES, STREET_AREAS

GRID = BevGrid(-10.0, 10.0, -10.0, 10.0, 0.5)
X, Y = np.moveaxis(GRID.centers(), -1, 0)


class Maker:
    """Writes a map of axis-aligned rectangles and lines."""

    def __init__(self) -> None:
        layers = (
            "drivable_area",
            "road_segment",
            "lane",
            "ped_crossing",
            "walkway",
            "road_divider",
            "lane_divider",
        )
        self.tables: dict = {name: [] for name in ("node", "line", "polygon", *layers)}
        self.tables["version"] = "1.3"

    def nodes(self, points) -> list[str]:
        tokens = []
        for x, y in points:
            tokens.append(f"n{len(self.tables['node'])}")
            self.tables["node"].append({"token": tokens[-1], "x": float(x), "y": float(y)})
        return tokens

    def rectangle(self, x0, x1, y0, y1) -> list[str]:
        return self.nodes([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])

    def polygon(self, *bounds, holes=()) -> str:
        token = f"p{len(self.tables['polygon'])}"
        inner = [{"node_tokens": self.rectangle(*hole)} for hole in holes]
        self.tables["polygon"].append(
            {"token": token, "exterior_node_tokens": self.rectangle(*bounds), "holes": inner}
        )
        return token

    def line(self, layer, points) -> None:
        token = f"l{len(self.tables['line'])}"
        self.tables["line"].append({"token": token, "node_tokens": self.nodes(points)})
        self.tables[layer].append({"token": f"{layer}{token}", "line_token": token})

    def area(self, layer, *bounds, **more) -> None:
        field = {"polygon_token": self.polygon(*bounds, **more)}
        if layer == "drivable_area":
            field = {"polygon_tokens": list(field.values())}
        self.tables[layer].append({"token": f"{layer}{len(self.tables[layer])}", **field})

    def write(self, path):
        path.write_text(json.dumps(self.tables))
        return path


@pytest.fixture
def maker() -> Maker:
    """A street along x, 8 m wide, in two pieces, with an island in the road, and a pavement beside it."""
    made = Maker()
    made.area("drivable_area", -40, 40, -4, 4, holes=[(2, 4, -1, 1)])
    made.area("road_segment", -40, 0, -4, 4)
    made.area("road_segment", 0, 40, -4, 4)
    made.area("lane", -40, 0, -4, 0)
    made.area("ped_crossing", -6, -3, -4, 4)
    made.area("walkway", -40, 40, 4, 7)
    made.line("lane_divider", [(-40, 1.3), (40, 1.3)])
    made.line("road_divider", [(-40, -1.8), (-5.2, -1.8)])
    made.line("road_divider", [])
    return made


def test_each_layer_is_where_the_map_has_it(maker, tmp_path):
    raster = read_street_map(maker.write(tmp_path / "map.json")).raster(Pose.identity(), GRID)
    assert tuple(raster) == (*STREET_AREAS, *LINES)
    assert all(cells.dtype == bool and cells.shape == GRID.shape for cells in raster.values())
    island = (np.abs(X - 3) < 1) & (np.abs(Y) < 1)
    np.testing.assert_array_equal(raster["drivable"], (np.abs(Y) < 4) & ~island)
    np.testing.assert_array_equal(raster["crossing"], (np.abs(X + 4.5) < 1.5) & (np.abs(Y) < 4))
    np.testing.assert_array_equal(raster["walkway"], np.abs(Y - 5.5) < 1.5)
    middle = (np.abs(Y - 1.3) < 0.25) | ((np.abs(Y + 1.8) < 0.25) & (X < -5))
    np.testing.assert_array_equal(raster["lane_boundary"], middle)


def test_the_road_ends_where_no_road_segment_and_no_lane_goes_on(maker, tmp_path):
    raster = read_street_map(maker.write(tmp_path / "map.json")).raster(Pose.identity(), GRID)
    found = raster["road_boundary"]
    # Kerbs at -4 and 4 m lie between two cells: either is right. Where the pieces meet there is no boundary.
    assert found[:, [11, 12]].any(1).all()
    assert found[:, [27, 28]].any(1).all()
    found[:, [11, 12, 27, 28]] = False
    assert not found.any()


def length(lines) -> float:
    return sum(float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum()) for line in lines)


def test_lines_are_those_of_the_map_up_to_the_grids_border(maker, tmp_path):
    lines = read_street_map(maker.write(tmp_path / "map.json")).lines(Pose.identity(), GRID)
    assert tuple(lines) == LINES
    long, short = lines["lane_boundary"]
    np.testing.assert_allclose(long, [[-10, 1.3], [10, 1.3]])
    np.testing.assert_allclose(short, [[-10, -1.8], [-5.2, -1.8]])
    kerbs = lines["road_boundary"]
    assert length(kerbs) == pytest.approx(40.0), "each kerb once, though a lane's side lies along one of them"
    for line in kerbs:
        np.testing.assert_allclose(np.abs(line[:, 1]), 4.0)


def test_a_line_that_leaves_the_grid_and_comes_back_is_two(maker, tmp_path):
    maker.tables["lane_divider"], maker.tables["road_divider"] = [], []
    maker.line("lane_divider", [(-5, 6), (0, 14), (5, 6), (5, 5)])
    maker.line("lane_divider", [(-12, 0), (-12, 5)])
    left, right = read_street_map(maker.write(tmp_path / "m.json")).lines(Pose.identity(), GRID)[
        "lane_boundary"
    ]
    np.testing.assert_allclose(left, [[-5, 6], [-2.5, 10]])
    np.testing.assert_allclose(right, [[2.5, 10], [5, 6], [5, 5]])


def test_lines_turn_with_the_car(maker, tmp_path):
    street = read_street_map(maker.write(tmp_path / "map.json"))
    # The divider at y = 1.3 is 0.7 m to the right of a car at y = 2 that looks along x, and before one that
    # looks down.
    (line, *_) = street.lines(Pose.from_yaw(-np.pi / 2, (0.0, 2.0, 0.0)), GRID)["lane_boundary"]
    np.testing.assert_allclose(np.sort(line, axis=0), [[0.7, -10], [0.7, 10]], atol=1e-9)


def test_an_islands_kerb_is_closed(maker, tmp_path):
    maker.tables["road_segment"] = maker.tables["lane"] = []
    kerbs = read_street_map(maker.write(tmp_path / "map.json")).lines(Pose.identity(), GRID)["road_boundary"]
    (island,) = (line for line in kerbs if np.abs(line).max() < 4.5)
    np.testing.assert_allclose(island[0], island[-1])
    assert length([island]) == pytest.approx(8.0)


def test_a_car_sees_the_map_from_where_it_is(maker, tmp_path):
    street = read_street_map(maker.write(tmp_path / "map.json"))
    # Two metres to the left of the middle, looking against x.
    raster = street.raster(Pose.from_yaw(np.pi, (10.0, 2.0, 5.0)), GRID)
    np.testing.assert_array_equal(
        raster["drivable"], (Y > -2) & (Y < 6) & ~((np.abs(X - 7) < 1) & (np.abs(Y - 2) < 1))
    )
    assert not street.raster(Pose.from_yaw(0.3, (500.0, 0.0, 0.0)), GRID)["road_boundary"].any()


def test_a_map_without_road_segments_has_the_rim_of_what_is_drivable(maker, tmp_path):
    maker.tables["road_segment"] = maker.tables["lane"] = []
    found = read_street_map(maker.write(tmp_path / "map.json")).raster(Pose.identity(), GRID)["road_boundary"]
    assert found[:, [11, 12]].any(1).all()
    assert found[24:28, 18:22].any(), "the island's kerb"


def test_a_map_is_read_again_when_its_file_changed(maker, tmp_path):
    path = maker.write(tmp_path / "map.json")
    assert read_street_map(path) is read_street_map(path)
    before = len(read_street_map(path).walkway)
    maker.area("walkway", 0, 1, 20, 21)
    maker.write(path)
    assert len(read_street_map(path).walkway) == before + 1


def damaged(change):
    def damage(tables):
        change(tables)
        return json.dumps(tables).encode()

    return damage


DAMAGE = {
    "cut": (lambda tables: json.dumps(tables).encode()[:-300], "broken JSON"),
    "nothing": (lambda tables: b"", "broken JSON"),
    "bytes": (lambda tables: b"\xff\xfe\x00", "broken JSON"),
    "a list": (lambda tables: b"[]", "object of tables"),
    "no walkways": (damaged(lambda t: t.pop("walkway")), "has no table 'walkway'"),
    "a table of numbers": (damaged(lambda t: t.update(lane=[1])), "lane 0 is not an object"),
    "a lost node": (damaged(lambda t: t["node"].pop(5)), "names the node 'n5'"),
    "a lost polygon": (damaged(lambda t: t["polygon"].pop()), "names the polygon"),
    "a lost line": (damaged(lambda t: t["line"].pop()), "names the line"),
    "no place": (damaged(lambda t: t["node"][3].update(x=None)), "node 3 has x None"),
    "words": (damaged(lambda t: t["node"][3].update(y="left")), "node 3 has y 'left'"),
    "nowhere": (damaged(lambda t: t["node"][3].update(x=float("nan"))), "node 3 lies nowhere"),
    "no token": (
        damaged(lambda t: t["walkway"][0].pop("polygon_token")),
        "walkway 0 lacks the field 'polygon_token'",
    ),
    "a hole of words": (damaged(lambda t: t["polygon"][0].update(holes=["x"])), "polygon 0 has a hole"),
    "no list": (damaged(lambda t: t["polygon"][0].update(exterior_node_tokens="n1")), "exterior_node_tokens"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_damaged_is_named_in_one_line_with_the_remedy(maker, tmp_path, name):
    damage, word = DAMAGE[name]
    path = tmp_path / "singapore-onenorth.json"
    path.write_bytes(damage(copy.deepcopy(maker.tables)))
    with pytest.raises(DatasetError) as caught:
        read_street_map(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert word in str(caught.value)
    assert "unpack nuScenes' map expansion" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none.json: cannot be read \(No such file"):
        read_street_map(tmp_path / "none.json")
