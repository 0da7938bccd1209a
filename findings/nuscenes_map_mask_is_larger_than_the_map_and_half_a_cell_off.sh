#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0 (opencv-python-headless 4.11.0.86, shapely 2.0.7). Python 3.11. Seen 2026-11-29.
# Guess:   get_map_mask sets the cells whose centres lie in the polygon, so that areas are right on average at any size of cell.
# Truth:   corners are rounded to whole cells, and the filled polygon takes its edge with it: a polygon grows by about half a
#          cell on each side. And a whole coordinate is a cell's corner but is drawn as its index, so masks lie half a cell
#          towards +x and +y. Thin things suffer most: crossings of 3 m x 10 m at 0.5 m. At 0.1 m (the map's own scale) it is small.
# Seen:    200 crossings of 3 m x 10 m, any angle: cells of 0.5 m: mask 1.21 of the true area, off by 0.24 m in x, 0.25 m in y;
#          cells of 0.1 m: 1.04, 0.05, 0.05; cell centres inside, 0.5 m: 1.00, 0.00, 0.00
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0 \
    opencv-python-headless==4.11.0.86 shapely==2.0.7
cd "$place"
MPLBACKEND=agg venv/bin/python -W ignore - <<'EOF'
import json
from pathlib import Path

import numpy as np
import shapely
from nuscenes.map_expansion.map_api import NuScenesMap

LAYERS = (
    "polygon line node drivable_area road_segment road_block lane ped_crossing walkway stop_line carpark_area "
    "road_divider lane_divider traffic_light lane_connector"
).split()
SIDE = 100.0
random = np.random.default_rng(0)
crossings = []
while len(crossings) < 200:
    angle, middle = random.uniform(0, np.pi), random.uniform(10, SIDE - 10, 2)
    along, across = np.array([np.cos(angle), np.sin(angle)]) * 5, np.array([-np.sin(angle), np.cos(angle)]) * 1.5
    crossings.append(middle + [along + across, along - across, -along - across, across - along])


def city(crossing):
    table = {"version": "1.3", "canvas_edge": [SIDE, SIDE], "arcline_path_3": {}, "connectivity": {}}
    table |= {name: [] for name in LAYERS}
    table["node"] = [{"token": f"{i}", "x": x, "y": y} for i, (x, y) in enumerate(crossing.tolist())]
    table["polygon"] = [{"token": "p", "exterior_node_tokens": ["0", "1", "2", "3"], "holes": []}]
    table["ped_crossing"] = [{"token": "c", "polygon_token": "p", "road_segment_token": ""}]
    Path("maps/expansion").mkdir(parents=True, exist_ok=True)
    Path("maps/expansion/boston-seaport.json").write_text(json.dumps(table))
    return NuScenesMap(".", "boston-seaport")


def devkit(crossing, cells):
    return city(crossing).get_map_mask((SIDE / 2, SIDE / 2, SIDE, SIDE), 0, ["ped_crossing"], (cells, cells))[0]


def centres(crossing, cells):
    x, y = np.meshgrid(*2 * [(np.arange(cells) + 0.5) * SIDE / cells])
    return shapely.contains_xy(shapely.Polygon(crossing), x, y)


seen = {}
for name, draw, cells in (("devkit, 0.5 m", devkit, 200), ("devkit, 0.1 m", devkit, 1000), ("centres, 0.5 m", centres, 200)):
    size, areas, offsets = SIDE / cells, [], []
    for crossing in crossings:
        rows, columns = np.nonzero(draw(crossing, cells))
        areas.append(len(rows) * size**2)
        offsets.append((np.array([columns.mean(), rows.mean()]) + 0.5) * size - crossing.mean(0))
    seen[name] = (np.mean(areas) / 30, *np.mean(offsets, 0))
    print(f"{name}: area {seen[name][0]:.2f} of the true one, off by {seen[name][1]:.2f} m in x, {seen[name][2]:.2f} m in y")
changed = "the behaviour has changed"
assert 1.15 < seen["devkit, 0.5 m"][0] < 1.27 and 1.02 < seen["devkit, 0.1 m"][0] < 1.06, changed
assert all(0.22 < offset < 0.28 for offset in seen["devkit, 0.5 m"][1:]), changed
assert abs(seen["centres, 0.5 m"][0] - 1) < 0.02 and max(map(abs, seen["centres, 0.5 m"][1:])) < 0.03
EOF
