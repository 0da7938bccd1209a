#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-28.
# Guess:   trans_err (mATE's part of a class) is the mean distance of the matched boxes: 0 m and 1 m give 0.5 m.
# Truth:   it is the mean, over recall from 0.1 to what was reached, of the mean that runs along falling confidence. What
#          confident boxes do counts most: 0.14 m if the exact box is the confident one, 0.86 m if it is the other.
# Seen:    exact box first: trans_err 0.142, exact box last: trans_err 0.858, plain mean 0.500
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



def error(score_of_exact, score_of_other):
    predictions = [car(0.0, score_of_exact), car(11.0, score_of_other)]
    return float(calc_tp(matched([car(0.0), car(10.0)], predictions), 0.1, "trans_err"))


first, last = error(0.9, 0.5), error(0.5, 0.9)
print(f"exact box first: trans_err {first:.3f}, exact box last: trans_err {last:.3f}, plain mean 0.500")
assert (round(first, 3), round(last, 3)) == (0.142, 0.858), "the behaviour has changed"
EOF
