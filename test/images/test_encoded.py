"""Files of pictures: what is in them, where they end, and what is said of those that cannot be read."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lss_bev_ros import images
from lss_bev_ros.errors import PictureError

QUIET = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def smooth(height: int = 48, width: int = 64, channels: int = 3, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).reshape(height, width, channels)


def encoded(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


JPEG = encoded(".jpg", smooth())
PROGRESSIVE = encoded(".jpg", smooth(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
PNG = encoded(".png", smooth())
WEBP = encoded(".webp", smooth(), cv2.IMWRITE_WEBP_QUALITY, 101)
FILES = {"jpeg": JPEG, "progressive": PROGRESSIVE, "png": PNG, "webp": WEBP}


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + segment(marker, payload) + jpeg[2:]


def exif(orientation: int) -> bytes:
    """A TIFF with the one entry."""
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)


def turned(suffix: str, orientation: int) -> bytes:
    """A file that asks whoever shows it to turn it."""
    if suffix == "jpeg":
        return with_segment(JPEG, 0xE1, b"Exif\0\0" + exif(orientation))
    if suffix == "png":
        chunk = b"eXIf" + exif(orientation)
        return (
            PNG[:33]
            + struct.pack(">I", len(chunk) - 4)
            + chunk
            + struct.pack(">I", zlib.crc32(chunk))
            + PNG[33:]
        )
    extended = (
        b"VP8X" + struct.pack("<IB3x", 10, 0x08) + struct.pack("<I", 63)[:3] + struct.pack("<I", 47)[:3]
    )
    body = extended + WEBP[12:] + b"EXIF" + struct.pack("<I", len(exif(1))) + exif(orientation)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "jpeg", {}),
        ("RGB", "jpeg", {"progressive": True}),
        ("L", "jpeg", {}),
        ("RGB", "png", {}),
        ("RGBA", "png", {}),
        ("P", "png", {}),
        ("P", "png", {"transparency": 3}),
        ("L", "png", {}),
        ("LA", "png", {}),
        ("1", "png", {}),
        ("RGB", "webp", {}),
        ("RGB", "webp", {"lossless": True}),
        ("RGBA", "webp", {"lossless": True, "exact": True}),
    ],
)
def test_a_picture_is_what_pillow_reads(mode, kind, options):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is the reference")
    made = pillow.fromarray(smooth(channels=4), "RGBA")
    made = made.convert("RGB").quantize(16) if mode == "P" else made if mode == "RGBA" else made.convert(mode)
    file = io.BytesIO()
    made.save(file, kind, **options)
    reference = pillow.open(io.BytesIO(file.getvalue()))
    if reference.mode in ("RGBA", "LA"):
        reference = reference.convert("RGBA")
    header = images.inspect(file.getvalue())
    assert (header.kind.lower(), header.width, header.height, header.end) == (
        kind,
        64,
        48,
        len(file.getvalue()),
    )
    assert header.baseline == (kind == "jpeg" and not options)
    assert (images.decode(file.getvalue()) == np.asarray(reference.convert("RGB"))).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_become_8_as_those_of_raw_images(channels):
    numbers = np.random.default_rng(0).integers(0, 65536, (48, 64, channels), np.uint16)
    encoding = {1: "mono16", 3: "bgr16", 4: "bgra16"}[channels]
    raw = images.rgb(encoding, numbers.tobytes(), 48, 64, 128 * channels)
    assert images.inspect(encoded(".png", numbers)).depth == 16
    assert (images.decode(encoded(".png", numbers)) == raw).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_orientation_in_exif_is_ignored(kind, orientation):
    plain, asking = FILES[kind], turned(kind, orientation)
    assert (images.decode(asking) == images.decode(plain)).all()
    for width in (16, 32, 64):
        assert (images.preview(asking, width) == images.preview(plain, width)).all()


@QUIET
@given(kind=st.sampled_from(list(FILES)), tail=st.binary(max_size=200) | st.integers(0, 9000).map(bytes))
@example("jpeg", JPEG)
@example("jpeg", b"\xff" * 2000)
@example("png", PNG[-12:])
def test_bytes_behind_the_end_are_no_part_of_the_picture(kind, tail):
    data = FILES[kind] + tail
    assert images.inspect(data).end == len(FILES[kind])
    assert (images.decode(data) == images.decode(FILES[kind])).all()


@QUIET
@given(
    kind=st.sampled_from(list(FILES)),
    part=st.floats(0, 1, exclude_max=True),
    zeros=st.sampled_from([0, 4096]),
)
def test_a_picture_that_is_cut_short_is_named(kind, part, zeros):
    data = FILES[kind]
    least = 12 if kind == "webp" else 8 if kind == "png" else 2
    cut = max(least, int(part * len(data)))
    with pytest.raises(PictureError, match="truncated"):
        images.inspect(data[:cut] + bytes(zeros if kind in ("jpeg", "progressive") else 0))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture():
    thumbnail = encoded(".jpg", smooth(12, 16))
    data = with_segment(JPEG, 0xE1, b"Exif\0\0" + exif(1) + thumbnail)
    assert (images.decode(data) == images.decode(JPEG)).all()
    inside = data.index(b"\xff\xd9") + 2
    for cut in (inside, inside + 200, len(data) - 2):
        with pytest.raises(PictureError, match="truncated"):
            images.inspect(data[:cut])


def test_the_end_of_the_next_picture_is_not_the_end_of_one_that_is_cut_short():
    with pytest.raises(PictureError, match="truncated"):
        images.inspect(JPEG[: JPEG.rindex(b"\xff\xda") + 100] + JPEG)


def test_fill_bytes_may_stand_before_a_marker():
    filled = JPEG.replace(b"\xff\xc4", b"\xff\xff\xff\xc4").replace(b"\xff\xda", b"\xff\xff\xda")
    filled = filled[:-2] + b"\xff" * 7 + b"\xff\xd9"
    assert images.inspect(filled).end == len(filled)
    assert (images.decode(filled) == images.decode(JPEG)).all()


def test_restart_markers_end_nothing():
    data = encoded(".jpg", smooth(), cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    assert all(bytes((0xFF, marker)) in data for marker in range(0xD0, 0xD4))
    assert images.inspect(data).end == len(data)


def test_which_jpegs_are_for_a_hardware_decoder():
    assert images.inspect(JPEG).baseline
    assert not images.inspect(PROGRESSIVE).baseline
    # Motion JPEG leaves out the tables that all of it shares.
    start = JPEG.index(b"\xff\xc4")
    bare = JPEG[:start] + JPEG[JPEG.rindex(b"\xff\xda") :]
    assert not images.inspect(bare).baseline


@pytest.mark.parametrize(
    "data",
    [
        with_size(JPEG, 30000, 30000),
        with_size(JPEG, 65500, 65500),
        with_size(JPEG, 64, 0),
        PNG[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + PNG[24:],
    ],
)
def test_a_claim_without_measure_is_refused_before_anything_is_decoded(data, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(PictureError, match="claims"):
        images.decode(data)
    assert images.preview(data, 640) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (bytes(5000), "only zero bytes"),
        (b"BM" + bytes(60), "BMP"),
        (b"II*\0" + bytes(60), "TIFF"),
        (b"MM\0*" + bytes(60), "TIFF"),
        (b"\0\0\0\x20ftypavif" + bytes(60), "AVIF"),
        (b"\0\0\0\x20ftypheic" + bytes(60), "HEIC"),
        (b"\0\0\0\1\x67\x64\0\x1f" + bytes(60), r"H\.264 video"),
        (b"\0\0\1\x65\x88" + bytes(60), r"H\.264 video"),
        (b"\0\0\0\1\x40\1\x0c\1" + bytes(60), r"H\.265 video"),
        (bytes(12) + PNG, "compressedDepth"),
        (b"GIF89a" + bytes(60), "GIF"),
        (b"hello, world", "unknown format, beginning with 68 65 6c 6c"),
    ],
)
def test_what_is_no_picture_we_read_is_named_with_the_remedy(data, says):
    with pytest.raises(PictureError, match=says) as caught:
        images.inspect(data)
    assert not data or "publish JPEG, PNG or WebP, or raw images" in str(caught.value)
    assert images.preview(data, 64) is None


def test_a_damaged_picture_is_named():
    for data in (PNG[:60] + bytes(40) + PNG[100:], JPEG[:2] + b"\xff\xd9"):
        with pytest.raises(PictureError, match="damaged"):
            images.decode(data)


@pytest.mark.parametrize(
    ("format", "mosaic"),
    [
        ("bayer_rggb8; jpeg compressed bgr8", None),
        ("bayer_rggb8; jpeg compressed mono8", None),
        ("bayer_rggb8; jpeg compressed ", "bayer_rggb"),
        ("bayer_grbg8; jpeg compressed bayer_grbg8", "bayer_grbg"),
        ("bayer_bggr16; png compressed ", "bayer_bggr"),
        ("bayer_gbrg8; png compressed", "bayer_gbrg"),
        ("rgb8; jpeg compressed bgr8", None),
        ("rgb8; jpeg compressed rgb8", None),
        ("mono16; png compressed ", None),
        ("jpeg", None),
        ("", None),
    ],
)
def test_formats_of_image_transport(format, mosaic):
    assert images.mosaic_of(format) == mosaic


@pytest.mark.parametrize("bits", [8, 16])
def test_a_mosaic_in_a_png_has_the_colours_of_the_raw_image(bits):
    numbers = np.random.default_rng(0).integers(0, 2**bits, (48, 64)).astype(f"u{bits // 8}")
    raw = images.rgb(f"bayer_gbrg{bits}", numbers.tobytes(), 48, 64, 64 * bits // 8)
    assert (images.decode_mosaic(encoded(".png", numbers), "bayer_gbrg") == raw).all()
    assert images.decode_mosaic(PNG, "bayer_gbrg") is None


def test_a_preview_is_no_smaller_than_asked_for_and_like_the_picture():
    picture = cv2.resize(smooth(), (640, 480))
    data = encoded(".jpg", picture, cv2.IMWRITE_JPEG_QUALITY, 98)
    for width, expected in ((640, 640), (321, 640), (320, 320), (160, 160), (1, 160)):
        shown = images.preview(data, width)
        assert shown.shape[1] == expected
        same = cv2.resize(picture[..., ::-1], shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - same).max() <= 8


@QUIET
@given(data=st.binary(max_size=300) | st.sampled_from(sorted(FILES.values())), changes=st.data())
def test_a_preview_never_fails(data, changes):
    broken = bytearray(data)
    for _ in range(changes.draw(st.integers(0, 4)) if broken else 0):
        broken[changes.draw(st.integers(0, len(broken) - 1))] = changes.draw(st.integers(0, 255))
    shown = images.preview(bytes(broken), 32)
    assert shown is None or (shown.dtype == np.uint8 and shown.ndim == 3)
