"""What other packages take of the nodes: nav2's static layer the grid, diagnostic_aggregator the statuses."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lss_bev_ros import messages
from lss_bev_ros.geometry import BevGrid

ROOT = Path(__file__).resolve().parents[1]


# -- nav2 --------------------------------------------------------------------------------------------


@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0]),
    st.integers(0, 2**62),
)
def test_a_grid_passes_what_nav2_checks(width: int, height: int, resolution: float, stamp: int) -> None:
    """nav2_util/validate_messages.hpp; a message that fails is rejected as malformed."""
    grid = BevGrid(-3.0, -3.0 + width * resolution, 1.5, 1.5 + height * resolution, resolution)
    message = messages.occupancy_grid(np.zeros(grid.shape, np.int8), grid, stamp % 10**18)
    info, turn = message.info, message.info.origin.orientation
    assert message.header.frame_id
    assert 0 <= message.header.stamp.nanosec < 10**9
    assert math.isfinite(info.resolution)
    assert info.resolution > 1e-6
    assert 0 < info.width <= 32767
    assert 0 < info.height <= 32767
    assert len(message.data) == info.width * info.height
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)  # nav2 ignores any other
    assert (info.origin.position.x, info.origin.position.y) == (-3.0, 1.5)
    assert info.map_load_time == message.header.stamp


def test_a_cell_is_where_nav2_looks_for_it() -> None:
    """Costmap2D: index = y * width + x, in cells from the origin."""
    grid = BevGrid()
    cells = np.zeros(grid.shape, np.int8)
    cells[120, 98] = 90  # x 10.0 to 10.5 m ahead, y -1.0 to -0.5 m
    message = messages.occupancy_grid(cells, grid, 0)
    x, y = 10.2, -0.7
    column = int((x - message.info.origin.position.x) / message.info.resolution)
    row = int((y - message.info.origin.position.y) / message.info.resolution)
    assert message.data[row * message.info.width + column] == 90


@pytest.fixture(scope="module")
def costmap() -> dict[str, object]:
    """The parameters of the recipe."""
    text = (ROOT / "docs" / "nav2.md").read_text()
    (block,) = re.findall(r"```yaml\n(local_costmap:.*?)```", text, re.DOTALL)
    return YAML(typ="safe").load(block)["local_costmap"]["local_costmap"]["ros__parameters"]


def test_the_recipe_has_values_of_the_types_that_nav2_declares(costmap: dict[str, object]) -> None:
    """A whole number where nav2 declares a double, or the other way, ends its node."""
    types = {
        "width": int,
        "height": int,
        "lethal_cost_threshold": int,
        "inscribed_obstacle_cost_value": int,
        "resolution": float,
        "update_frequency": float,
        "publish_frequency": float,
        "transform_tolerance": float,
        "rolling_window": bool,
        "track_unknown_space": bool,
        "trinary_costmap": bool,
        "footprint": str,
        "plugins": list,
    }
    assert {name: type(costmap[name]) for name in types} == types
    layer, inflation = (costmap[name] for name in costmap["plugins"])
    assert layer["map_topic"] == "/bev/occupancy"
    assert layer["map_subscribe_transient_local"] is True
    assert layer["footprint_clearing_enabled"] is False
    assert isinstance(inflation["inflation_radius"], float)
    assert isinstance(inflation["cost_scaling_factor"], float)


@pytest.mark.parametrize(
    ("value", "cost", "cost_by_default"),
    [(-1, 255, 0), (0, 0, 0), (49, 0, 0), (50, 254, 0), (99, 254, 0), (100, 254, 254)],
)
def test_cells_become_the_costs_of_the_table(
    costmap: dict[str, object], value: int, cost: int, cost_by_default: int
) -> None:
    """StaticLayer::interpretValue, with the recipe's parameters and with nav2's defaults (Jazzy)."""

    def interpreted(track_unknown: bool, lethal: int) -> int:
        byte = value % 256
        if byte == 255:
            return 255 if track_unknown else 0
        return 254 if byte >= lethal else 0  # trinary

    assert costmap["trinary_costmap"] is True
    assert interpreted(costmap["track_unknown_space"], costmap["lethal_cost_threshold"]) == cost
    assert interpreted(False, 100) == cost_by_default


# -- diagnostic_aggregator ---------------------------------------------------------------------------


def published() -> list[str]:
    """Names of the nodes' statuses, without their namespaces, as the source says them."""
    found = set()
    for path in (ROOT / "lss_bev_ros" / "nodes").glob("*.py"):
        node = path.stem if path.stem in ("replay", "evaluation", "dashboard") else "inference"
        for call in ast.walk(ast.parse(path.read_text())):
            is_status = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Status"
            if is_status and call.args and isinstance(call.args[0], ast.Constant):
                found.add(f"{node}: {call.args[0].value}")
    return sorted(found)


def analyzers() -> dict[str, dict[str, object]]:
    document = YAML(typ="safe").load((ROOT / "config" / "diagnostic_aggregator.yaml").read_text())
    parameters = document["analyzers"]["ros__parameters"]
    return {name: value for name, value in parameters.items() if isinstance(value, dict)}


@pytest.mark.parametrize("namespace", ["", "car/", "fleet/car_1/"])
def test_every_status_is_of_one_analyzer(namespace: str) -> None:
    names = published()
    assert {"inference: network", "inference: cameras", "evaluation: metrics", "dashboard: page"} <= set(
        names
    )
    for name in names:
        fits = [
            key
            for key, analyzer in analyzers().items()
            if any(re.fullmatch(pattern, namespace + name) for pattern in analyzer["regex"])
        ]
        assert len(fits) == 1, f"{name} is of {fits or 'none'}"


def test_analyzers_are_as_diagnostic_aggregator_declares_them() -> None:
    for analyzer in analyzers().values():
        assert analyzer["type"] == "diagnostic_aggregator/GenericAnalyzer"
        assert analyzer["path"]
        assert isinstance(analyzer["timeout"], float)
        assert isinstance(analyzer.get("discard_stale", False), bool)
    silent = {name for name, analyzer in analyzers().items() if analyzer.get("discard_stale")}
    assert silent == {"evaluation", "dashboard", "replay"}
