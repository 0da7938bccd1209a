"""The street map of a synthetic world is a map expansion to nuscenes-devkit, and the same to our reader."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lss_bev_ros.dataset.street_map import read_street_map
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.geometry.classes import LINES, STREET_AREAS
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.map_expansion import map_expansion
from lss_bev_ros.synthetic.map_layers import MapLayers
from lss_bev_ros.synthetic.route import draw_plan

GRID = BevGrid()
LOCATION = "synthetic-0001"
NAMES = {"drivable": "drivable_area", "crossing": "ped_crossing", "walkway": "walkway"}


@pytest.fixture(scope="module", params=[0, 1])
def plan(request):
    drawn = draw_plan(WorldConfig(), 200.0, np.random.default_rng(request.param))
    drawn.curve.shift(np.array([400.0, 400.0]))
    return drawn


@pytest.fixture(scope="module")
def layers(plan) -> MapLayers:
    return MapLayers.of_plan(plan)


@pytest.fixture(scope="module")
def light(plan) -> np.ndarray:
    """A post where traffic along s that comes from smaller s to the second street across finds its light."""
    street, other = plan.main, plan.across[1]
    place = street.place(other.at - other.half - 6.5, -street.half - 0.5)
    return np.array([[*plan.curve.world(place), 0.2]])


@pytest.fixture(scope="module")
def root(plan, layers, light, tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    (folder / "maps" / "expansion").mkdir(parents=True)
    tables = map_expansion(plan, layers, light, (800.0, 800.0))
    (folder / "maps" / "expansion" / f"{LOCATION}.json").write_text(json.dumps(tables))
    return folder


@pytest.fixture(scope="module")
def places(plan) -> list[Pose]:
    """On the main street, at a junction, and beside the road."""
    st = np.array([[20.0, -2.0], [plan.across[2].at + 1, 1.0], [90.0, 30.0]])
    return [
        Pose.from_yaw(yaw, (*xy, 0.0)) for yaw, xy in zip((0.4, 2.5, -1.9), plan.curve.world(st), strict=True)
    ]


def near(cells: np.ndarray) -> np.ndarray:
    """Cells and their neighbours."""
    return cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def test_what_is_read_is_what_was_drawn(root, layers, places):
    street = read_street_map(root / "maps" / "expansion" / f"{LOCATION}.json")
    for ego in places:
        drawn, found = layers.raster(ego, GRID), street.raster(ego, GRID)
        assert list(found) == list(drawn) == [*STREET_AREAS, *LINES]
        for name in (*STREET_AREAS, "lane_boundary"):
            # Sides of roads have fewer points than kerbs, which lie millimetres beside them in bends.
            assert (found[name] != drawn[name]).sum() <= (5 if name == "drivable" else 0), name
            assert drawn[name].any(), name
        # The map has no kerbs: they are where the roads end.
        assert not (found["road_boundary"] & ~near(drawn["road_boundary"])).any()
        assert not (drawn["road_boundary"] & ~near(found["road_boundary"])).any()
        assert abs(found["road_boundary"].sum() / drawn["road_boundary"].sum() - 1) < 0.05


def test_a_car_may_drive_where_there_is_no_block_and_nobody_walks(layers, places):
    for ego in places:
        raster = layers.raster(ego, GRID)
        assert not (raster["drivable"] & raster["walkway"]).any()
        assert not (raster["crossing"] & ~near(raster["drivable"])).any()
        assert (near(raster["road_boundary"]) & raster["drivable"]).any()


@pytest.fixture(scope="module")
def devkit(root):
    """The devkit's map; it knows four names, to which ours is added."""
    pytest.importorskip("nuscenes", reason="nuscenes-devkit, the oracle, is for Python below 3.13")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from nuscenes.map_expansion import map_api

    map_api.locations.append(LOCATION)
    yield map_api.NuScenesMap(str(root), LOCATION)
    map_api.locations.remove(LOCATION)


def test_the_devkit_draws_the_same_areas(devkit, layers, places):
    names = list(NAMES.values())
    for ego in places:
        box, angle = (*ego.translation[:2], 100.0, 100.0), np.degrees(ego.yaw)
        # `get_map_mask` refuses the names of other maps; it does these two steps. It rounds corners to cells
        # and fills what a side touches, so it draws on cells of a fifth, of which the middle one is taken.
        shapes = devkit.explorer.get_map_geom(box, angle, names)
        masks = devkit.explorer.map_geom_to_mask(shapes, (0.0, 0.0, 100.0, 100.0), (1000, 1000))
        ours = layers.raster(ego, GRID)
        for mask, name in zip(masks, NAMES, strict=True):
            # Its rows go along y from the smallest on, its columns along x.
            theirs = mask[2::5, 2::5].T.astype(bool)
            assert not (theirs & ~near(ours[name])).any(), name
            assert not (ours[name] & ~near(theirs)).any(), name
            assert (theirs != ours[name]).sum() < 0.08 * ours[name].sum(), name


def test_the_devkit_finds_the_same_dividers(devkit, layers):
    for name in ("lane_divider", "road_divider"):
        lines = [devkit.extract_line(record["line_token"]) for record in getattr(devkit, name)]
        ours = getattr(layers, name)
        assert len(lines) == len(ours)
        for line, points in zip(lines, ours, strict=True):
            np.testing.assert_array_equal(np.array(line.coords), points)
    for record in devkit.lane_divider:
        nodes = [segment["node_token"] for segment in record["lane_divider_segments"]]
        assert nodes == record["node_tokens"]


