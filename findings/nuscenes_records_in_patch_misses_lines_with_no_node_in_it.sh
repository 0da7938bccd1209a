#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-29.
# Guess:   get_records_in_patch and get_records_in_radius with mode "intersect" give every record that meets the patch, as they say.
# Truth:   polygons are intersected; of a line only its nodes are looked at. A straight divider right through the patch, its nodes
#          outside, is not given, so whoever looks up lines near the vehicle first loses the straight ones. get_map_geom clips
#          the same line to the same patch and gives it.
# Seen:    patch of 30 m, divider of 100 m through its middle: 0 records in patch, 0 in radius, 1 geometry of 30 m; with one node
#          more in the middle: 1, 1, 1 of 30 m; a walkway along it without a corner inside: 1, 1, 1
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

LAYERS = (
    "polygon line node drivable_area road_segment road_block lane ped_crossing walkway stop_line carpark_area "
    "road_divider lane_divider traffic_light lane_connector"
).split()
POINTS = {
    "lane_divider": [(0, 50), (100, 50)],
    "road_divider": [(0, 50), (50, 50), (100, 50)],
    "walkway": [(0, 49), (100, 49), (100, 51), (0, 51)],
}
table = {"version": "1.3", "canvas_edge": [100, 100], "arcline_path_3": {}, "connectivity": {}}
table |= {name: [] for name in LAYERS}
for name, points in POINTS.items():
    nodes = [{"token": f"{name} {i}", "x": x, "y": y} for i, (x, y) in enumerate(points)]
    table["node"] += nodes
    tokens = [node["token"] for node in nodes]
    table["line"].append({"token": name, "node_tokens": tokens})
    table["polygon"].append({"token": name, "exterior_node_tokens": tokens, "holes": []})
    table[name] = [{"token": "one", "line_token": name, "polygon_token": name}]
Path("maps/expansion").mkdir(parents=True)
Path("maps/expansion/boston-seaport.json").write_text(json.dumps(table))
city = NuScenesMap(".", "boston-seaport")
seen = {}
for name in POINTS:
    patch = len(city.get_records_in_patch((35, 35, 65, 65), [name], "intersect")[name])
    radius = len(city.get_records_in_radius(50, 50, 15, [name], "intersect")[name])
    (_, geometry), = city.get_map_geom((50, 50, 30, 30), 0, [name])
    seen[name] = patch, radius, len(geometry)
    bounds = geometry[0].bounds
    print(f"{name}: {patch} in patch, {radius} in radius, {len(geometry)} geometry of {bounds[2] - bounds[0]:.0f} m")
assert seen == {"lane_divider": (0, 0, 1), "road_divider": (1, 1, 1), "walkway": (1, 1, 1)}, "the behaviour has changed"
EOF
