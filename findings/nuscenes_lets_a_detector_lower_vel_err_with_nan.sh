#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-28.
# Guess:   a detection without a velocity (NaN) is left out of vel_err, or counts as wrong. It cannot make it better.
# Truth:   NaN is accepted, also by DetectionBox.deserialize. The mean that runs along the confidences is 0 until the
#          first number, and vel_err is averaged along recall, so the NaN of a confident box counts nearly as no error.
#          A detector that is 9 m/s wrong for both of two cars has 9.00, with NaN for the more confident one 2.55.
#          NaN in all boxes gives 1.00, which is what a class without a match gets.
# Seen:    9 and 9 m/s wrong -> 9.00, NaN and 9 -> 2.55, 9 and NaN -> 9.00, NaN and NaN -> 1.00
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



def error(*speeds):
    places = [10.0 * i for i in range(len(speeds))]
    predictions = [car(x, 0.9 - 0.1 * i, (v, 0.0)) for i, (x, v) in enumerate(zip(places, speeds))]
    return round(float(calc_tp(matched([car(x) for x in places], predictions), 0.1, "vel_err")), 2)


nan = float("nan")
stored = DetectionBox.deserialize(car(0.0, 0.5, (nan, nan)).serialize())
print("deserialize takes", stored.velocity)
seen = error(9.0, 9.0), error(nan, 9.0), error(9.0, nan), error(nan, nan)
print("9 and 9 m/s wrong -> {:.2f}, NaN and 9 -> {:.2f}, 9 and NaN -> {:.2f}, NaN and NaN -> {:.2f}".format(*seen))
assert seen == (9.0, 2.55, 9.0, 1.0), "the behaviour has changed"
EOF
