#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-28.
# Guess:   as in VOC and COCO, where precision at a recall is the best at that recall or beyond: a false box with a score
#          lower than that of every true one costs nothing, and perfect boxes for a tenth of the cars have an AP of 0.1.
# Truth:   precision is np.interp'ed over recall, and where recall stays the same, the LAST precision counts; then recall
#          and precision up to 0.1 are cut off. The late false box costs at the highest recall reached, and a tenth is 0.
# Seen:    1 of 1 car: AP 1.0000; with 1 late false box 0.9938; with 9 more 0.9889
#          perfect for 1 of 10 cars: AP 0.0000, for 2 of 10: 0.1111
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



def ap(cars, found, late):
    truth = [car(10.0 * i) for i in range(cars)]
    predictions = [car(10.0 * i, 0.9) for i in range(found)] + [car(500.0, 0.1)] * late
    return round(float(calc_ap(matched(truth, predictions), 0.1, 0.1)), 4)


late = ap(1, 1, 0), ap(1, 1, 1), ap(1, 1, 10)
few = ap(10, 1, 0), ap(10, 2, 0)
print("1 of 1 car: AP {:.4f}; with 1 late false box {:.4f}; with 9 more {:.4f}".format(*late))
print("perfect for 1 of 10 cars: AP {:.4f}, for 2 of 10: {:.4f}".format(*few))
assert late[0] == 1.0 and late[1] == 0.9938 and late[2] < late[1], "the behaviour has changed"
assert few == (0.0, 0.1111), "the behaviour has changed"
EOF
