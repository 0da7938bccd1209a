#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-28.
# Guess:   the AP of a submission does not depend on the order of its boxes; where scores are equal, the first wins or
#          they count as one step.
# Truth:   boxes are sorted by (score, place in the file), backwards: of equal scores the LAST box of the file is taken
#          as the most confident. A network with few score steps (INT8, a saturated sigmoid) is scored by its order.
# Seen:    one car, one right and one false box, both of score 0.9: AP right box first 0.200, right box last 0.994
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0
cd "$place"
venv/bin/python - <<'EOF'
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate, calc_ap, calc_tp
from nuscenes.eval.detection.data_classes import DetectionBox


def car(x, score=-1.0, velocity=(0.0, 0.0)):
    return DetectionBox("sample", (x, 0, 0), (2, 4, 1.5), (1, 0, 0, 0), velocity, (x, 0, 0), 0, "car", score, "")


def boxes(cars):
    boxes = EvalBoxes()
    boxes.add_boxes("sample", cars)
    return boxes


def matched(truth, predictions):
    return accumulate(boxes(truth), boxes(predictions), "car", center_distance, 2.0)



right, false = car(0.0, 0.9), car(50.0, 0.9)
first, last = (float(calc_ap(matched([car(0.0)], p), 0.1, 0.1)) for p in ([right, false], [false, right]))
print(f"both of score 0.9: AP right box first {first:.3f}, right box last {last:.3f}")
assert (round(first, 3), round(last, 3)) == (0.2, 0.994), "the behaviour has changed"
EOF
