"""Raw pictures in every encoding of camera drivers: against plain numpy, and against what cv_bridge made."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import PictureError
from lss_bev_ros.images import dark_note, pixels, rgb

CHANNELS = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "rgba": [0, 1, 2, 3], "bgra": [2, 1, 0, 3]}
ORDERED = [f"{name}{bits}" for name in CHANNELS for bits in (8, 16)]
# The colour of a mosaic's pixel by its row and column, as the names spell it.
MOSAICS = {"bayer_rggb": "rggb", "bayer_bggr": "bggr", "bayer_gbrg": "gbrg", "bayer_grbg": "grbg"}
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])

# CRC-32 of what cv_bridge 1.16.2 with OpenCV 4.6 (Debian 12) makes of `noise`, 24 rows of 32 pixels, as rgb8.
OF_CV_BRIDGE = {
    "rgb8": 0xAAC719A3,
    "rgb16": 0xEBA1B332,
    "bgr8": 0x6824F799,
    "bgr16": 0xC789C8F0,
    "rgba8": 0x0AFBCC75,
    "rgba16": 0x0FCF7D33,
    "bgra8": 0x66297E6C,
    "bgra16": 0x9E38519A,
    "mono8": 0x1A9881FC,
    "mono16": 0xBC59EBFD,
    "bayer_rggb8": 0xD9A3A466,
    "bayer_rggb16": 0xC86167D3,
    "bayer_bggr8": 0x11979709,
    "bayer_bggr16": 0x90BD50EF,
    "bayer_gbrg8": 0x96AA8AFC,
    "bayer_gbrg16": 0xABB4C067,
    "bayer_grbg8": 0xB960FB61,
    "bayer_grbg16": 0x183549DB,
}


def noise(count: int, bits: int) -> np.ndarray:
    """Numbers of a generator that is the same everywhere (Numerical Recipes, 7.1)."""
    state, numbers = 1, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        numbers.append(state >> (32 - bits))
    return np.array(numbers, np.uint8 if bits == 8 else np.uint16)


def to_8_bits(numbers: np.ndarray) -> np.ndarray:
    """v / 257, rounded."""
    return numbers if numbers.dtype == np.uint8 else ((numbers.astype(int) + 128) // 257).astype(np.uint8)


def decoded(encoding: str, rows: np.ndarray, width: int, height: int | None = None, **layout) -> np.ndarray:
    """What `rgb` makes of rows without padding."""
    data = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    return rgb(encoding, data.tobytes(), height or len(rows), width, data.shape[1], **layout)


@pytest.mark.parametrize("encoding", OF_CV_BRIDGE)
def test_the_pixels_are_those_of_cv_bridge(encoding):
    bits = 16 if encoding.endswith("16") else 8
    channels = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4}.get(encoding.removesuffix(str(bits)), 1)
    rows = noise(24 * 32 * channels, bits).reshape(24, 32, channels)
    assert zlib.crc32(np.ascontiguousarray(decoded(encoding, rows, 32)).tobytes()) == OF_CV_BRIDGE[encoding]


@settings(max_examples=60)
@given(
    encoding=st.sampled_from([*ORDERED, "mono8", "mono16"]),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    padding=st.integers(0, 13),
    tail=st.sampled_from(["padded", "bare", "page"]),
    is_bigendian=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_layout_gives_the_same_pixels(encoding, height, width, padding, tail, is_bigendian, seed):
    bits = 16 if encoding.endswith("16") else 8
    order = CHANNELS.get(encoding.removesuffix(str(bits)), [0])
    numbers = np.random.default_rng(seed).integers(0, 2**bits, (height, width, 4)).astype(f"u{bits // 8}")
    rows = np.ascontiguousarray(numbers[..., order].astype(numbers.dtype.newbyteorder("<>"[is_bigendian])))
    rows = rows.view(np.uint8).reshape(height, -1)
    step = rows.shape[1] + padding
    padded = np.full((height, step), 77, np.uint8)
    padded[:, : rows.shape[1]] = rows
    data = padded.tobytes()
    data = {"padded": data, "bare": data[: len(data) - padding], "page": data + bytes(4095)}[tail]
    expected = to_8_bits(numbers[..., :3] if len(order) > 1 else np.repeat(numbers[..., :1], 3, axis=2))
    assert (rgb(encoding, data, height, width, step, is_bigendian) == expected).all()


def test_all_levels_of_16_bits():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert (decoded("mono16", levels, 256)[..., 1] == to_8_bits(levels)).all()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mosaic", MOSAICS)
def test_a_mosaic_of_one_colour_is_that_colour(mosaic, bits):
    colour = {"r": 200, "g": 100, "b": 50}
    tile = np.array([colour[letter] for letter in MOSAICS[mosaic]]).reshape(2, 2)
    rows = (np.tile(tile, (6, 8)) * (1 if bits == 8 else 257)).astype(f"u{bits // 8}")
    assert (decoded(f"{mosaic}{bits}", rows, 16) == [200, 100, 50]).all()


def test_a_mosaic_is_filled_in_from_its_neighbours():
    rows = noise(12 * 12, 8).reshape(12, 12).astype(int)
    red, green, blue = decoded("bayer_rggb8", rows.astype(np.uint8), 12)[4, 4].astype(int)  # on a red pixel
    assert red == rows[4, 4]
    assert green == (rows[3, 4] + rows[5, 4] + rows[4, 3] + rows[4, 5] + 2) // 4
    assert blue == (rows[3, 3] + rows[3, 5] + rows[5, 3] + rows[5, 5] + 2) // 4


def yuv(colours: np.ndarray) -> np.ndarray:
    """BT.601 in video range of (..., 3) RGB, as (..., 3) floats."""
    luma = colours @ LUMA_WEIGHTS
    blue, red = (colours[..., 2] - luma) / 1.772, (colours[..., 0] - luma) / 1.402
    return np.stack([16 + luma * 219 / 255, 128 + blue * 224 / 255, 128 + red * 224 / 255], axis=-1)


@pytest.mark.parametrize(
    "encoding",
    ["yuv422", "uyvy", "UYVY", "yuv422_yuy2", "yuyv", "nv12", "nv21", "nv12 stacked", "nv21 stacked"],
)
@given(seed=st.integers(0, 99), padding=st.sampled_from([0, 6]))
def test_luma_and_chroma_become_the_colours_they_were_made_of(encoding, seed, padding):
    # Blocks of 2x2 pixels, which share their colour in all these encodings.
    colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3))
    height, width = 8, 10
    y, u, v = np.moveaxis(np.round(yuv(colours.repeat(2, 0).repeat(2, 1))).astype(np.uint8), -1, 0)
    name, _, stacked = encoding.partition(" ")
    if name.startswith("nv"):
        pair = [u, v] if name == "nv12" else [v, u]
        chroma = np.stack([plane[::2, ::2] for plane in pair], axis=-1).reshape(height // 2, width)
        rows = np.vstack([y, chroma])
    else:
        shared = np.empty_like(y)
        shared[:, ::2], shared[:, 1::2] = u[:, ::2], v[:, ::2]
        pair = [y, shared] if name in ("yuyv", "yuv422_yuy2") else [shared, y]
        rows = np.stack(pair, axis=-1).reshape(height, 2 * width)
    padded = np.pad(rows, ((0, 0), (0, padding)))
    said = len(rows) if stacked else height
    picture = rgb(name, padded.tobytes(), said, width, padded.shape[1])
    assert picture.shape == (height, width, 3)
    assert np.abs(picture.astype(int) - colours.repeat(2, 0).repeat(2, 1)).max() <= 3


@pytest.mark.parametrize(
    ("generic", "meant"),
    [
        ("8UC1", "mono8"),
        ("8UC3", "bgr8"),
        ("8UC4", "bgra8"),
        ("16UC1", "mono16"),
        ("16UC3", "bgr16"),
        ("16UC4", "bgra16"),
        ("RGB8", "rgb8"),
    ],
)
def test_opencvs_types_are_read_in_opencvs_order(generic, meant):
    channels = {"1": 1, "3": 3, "4": 4, "8": 3}[generic[-1]]
    rows = noise(6 * 8 * channels, 16 if "16" in generic else 8).reshape(6, 8, channels)
    assert (decoded(generic, rows, 8) == decoded(meant, rows, 8)).all()


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("nv24", "'nv24' is not supported: publish rgb8"),
        ("", "has no encoding"),
        ("jpeg", "publish it as CompressedImage"),
        ("bayer_rggb12p", "unpack it"),
        ("mono12", "unpack it"),
        ("32FC1", "of depths"),
        ("16SC1", "of depths"),
        ("8UC2", "'8UC2' is not supported"),
    ],
)
def test_an_encoding_that_is_not_read_is_named_with_the_remedy(encoding, says):
    with pytest.raises(PictureError, match=says):
        rgb(encoding, bytes(64), 4, 4, 16)


@pytest.mark.parametrize(
    ("encoding", "size", "length", "says"),
    [
        ("rgb8", (4, 6, 18), 71, "71 bytes do not make a 6x4 rgb8 image with a step of 18"),
        ("rgb8", (4, 6, 17), 72, "step of 17"),
        ("rgb8", (4, 6, 0), 72, "step of 0"),
        ("rgb8", (0, 0, 0), 0, "0x0"),
        ("rgb16", (4, 6, 18), 72, "do not make"),
        ("mono8", (100, 100, 100), 30000, "30000 bytes"),
        ("yuv422", (4, 5, 10), 40, "odd number of columns"),
        ("nv12", (5, 4, 4), 30, "odd number of rows"),
        ("nv12", (4, 4, 4), 16, "16 bytes do not make a 4x4 nv12"),
        # A writer that thinks of two bytes a pixel: neither layout of the planes.
        ("nv21", (6, 4, 8), 48, "48 bytes do not make a 4x6 nv21"),
    ],
)
def test_numbers_that_do_not_fit_each_other_are_refused(encoding, size, length, says):
    with pytest.raises(PictureError, match=says):
        rgb(encoding, bytes(length), *size)


@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "bayer_rggb16", "rgb16"])
@pytest.mark.parametrize(("largest", "bits"), [(1023, 10), (4095, 12), (4096, 13), (65535, 16), (0, 0)])
def test_a_sensor_of_few_bits_in_16_is_pointed_out(encoding, largest, bits):
    channels = 3 if encoding == "rgb16" else 1
    rows = np.full((90, 160, channels), largest, np.uint16)
    note = dark_note(*pixels(encoding, rows.tobytes(), 90, 160, rows.nbytes // 90))
    assert bool(note) == (0 < bits <= 12)
    assert not note or f"uses {bits} of its 16 bits (largest value {largest})" in note


def test_pictures_that_are_rgb_already_are_not_copied():
    data = bytearray(4 * 6 * 3)
    picture = rgb("rgb8", data, 4, 6, 18)
    data[0] = 9
    assert picture[0, 0, 0] == 9
