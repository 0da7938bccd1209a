#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-29.
# Guess:   NuScenesMap takes any map in the format; or, since it asserts that the name is in the module's list `locations`, a name
#          appended there is enough for a data set of one's own.
# Truth:   with the name appended the map opens and gives its records and geometry. get_map_mask still refuses it with a bare
#          Exception: it looks up the size of each city by name before anything else, though it needs that only for a whole map.
#          map_geom_to_mask on get_map_geom draws the same mask without asking.
# Seen:    as it is: AssertionError: Error: Unknown map name mine!
#          appended: opened; get_map_mask: Exception: Error: Invalid map!; map_geom_to_mask: 121 cells
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0
cd "$place"
MPLBACKEND=agg venv/bin/python -W ignore - <<'EOF'
import json
from pathlib import Path

from nuscenes.map_expansion import map_api

LAYERS = (
    "polygon line node drivable_area road_segment road_block lane ped_crossing walkway stop_line carpark_area "
    "road_divider lane_divider traffic_light lane_connector"
).split()
table = {"version": "1.3", "canvas_edge": [100, 100], "arcline_path_3": {}, "connectivity": {}}
table |= {name: [] for name in LAYERS}
corners = [(10, 10), (20, 10), (20, 20), (10, 20)]
table["node"] = [{"token": f"{i}", "x": x, "y": y} for i, (x, y) in enumerate(corners)]
table["polygon"] = [{"token": "p", "exterior_node_tokens": ["0", "1", "2", "3"], "holes": []}]
table["walkway"] = [{"token": "w", "polygon_token": "p"}]
Path("maps/expansion").mkdir(parents=True)
Path("maps/expansion/mine.json").write_text(json.dumps(table))


def outcome(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


PATCH = (50, 50, 100, 100)
before = outcome(lambda: map_api.NuScenesMap(".", "mine"))
map_api.locations.append("mine")
city = map_api.NuScenesMap(".", "mine")
mask = outcome(lambda: city.get_map_mask(PATCH, 0, ["walkway"], (100, 100)))
geometry = city.get_map_geom(PATCH, 0, ["walkway"])
around = int(city.explorer.map_geom_to_mask(geometry, (0, 0, 100, 100), (100, 100)).sum())
print(f"as it is: {before}")
print(f"appended: opened; get_map_mask: {mask}; map_geom_to_mask: {around} cells")
changed = "the behaviour has changed"
assert before == "AssertionError: Error: Unknown map name mine!", changed
assert mask == "Exception: Error: Invalid map!" and around == 121, changed
EOF
