"""Whoever looks at a camera's picture sees the pixels that its calibration is of: those in the file.

Phones and some cameras write into EXIF how their picture is to be turned; OpenCV, Pillow and browsers do so.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge

from lss_bev_ros import messages, topics
from lss_bev_ros.dashboard.pictures import Pictures
from lss_bev_ros.dashboard.scene import Frame
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.evaluation.study import StudiedFrame
from lss_bev_ros.geometry import BevGrid, Rig
from lss_bev_ros.runtime.image_decoder import decode_image

GRID = BevGrid()
NOTHING = np.full(GRID.shape, -1, np.int8)


def turned(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    payload = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


@pytest.fixture(scope="module")
def keyframe(street):
    return next(iter(NuScenesReader(street).keyframes("scene-0001")))


@pytest.fixture(scope="module", params=[3, 6], ids=["half a turn", "a quarter"])
def pair(request, keyframe, tmp_path_factory):
    """A shot of the front camera, and the same with EXIF that asks to turn it."""
    shot = keyframe.cameras["cam_front"]
    path = tmp_path_factory.mktemp("turned") / "front.jpg"
    path.write_bytes(turned(shot.jpeg(), request.param))
    assert cv2.imread(str(path)).tobytes() != cv2.imread(str(shot.path)).tobytes()
    return shot, replace(shot, path=path)


def test_the_network(pair):
    shot, asking = pair
    assert (decode_image(shot.camera, asking.jpeg()) == decode_image(shot.camera, shot.jpeg())).all()


def test_raw_images_of_a_replay(pair):
    shot, asking = pair
    sent = dict(topics.recording(asking, 0, GRID, raw=True))["cam_front/image_raw"]
    assert (messages.rgb_from_image(sent) == decode_image(shot.camera, shot.jpeg())).all()


def test_cv_bridge(pair):
    shot, asking = pair
    sent = messages.compressed_image(asking.jpeg(), 0, "cam_front")
    picture = CvBridge().compressed_imgmsg_to_cv2(sent, "rgb8")
    assert (picture == decode_image(shot.camera, shot.jpeg())).all()


def test_films_and_sheets(pair, keyframe):
    pytest.importorskip("PIL", reason="films are drawn with Pillow")
    from lss_bev_ros.visualization.contact import contact_sheet
    from lss_bev_ros.visualization.film import FilmFrame, FilmPainter
    from lss_bev_ros.visualization.sheet import frame_sheet

    shot, _ = pair
    painter = FilmPainter(640)
    films = [
        painter.paint(FilmFrame(0, Rig((shot.camera,)), {"cam_front": each.jpeg()}, NOTHING, GRID))
        for each in pair
    ]
    assert (films[0] == films[1]).all()
    sheets = [frame_sheet({"cam_front": each.jpeg()}, NOTHING, GRID, width=960) for each in pair]
    assert (sheets[0] == sheets[1]).all()
    contacts = [
        contact_sheet(
            [("a", StudiedFrame(replace(keyframe, cameras={"cam_front": each}), NOTHING, None, 0.0))], GRID
        )
        for each in pair
    ]
    assert (contacts[0] == contacts[1]).all()


def test_the_dashboard(pair):
    shot, _ = pair
    drawn = [
        Pictures(("cam_front",)).cam(Frame(1, {"cam_front": each.jpeg()}, Rig((shot.camera,))))
        for each in pair
    ]
    assert drawn[0] == drawn[1]
