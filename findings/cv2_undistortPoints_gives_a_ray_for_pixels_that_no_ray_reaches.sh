#!/usr/bin/env bash
# Package: opencv-python-headless 5.0.0.93 (the same in 4.11.0.86). Python 3.11. Seen 2026-11-28.
# Guess:   with barrel distortion (plumb_bob, k1 = -0.3) the corners of a picture may lie beyond what the polynomial
#          reaches; there undistortPoints diverges visibly, or marks the point. Inside it is exact to far below a pixel.
# Truth:   it runs 5 steps of a fixed-point iteration and gives what it has. Inside, at 42 degrees off the axis, that is 4
#          pixels off; beyond the reach (pixel 1202.2) a finite, plausible ray of another pixel, 10, 61 or 8192 pixels off.
#          projectPoints folds alike: a ray of 61 degrees lands in the middle of the picture.
# Seen:    pixel 1000 -> 25.83 degrees -> pixel 1000.0     pixel 1190 -> 42.14 degrees -> pixel 1186.1
#          pixel 1210 -> 44.85 degrees -> pixel 1199.6     pixel 1240 -> 50.75 degrees -> pixel 1179.1
#          pixel 1279 -> 74.09 degrees -> pixel -6913.4    a ray of 61.2 degrees -> pixel 649.1
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93
cd "$place"
venv/bin/python - <<'EOF'
import cv2
import numpy as np

K = np.array([[800, 0, 640], [0, 800, 360], [0, 0, 1.0]])
D = np.array([-0.3, 0, 0, 0, 0])


def project(x):
    return float(cv2.projectPoints(np.array([[x, 0, 1.0]]), np.zeros(3), np.zeros(3), K, D)[0].ravel()[0])


seen = []
for pixel in (1000, 1190, 1210, 1240, 1279):
    x = float(cv2.undistortPoints(np.array([[[pixel, 360.0]]]), K, D).ravel()[0])
    seen.append(round(project(x), 1))
    print(f"pixel {pixel} -> {np.degrees(np.arctan(x)):.2f} degrees -> pixel {seen[-1]}")
folded = round(project(1.82), 1)
print(f"a ray of {np.degrees(np.arctan(1.82)):.1f} degrees -> pixel {folded}")
assert seen == [1000.0, 1186.1, 1199.6, 1179.1, -6913.4] and folded == 649.1, "the behaviour has changed"
EOF
