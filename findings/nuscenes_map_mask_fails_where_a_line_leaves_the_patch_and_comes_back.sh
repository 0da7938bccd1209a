#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0 with shapely 2.0.7, the version that it installs. Python 3.11. Seen 2026-11-29.
# Guess:   dividers are clipped to the patch and drawn. The devkit 1.2.0 asks for shapely 2, so it knows its interface.
# Truth:   a divider that leaves the patch and comes back is clipped to two pieces, and these are walked over as shapely 1 allowed:
#          TypeError. The polygons of the same file do use shapely 2's way. Which patches fail depends on the street.
# Seen:    straight divider: 300 cells; divider with a bend outside: TypeError: 'MultiLineString' object is not iterable;
#          polygon in two pieces: 60 cells
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0 shapely==2.0.7
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
    "straight": [(0, 50), (100, 50)],
    "bend": [(90, 40), (110, 50), (90, 60)],
    "horseshoe": [(90, 10), (110, 10), (110, 30), (90, 30), (90, 28), (108, 28), (108, 12), (90, 12)],
}
table = {"version": "1.3", "canvas_edge": [200, 200], "arcline_path_3": {}, "connectivity": {}}
table |= {name: [] for name in LAYERS}
nodes = {name: [f"{name} {i}" for i in range(len(points))] for name, points in POINTS.items()}
table["node"] = [
    {"token": token, "x": x, "y": y} for name in POINTS for token, (x, y) in zip(nodes[name], POINTS[name], strict=True)
]
table["line"] = [{"token": name, "node_tokens": nodes[name]} for name in ("straight", "bend")]
table["lane_divider"] = [{"token": "d", "line_token": "straight"}]
table["road_divider"] = [{"token": "d", "line_token": "bend"}]
table["polygon"] = [{"token": "horseshoe", "exterior_node_tokens": nodes["horseshoe"], "holes": []}]
table["walkway"] = [{"token": "w", "polygon_token": "horseshoe"}]
Path("maps/expansion").mkdir(parents=True)
Path("maps/expansion/boston-seaport.json").write_text(json.dumps(table))
city = NuScenesMap(".", "boston-seaport")


def drawn(layer):
    try:
        return f"{int(city.get_map_mask((50, 50, 100, 100), 0, [layer], (100, 100)).sum())} cells"
    except TypeError as error:
        return f"TypeError: {error}"


seen = [drawn(layer) for layer in ("lane_divider", "road_divider", "walkway")]
print("straight divider: {}; divider with a bend outside: {}; polygon in two pieces: {}".format(*seen))
assert seen[0].endswith("cells") and seen[2].endswith("cells") and seen[1].startswith("TypeError"), "the behaviour has changed"
EOF
