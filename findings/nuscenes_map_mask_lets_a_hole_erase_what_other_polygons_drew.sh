#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-29.
# Guess:   a layer's mask is the union of its polygons; a hole is a place that its own polygon does not cover.
# Truth:   polygons are drawn in the order of the file, and each hole is painted with zeros: what an earlier polygon drew
#          there is gone, what a later one draws there stays. The same two areas in another order give another mask.
# Seen:    a ring of 80 m with a hole of 40 m, and an area of 20 m in the hole: in the middle 1 with the ring first,
#          0 with the ring last; the union of both has 1
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0
cd "$place"
MPLBACKEND=agg venv/bin/python -W ignore - <<'EOF'
import json
from pathlib import Path

from nuscenes.map_expansion.map_api import NuScenesMap
from shapely import Point, union_all

LAYERS = (
    "polygon line node drivable_area road_segment road_block lane ped_crossing walkway stop_line carpark_area "
    "road_divider lane_divider traffic_light lane_connector"
).split()


def square(name, half):
    corners = ((-half, -half), (half, -half), (half, half), (-half, half))
    return [{"token": f"{name} {i}", "x": 50 + x, "y": 50 + y} for i, (x, y) in enumerate(corners)]


squares = {"outer": square("outer", 40), "hole": square("hole", 20), "inner": square("inner", 10)}
tokens = {name: [node["token"] for node in nodes] for name, nodes in squares.items()}
table = {"version": "1.3", "canvas_edge": [100, 100], "arcline_path_3": {}, "connectivity": {}}
table |= {name: [] for name in LAYERS}
table["node"] = sum(squares.values(), [])
table["polygon"] = [
    {"token": "ring", "exterior_node_tokens": tokens["outer"], "holes": [{"node_tokens": tokens["hole"]}]},
    {"token": "area", "exterior_node_tokens": tokens["inner"], "holes": []},
]
Path("maps/expansion").mkdir(parents=True)


def middle(*order):
    table["drivable_area"] = [{"token": name, "polygon_tokens": [name]} for name in order]
    Path("maps/expansion/boston-seaport.json").write_text(json.dumps(table))
    city = NuScenesMap(".", "boston-seaport")
    union = union_all([city.extract_polygon(name) for name in order])
    mask = city.get_map_mask((50, 50, 100, 100), 0, ["drivable_area"], (100, 100))[0]
    return int(mask[50, 50]), int(union.contains(Point(50.5, 50.5)))


seen = {"first": middle("ring", "area"), "last": middle("area", "ring")}
for name, (drawn, union) in seen.items():
    print(f"ring {name}: the mask has {drawn} in the middle, the union {union}")
assert seen == {"first": (1, 1), "last": (0, 1)}, "the behaviour has changed"
EOF
