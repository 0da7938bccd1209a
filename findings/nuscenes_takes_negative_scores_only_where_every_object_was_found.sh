#!/usr/bin/env bash
# Package: nuscenes-devkit 1.2.0. Python 3.11. Seen 2026-11-29.
# Guess:   a detection's score only ranks, so logits will do as well as probabilities; or a score outside 0..1 is refused by name.
# Truth:   the confidence of recalls that were not reached is set to 0, above a negative score. Confidence must fall along recall,
#          and a bare AssertionError without words ends the evaluation. Where all is found there is no such recall and all is well.
# Seen:    the same ranking, scores 0.9 0.6: AP 0.6222 with 2 of 3 found, 1.0000 with 2 of 2; scores -1 -2: AssertionError '', 1.0000
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check nuscenes-devkit==1.2.0
cd "$place"
venv/bin/python - <<'EOF'
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate, calc_ap
from nuscenes.eval.detection.data_classes import DetectionBox


def boxes(scores):
    boxes = EvalBoxes()
    for number, score in enumerate(scores):
        where = (10.0 * number, 0, 0)
        boxes.add_boxes("sample", [DetectionBox("sample", where, (2, 4, 2), (1, 0, 0, 0), (0, 0), where, 1, "car", score, "")])
    return boxes


def ap(cars, scores):
    try:
        return f"{calc_ap(accumulate(boxes([-1.0] * cars), boxes(scores), 'car', center_distance, 2.0), 0.1, 0.1):.4f}"
    except AssertionError as error:
        return f"AssertionError {str(error)!r}"


seen = {scores: (ap(3, scores), ap(2, scores)) for scores in ((0.9, 0.6), (-1.0, -2.0))}
for scores, (some, every) in seen.items():
    print(f"scores {scores}: {some} with 2 of 3 found, {every} with 2 of 2")
assert seen[0.9, 0.6][1] == seen[-1.0, -2.0][1] == "1.0000", "the behaviour has changed"
assert float(seen[0.9, 0.6][0]) > 0.5 and seen[-1.0, -2.0][0] == "AssertionError ''", "the behaviour has changed"
EOF
