#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-28.
# Guess:   a root without the map pictures (the map expansion left out, a data set converted without maps) opens, and only
#          what draws on maps fails. A map table may be empty.
# Truth:   NuScenes(...) wants a map record, each log in one, and the mask's file on the disk; but an EMPTY file will do, since it
#          is not opened. Which of the three is missing tells itself by three errors, two of them bare.
# Seen:    no mask file: AssertionError: map mask ./maps/none.png does not exist; no map record: IndexError;
#          log in no map: KeyError; empty mask file: opened, 1 sample
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0
cd "$place"
venv/bin/python -W ignore - <<'EOF'
import json
from pathlib import Path

from nuscenes.nuscenes import NuScenes

still = {"translation": [0, 0, 0], "rotation": [1, 0, 0, 0]}
TABLES = {
    **dict.fromkeys(("category", "attribute", "visibility", "instance", "sample_annotation"), []),
    "sensor": [{"token": "sensor", "channel": "CAM_FRONT", "modality": "camera"}],
    "calibrated_sensor": [{"token": "mount", "sensor_token": "sensor", "camera_intrinsic": [], **still}],
    "ego_pose": [{"token": "pose", "timestamp": 1, **still}],
    "log": [{"token": "log", "location": "nowhere"}],
    "scene": [{
        "token": "scene", "log_token": "log", "nbr_samples": 1, "first_sample_token": "sample",
        "last_sample_token": "sample", "name": "scene-0001", "description": "",
    }],
    "sample": [{"token": "sample", "timestamp": 1, "scene_token": "scene", "prev": "", "next": ""}],
    "sample_data": [{
        "token": "picture", "sample_token": "sample", "ego_pose_token": "pose", "calibrated_sensor_token": "mount",
        "timestamp": 1, "fileformat": "jpg", "is_key_frame": True, "height": 1, "width": 1, "filename": "a.jpg",
        "prev": "", "next": "",
    }],
}


def opened(maps):
    folder = Path("v1.0-mini")
    folder.mkdir(exist_ok=True)
    for name, rows in {**TABLES, "map": maps}.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    try:
        return f"opened, {len(NuScenes('v1.0-mini', '.', verbose=False).sample)} sample"
    except (AssertionError, LookupError) as error:
        return f"{type(error).__name__}: {error}"


def record(logs):
    return [{"token": "map", "log_tokens": logs, "category": "semantic_prior", "filename": "maps/none.png"}]


seen = {"no mask file": opened(record(["log"])), "no map record": opened([])}
Path("maps").mkdir()
Path("maps/none.png").touch()
seen["log in no map"] = opened(record([]))
seen["empty mask file"] = opened(record(["log"]))
for name, what in seen.items():
    print(f"{name}: {what}")
kinds = [what.split(":")[0] for what in seen.values()]
assert kinds == ["AssertionError", "IndexError", "KeyError", "opened, 1 sample"], "the behaviour has changed"
EOF
