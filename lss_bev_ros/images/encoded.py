"""Files of pictures, as a CompressedImage or a data set holds them: JPEG, PNG and WebP.

They are told apart by their bytes; drivers write all sorts of things into `format`. One thing only is taken
from there: whether the grey picture in the file is the mosaic of a colour sensor, which no byte of it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import PictureError
from . import jpeg, raw

FORMATS = "JPEG, PNG or WebP"
MAX_PIXELS = 1 << 26
"""Of one picture, 67 million: eight times the largest cameras of cars, and 200 MB decoded."""

_PNG = b"\x89PNG\r\n\x1a\n"
_BAYER = ("bayer_rggb", "bayer_bggr", "bayer_gbrg", "bayer_grbg")
_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
_REMEDY = f"publish {FORMATS}, or raw images"


@dataclass(frozen=True)
class Header:
    """What the bytes say before anything is decoded.

    Attributes:
        kind: `JPEG`, `PNG` or `WebP`.
        width: pixels, as stored.
        height: pixels, as stored.
        depth: bits of a sample, 8 or 16.
        grey: whether there is one channel, besides transparency.
        end: bytes that belong to the picture; padding and trailers follow.
        baseline: a JPEG that hardware decoders take.
    """

    kind: str
    width: int
    height: int
    depth: int
    grey: bool
    end: int
    baseline: bool = False


def kind_of(data: bytes) -> str | None:
    """`JPEG`, `PNG` or `WebP` by the first bytes; None where `decode` does not read it."""
    if data.startswith(jpeg.START):
        return "JPEG"
    if data.startswith(_PNG):
        return "PNG"
    return "WebP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def inspect(data: bytes) -> Header:
    """Look at a picture's header and for its end. Costs next to nothing, whatever size it claims.

    Raises:
        PictureError: another format, a picture that is cut short, or one that claims more than `MAX_PIXELS`.
    """
    kind = kind_of(data)
    if not data:
        raise PictureError("image is empty (0 bytes): check the camera's driver")
    if kind is None:
        raise PictureError(f"image is {_likeness(data)} ({len(data)} bytes): {_REMEDY}")
    header = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp}[kind](data)
    if not 0 < header.width * header.height <= MAX_PIXELS:
        raise PictureError(
            f"{header.kind} of {len(data)} bytes claims {header.width}x{header.height} pixels, which is not "
            f"between 1 and {MAX_PIXELS}: it is damaged, or make the images smaller"
        )
    return header


def decode(data: bytes, header: Header | None = None) -> np.ndarray:
    """Decode a picture; transparency is dropped and 16 bits become 8 as those of a raw image.

    Args:
        data: the file.
        header: what `inspect` said of it; None looks.

    Returns:
        (height, width, 3) uint8 RGB, as stored: orientation in EXIF is ignored.

    Raises:
        PictureError: as `inspect`, or the picture is damaged.
    """
    header = header or inspect(data)
    if header.depth == 16:
        return raw.convert(_read(data, header, _COLOUR | cv2.IMREAD_ANYDEPTH), "bgr16")
    pixels = _read(data, header, _COLOUR)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)


def mosaic_of(format: str) -> str | None:
    """Which Bayer mosaic a CompressedImage with this `format` holds, should its picture be grey.

    image_transport's plugins write `SOURCE; CODEC compressed TARGET`. A Bayer source is stored as its mosaic
    where TARGET is empty (PNG; JPEG up to Foxy) or a Bayer encoding (with `jpeg_compress_bayer`);
    `mono8` is the source made grey, whose colours are lost, and `bgr8` the source in colour. Colours of a
    file are as the file says, also where TARGET is `rgb8`, which no plugin writes, but many drivers do.

    Returns:
        such as `bayer_rggb`, or None.
    """
    source, _, codec = (part.strip().lower() for part in format.partition(";"))
    target = codec.partition("compressed")[2].strip()
    return next((name for name in _BAYER if source.startswith(name) and target in ("", source)), None)


def decode_mosaic(data: bytes, mosaic: str) -> np.ndarray | None:
    """Decode a grey picture that is the mosaic of a sensor, such as `bayer_rggb`, to (height, width, 3) RGB.

    None where the picture is in colour, so that no mosaic is in it.

    Raises:
        PictureError: as `decode`.
    """
    header = inspect(data)
    if not header.grey:
        return None
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    return raw.convert(_read(data, header, flags), f"{mosaic}{header.depth}")


def preview(image: bytes | np.ndarray | None, width: int) -> np.ndarray | None:
    """A picture to draw with: decoded no larger than needed, by JPEG's own scaling.

    Args:
        image: a file, (height, width, 3) uint8 RGB, or None.
        width: pixels that are needed.

    Returns:
        (height, width, 3) uint8 RGB, at least as wide as asked for unless the picture is not; None where
        there is none or it is damaged, whatever the bytes are.
    """
    if image is None or isinstance(image, np.ndarray):
        return image
    data = bytes(image)
    try:
        header = inspect(data)
        factor = next((n for n in (4, 2) if header.width >= n * width), 1)
        if header.depth == 16 or factor == 1:
            return decode(data, header)
        pixels = _read(data, header, _REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION, factor)
    except PictureError:
        return None
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)


def _read(data: bytes, header: Header, flags: int, factor: int = 1) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # where a decoder refuses what the header claims
        pixels = None
    size = (-(-header.height // factor), -(-header.width // factor))
    if pixels is None or pixels.shape[:2] != size:
        raise PictureError(f"{header.kind} of {len(data)} bytes cannot be decoded: it is damaged")
    return pixels


def _jpeg(data: bytes) -> Header:
    found = jpeg.parse(data)
    return Header("JPEG", found.width, found.height, 8, found.components == 1, found.end, found.baseline)


def _png(data: bytes) -> Header:
    """PNG, third edition, 5.3 and 11.2.1: chunks from IHDR to IEND."""
    place = len(_PNG)
    kind = b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        place += 12 + length
        if place > len(data):
            raise _truncated("PNG", data)
    if data[12:16] != b"IHDR":
        raise PictureError(f"PNG of {len(data)} bytes cannot be decoded: it is damaged")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return Header("PNG", width, height, 16 if data[24] == 16 else 8, data[25] in (0, 4), place)


def _webp(data: bytes) -> Header:
    """RFC 9649, 2.4 to 2.7 (a RIFF file), and RFC 6386, 9.1 (the size of a lossy frame)."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < max(end, 30):
        raise _truncated("WebP", data)
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[n : n + 3], "little") for n in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(data[n : n + 2], "little") & 0x3FFF for n in (26, 28))
    return Header("WebP", width, height, 8, False, end)


def _truncated(kind: str, data: bytes) -> PictureError:
    return PictureError(f"{kind} is truncated ({len(data)} bytes): check the file or the link")


def _likeness(data: bytes) -> str:
    """What bytes that are no picture we read look like, for the error's text."""
    for start, name in _STARTS:
        if data.startswith(start):
            return name
    if data[12:20] == _PNG:
        return "a depth image of compressedDepth"
    if data[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"mif1": "HEIF"}.get(data[8:12], "MP4")
    if data.startswith((b"\0\0\1", b"\0\0\0\1")):
        unit = data[data.index(1) + 1 :][:2]
        # The second byte of a unit of H.265 is 1 in all streams without layers (ITU-T H.265, 7.3.1.2).
        return "H.265 video" if unit[1:] == b"\1" and not unit[0] & 0x81 else "H.264 video"
    if not data.strip(b"\0"):
        return "only zero bytes"
    return f"of an unknown format, beginning with {data[:4].hex(' ')}"


_STARTS = (
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"GIF8", "GIF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"\x1f\x8b", "packed with gzip"),
    (b"OggS", "Theora video"),
    (b"\x12\0\x0a", "AV1 video"),
    (b"P5", "PGM"),
    (b"P6", "PPM"),
)