def test_roads_end_at_the_kerbs_to_the_millimetre(devkit, layers, root, places):
    from shapely import affinity
    from shapely.geometry import LinearRing, LineString, MultiLineString, box

    kerbs = MultiLineString([LinearRing(ring) for ring in layers.road_boundary])
    dividers = MultiLineString([LineString(line) for line in (*layers.lane_divider, *layers.road_divider)])
    street = read_street_map(root / "maps" / "expansion" / f"{LOCATION}.json")
    for ego in places:
        square = affinity.rotate(box(-50, -50, 50, 50), np.degrees(ego.yaw), origin=(0, 0))
        square = affinity.translate(square, *ego.translation[:2])
        lines = {
            name: [
                LineString(ego.apply(np.column_stack([line, np.zeros(len(line))]))[:, :2]) for line in found
            ]
            for name, found in street.lines(ego, GRID).items()
        }
        far = max(
            kerbs.distance(line.interpolate(d))
            for line in lines["road_boundary"]
            for d in range(0, int(line.length), 2)
        )
        assert far < 0.01
        for name, true in (("road_boundary", kerbs), ("lane_boundary", dividers)):
            whole = true.intersection(square).length
            assert abs(sum(line.length for line in lines[name]) / whole - 1) < 0.01, name


def test_all_polygons_are_valid(devkit):
    assert len(devkit.polygon) > 300
    for record in devkit.polygon:
        polygon = devkit.extract_polygon(record["token"])
        assert polygon.is_valid, record["token"]
        assert polygon.area > 0.1


def test_lanes_go_on_where_they_end(devkit):
    from nuscenes.map_expansion.arcline_path_utils import discretize_lane

    assert len(devkit.lane) > 50
    ends = {
        token: np.array(discretize_lane(path, 0.5))[[0, -1]] for token, path in devkit.arcline_path_3.items()
    }
    assert set(ends) == {record["token"] for record in devkit.lane + devkit.lane_connector}
    joined = 0
    for token in ends:
        for following in devkit.get_outgoing_lane_ids(token):
            assert token in devkit.get_incoming_lane_ids(following)
            here, there = ends[token][1], ends[following][0]
            np.testing.assert_allclose(here[:2], there[:2], atol=0.02)
            # Where lanes are nearly parallel, one straight line joins them.
            assert abs((here[2] - there[2] + np.pi) % (2 * np.pi) - np.pi) < 0.1
            joined += 1
    assert joined > 200


def test_lanes_lie_where_traffic_drives(devkit, plan):
    """Vehicles of the world keep to `Plan.lane`; the map has a lane there, in their direction."""
    lane = plan.lane(plan.main, 0, True)
    for distance in (180.0, 215.0, 250.0):
        x, y = lane.at(distance)
        token = devkit.get_closest_lane(x, y, radius=2)
        points = np.array(devkit.discretize_lanes([token], 0.2)[token])
        nearest = points[np.hypot(*(points[:, :2] - (x, y)).T).argmin()]
        assert np.hypot(*(nearest[:2] - (x, y))) < 0.15
        assert abs((nearest[2] - lane.heading(distance) + np.pi) % (2 * np.pi) - np.pi) < 0.05


def test_a_lanes_next_road_is_the_junction_that_it_leads_to(devkit):
    found = 0
    for record in devkit.lane:
        if devkit.get_outgoing_lane_ids(record["token"]):
            polygon = devkit.extract_polygon(record["polygon_token"])
            after = devkit.get_next_roads(*polygon.representative_point().coords[0])["road_segment"]
            assert any(devkit.get("road_segment", token)["is_intersection"] for token in after)
            found += 1
        if found == 4:
            return
    raise AssertionError("no lane leads anywhere")


def test_stop_lines_know_what_to_stop_for(devkit, plan, light):
    kinds = [record["stop_line_type"] for record in devkit.stop_line]
    assert len(kinds) == len(devkit.ped_crossing) > 20
    assert kinds.count("TRAFFIC_LIGHT") == 1
    (record,) = (r for r in devkit.stop_line if r["stop_line_type"] == "TRAFFIC_LIGHT")
    (cue,) = record["cue"]
    assert (cue["pose"]["tx"], cue["pose"]["ty"]) == tuple(light[0, :2])
    assert [item["color"] for item in cue["items"]] == ["RED", "YELLOW", "GREEN"]
    # It looks at those who come: against the direction of the main street.
    heading = plan.curve.heading_at(plan.across[1].at - 15)
    assert abs((cue["pose"]["rz"] - heading) % (2 * np.pi) - np.pi) < 0.2
    block = devkit.extract_polygon(devkit.get("road_block", record["road_block_token"])["polygon_token"])
    line = devkit.extract_polygon(record["polygon_token"])
    assert block.distance(line) < 1.0
    for record in devkit.stop_line:
        line = devkit.extract_polygon(record["polygon_token"])
        (crossing,) = record["ped_crossing_tokens"]
        crossing = devkit.extract_polygon(devkit.get("ped_crossing", crossing)["polygon_token"])
        assert 0.3 < line.distance(crossing) < 2.0


def test_every_token_leads_somewhere(devkit):
    for layer, field, target in (
        ("ped_crossing", "road_segment_token", "road_segment"),
        ("road_divider", "road_segment_token", "road_segment"),
        ("road_block", "road_segment_token", "road_segment"),
        ("carpark_area", "road_block_token", "road_block"),
        ("stop_line", "road_block_token", "road_block"),
        ("road_segment", "drivable_area_token", "drivable_area"),
        ("lane", "from_edge_line_token", "line"),
        ("lane", "to_edge_line_token", "line"),
    ):
        assert getattr(devkit, layer), layer
        for record in getattr(devkit, layer):
            assert devkit.get(target, record[field])
