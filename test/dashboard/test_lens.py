"""The page bends lines as the lens does."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import lss_bev_ros.dashboard
from lss_bev_ros.dashboard.packing import pack_frame, unpack
from lss_bev_ros.dashboard.scene import Frame
from lss_bev_ros.geometry import Camera, Lens, Pose, Rig

PAGE = Path(lss_bev_ros.dashboard.__file__).parent / "page" / "cameras.js"
K = np.array([[1266.0, 0.0, 816.0], [0.0, 1250.0, 491.0], [0.0, 0.0, 1.0]])
LENSES = [
    Lens(),
    Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03)),
    Lens("rational_polynomial", (0.5, -0.1, 0.0, 0.0, 0.01, 0.85, 0.02, 0.0)),
    Lens("rational_polynomial", (0.2, -0.1, 1e-3, 1e-3, 0.0, 0.1, 0.0, 0.0, 1e-3, -1e-3, 2e-3, 1e-4)),
    Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
]


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.model)
def test_the_page_is_told_the_lens_and_projects_through_it(lens):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    camera = Camera("cam", K, 1600, 900, Pose.identity(), lens)
    frame = Frame(0, rig=Rig((camera,)))
    header, _ = unpack(pack_frame(frame, {"cam": b"jpeg"}, ("cam",)))
    points = np.random.default_rng(0).uniform([-1.5, -1.0, 1.0], [1.5, 1.0, 1.5], (60, 3))
    # The class that draws is not exported, since the page needs none; its method needs no canvas.
    script = PAGE.read_text().replace("export ", "") + (
        f"\nconst camera = Object.create(Camera.prototype);"
        f"camera.calibration = {json.dumps(header['cameras'][0]['calibration'])}; camera.scale = [1, 1];"
        f"console.log(JSON.stringify({json.dumps(points.tolist())}.map(point => camera.pixel(point))))"
    )
    found = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True).stdout
    pixels = np.array(json.loads(found), dtype=float)  # NaN is null
    np.testing.assert_allclose(pixels, camera.image(points), atol=1e-6)
