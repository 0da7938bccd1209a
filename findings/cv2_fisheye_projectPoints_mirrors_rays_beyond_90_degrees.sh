#!/usr/bin/env bash
# Package: opencv-python-headless 5.0.0.93 (the same in 4.11.0.86). Python 3.11. Seen 2026-11-28.
# Guess:   the fisheye (Kannala-Brandt, ROS "equidistant") model is for lenses of more than 180 degrees. A ray 100 degrees
#          off the axis is projected at theta = 100 degrees, or refused.
# Truth:   the ray is divided by its z first. Beyond 90 degrees it lands on the OTHER side of the picture, at the place of
#          the ray of 180 - theta, as a valid pixel: what is behind a surround camera appears in front of it.
# Seen:    80 degrees: model 1108.7, OpenCV 1108.7; 100 degrees: model 1225.9, OpenCV 171.3; 120: model 1302.1, OpenCV 298.9
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
k1, k2 = 0.1, -0.02
D = np.array([k1, k2, 0, 0])
seen = []
for degrees in (80, 100, 120):
    t = np.radians(degrees)
    model = 640 + 300 * t * (1 + k1 * t**2 + k2 * t**4)
    ray = np.array([[[np.sin(t), 0, np.cos(t)]]])
    pixel = cv2.fisheye.projectPoints(ray, np.zeros(3), np.zeros(3), K, D)[0].ravel()
    print(f"{degrees} degrees: model {model:.1f}, OpenCV {pixel[0]:.1f}")
    seen.append((round(float(model), 1), round(float(pixel[0]), 1)))
assert seen == [(1108.7, 1108.7), (1225.9, 171.3), (1302.1, 298.9)], "the behaviour has changed"
EOF
