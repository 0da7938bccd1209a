#!/usr/bin/env bash
# Package: opencv-python-headless 5.0.0.93 and 4.11.0.86. Python 3.11. Seen 2026-11-29.
# Guess:   with closed=False the first and the last point are kept, as in every Douglas-Peucker (shapely's simplify): a boundary
#          written as a line whose last point repeats its first stays one.
# Truth:   where the last point equals the first it is dropped, and with it the last side: the curve is open afterwards. One that
#          ends a little beside its beginning keeps its last point.
# Seen:    square of 40 m as a line of 6 points: [0,0] [10,0] [10,10] [0,10], length 30; ending at [0,1]: length 39; shapely: 40
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
cat > simplify.py <<'EOF'
import cv2
import numpy as np
from shapely import LineString

RING = [(0, 0), (5, 0), (10, 0), (10, 10), (0, 10), (0, 0)]


def length(points):
    return round(float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()), 3)


def approximated(points):
    return cv2.approxPolyDP(np.float32(points)[:, None], 0.5, closed=False)[:, 0]


ring, beside = approximated(RING), approximated([*RING[:-1], (0, 1)])
other = LineString(RING).simplify(0.5)
print(f"OpenCV {cv2.__version__}: {ring.tolist()}, length {length(ring)}; ending beside: {length(beside)}; shapely: {other.length}")
assert (length(ring), len(ring)) == (30, 4) and length(beside) == 39 and other.length == 40, "the behaviour has changed"
EOF
for version in 5.0.0.93 4.11.0.86; do
    python3 -m venv --clear "$place/venv"
    "$place/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==$version shapely==2.1.2
    venv/bin/python simplify.py
done
