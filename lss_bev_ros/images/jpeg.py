"""The markers of a JPEG: what its header says and where it ends (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import PictureError

START = b"\xff\xd8"
_SOI, _EOI, _SOS, _DHT = 0xD8, 0xD9, 0xDA, 0xC4
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
"""SOF0 to SOF15, which carry the size; DHT, JPG and DAC lie between them."""

_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD8)))
"""Stuffing, TEM and RST0 to RST7: nothing follows that would have to be skipped."""

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Coded data stuffs each ff with 00, so anything else but a restart or a fill byte ends it."""


@dataclass(frozen=True)
class Jpeg:
    """What the markers say.

    Attributes:
        width: pixels.
        height: pixels.
        precision: bits of a sample.
        components: 1 for grey, 3 for colour, 4 for CMYK.
        baseline: sequential Huffman coding with the tables in the file, which hardware decoders take.
        end: bytes up to and including the end marker; what follows is no part of the picture.
    """

    width: int
    height: int
    precision: int
    components: int
    baseline: bool
    end: int


def parse(data: bytes) -> Jpeg:
    """Walk from marker to marker up to the end of the first picture.

    A thumbnail lies inside a segment and is skipped with it, so that its end is not taken for the picture's.
    libjpeg fills what is missing with grey and carries on; this is the one place that notices.

    Raises:
        PictureError: the bytes end before the picture does, or there is none in them.
    """
    frame: tuple[int, int, int, int, int] | None = None
    tables = coded = False
    place = len(START)
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            raise _truncated(data)
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        place += 2
        if marker in _ALONE:
            continue
        if marker == _SOI:
            raise _truncated(data)  # another picture begins where this one should go on
        if marker == _EOI:
            break
        length = int.from_bytes(data[place : place + 2], "big")
        if marker in _FRAMES and place + 8 <= len(data):
            height = int.from_bytes(data[place + 3 : place + 5], "big")
            width = int.from_bytes(data[place + 5 : place + 7], "big")
            frame = frame or (marker, width, height, data[place + 2], data[place + 7])
        tables = tables or marker == _DHT
        place += max(length, 2)
        if marker == _SOS:
            coded = True
            found = _MARKER_IN_SCAN.search(data, place)
            if found is None:
                raise _truncated(data)
            place = found.start()
    if frame is None or not coded:
        raise PictureError(f"JPEG of {len(data)} bytes cannot be decoded: it is damaged")
    kind, width, height, precision, components = frame
    baseline = kind in (0xC0, 0xC1) and precision == 8 and components in (1, 3) and tables
    return Jpeg(width, height, precision, components, baseline, place)


def _truncated(data: bytes) -> PictureError:
    return PictureError(f"JPEG is truncated ({len(data)} bytes, no end marker): check the file or the link")
