#!/usr/bin/env bash
# Package: opencv-python-headless 5.0.0.93 (the same in 4.11.0.86). Python 3.11. Seen 2026-11-28.
# Guess:   for a lens with a field of view below 180 degrees, undistortPoints undoes projectPoints, up to rounding.
# Truth:   the DISTORTED angle r / f is clipped to 90 degrees before the polynomial is inverted. Where k1 > 0 stretches the
#          rim (r > f pi / 2), all pixels beyond get nearly one direction, though rays of 81 to 90 degrees are valid, reach
#          them, and projectPoints knows them. No flag, no NaN.
# Seen:    ray 30 -> 30.00, 60 -> 60.00, 80 -> 80.00, 82 -> 80.60, 85 -> 80.94, 89 -> 81.36 (degrees off the axis)
#          projected again, the ray of 85 degrees is at pixel 1114.6 instead of 1139.9
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93
cd "$place"
venv/bin/python - <<'EOF'
import cv2
import numpy as np

K = np.array([[300, 0, 640], [0, 300, 360], [0, 0, 1.0]])
D = np.array([0.1, -0.02, 0, 0])


def project(x, z):
    return cv2.fisheye.projectPoints(np.array([[[x, 0.0, z]]]), np.zeros(3), np.zeros(3), K, D)[0].ravel()


seen = []
for degrees in (30, 60, 80, 82, 85, 89):
    angle = np.radians(degrees)
    pixel = project(np.sin(angle), np.cos(angle))
    direction = cv2.fisheye.undistortPoints(pixel.reshape(1, 1, 2), K, D).ravel()
    again = project(direction[0], 1.0)
    seen.append(round(float(np.degrees(np.arctan(direction[0]))), 2))
    print(f"ray {degrees} degrees off the axis: pixel {pixel[0]:.1f}, undistorted {seen[-1]:.2f}, projected again {again[0]:.1f}")
assert seen[:3] == [30, 60, 80], "the behaviour has changed"
assert seen[3:] == [80.6, 80.94, 81.36], "the behaviour has changed"
EOF
