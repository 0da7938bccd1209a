"""LiDAR files are read as what they are, or refused: never guessed by their size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.dataset.lidar_file import read_points
from lss_bev_ros.errors import DatasetError


def scan(count, seed=0):
    """(count, 6) float64: a road with things beside it, as 32 beams see it, with intensity, ring and time."""
    rng = np.random.default_rng(seed)
    ring = rng.integers(0, 32, count)
    azimuth, distance = rng.uniform(-np.pi, np.pi, count), rng.uniform(2, 70, count)
    points = np.empty((count, 6))
    points[:, 0], points[:, 1] = distance * np.cos(azimuth), distance * np.sin(azimuth)
    points[:, 2] = rng.uniform(-2, 3, count)
    points[:, 3], points[:, 4] = rng.integers(0, 256, count), ring
    points[:, 5] = (azimuth + np.pi) / (2 * np.pi) * 0.05
    return points


def write(path, points, dtype="<f4"):
    path.write_bytes(np.ascontiguousarray(points, dtype=dtype).tobytes())
    return path


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("columns", [4, 5, 6])
@settings(max_examples=15)
@given(count=st.integers(5, 40), seed=st.integers(0, 1000))
def test_every_known_layout_is_recognised(tmp_path_factory, dtype, columns, count, seed):
    points = scan(count * 60, seed)  # so that the size fits all layouts
    read = read_points(write(tmp_path_factory.mktemp("scan") / "0.pcd.bin", points[:, :columns], dtype))
    np.testing.assert_array_equal(read[:, :4], points[:, :4].astype(np.float32))
    np.testing.assert_array_equal(read[:, 4], points[:, 4] if columns > 4 else -1)


def test_intensities_from_0_to_1_and_no_ring_are_kitti(tmp_path):
    points = scan(5000)[:, :4]
    points[:, 3] /= 255
    np.testing.assert_allclose(read_points(write(tmp_path / "0.bin", points))[:, 3], points[:, 3], rtol=1e-6)


def test_a_fifth_column_of_times_is_no_ring(tmp_path):
    read = read_points(write(tmp_path / "0.bin", scan(6000)[:, [0, 1, 2, 3, 5]]))
    assert (read[:, 4] == -1).all()


def test_points_without_a_return_are_nan(tmp_path):
    points = scan(6000)
    points[::7, :3] = np.nan
    points[3, 0] = np.inf
    read = read_points(write(tmp_path / "0.bin", points[:, :5]))
    assert np.isnan(read[::7, :3]).all()
    assert np.isnan(read[3, :3]).all()
    assert np.isfinite(np.delete(read, [*range(0, 6000, 7), 3], axis=0)).all()


def test_rings_that_are_not_recorded_stay_unknown(tmp_path):
    points = scan(6000)
    points[:, 4] = -1
    assert (read_points(write(tmp_path / "0.bin", points[:, :5]))[:, 4] == -1).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: (p[:, :5] * 1000).astype("<i2"),  # millimetres as integers
        lambda p: p[:, :3].astype("<f4"),
        lambda p: np.column_stack([p, p[:, :2]]).astype("<f4"),
        lambda p: p[:, :5].astype(">f4"),
        lambda p: p[:, :5].astype("<f2"),
        lambda p: np.random.default_rng(0).integers(0, 256, 24000, dtype=np.uint8),
        lambda p: np.zeros((1200, 5), "<f4"),
        lambda p: (p[:, :5] * 1000).astype("<f4"),
    ],
)
def test_anything_else_is_refused_with_the_remedy(tmp_path, make):
    path = tmp_path / "0.pcd.bin"
    path.write_bytes(make(scan(6000)).tobytes())
    with pytest.raises(DatasetError, match=r"0\.pcd\.bin.*astype\('<f4'\)"):
        read_points(path)


def test_two_million_points_are_read(tmp_path):
    assert read_points(write(tmp_path / "0.bin", scan(2_000_000)[:, :5])).shape == (2_000_000, 5)


# -- PCD ---------------------------------------------------------------------------------------------


def lzf(data):
    """Compress with liblzf's format: literals, and repetitions of bytes that came before."""
    out, start, place = bytearray(), 0, 0

    def literals(end):
        for first in range(start, end, 32):
            run = data[first : min(first + 32, end)]
            out.extend([len(run) - 1, *run])

    while place < len(data):
        back = data.rfind(data[place : place + 3], max(0, place - 8000), place + 2) if place else -1
        length = 0
        if back >= 0:
            while place + length < len(data) and length < 264 and data[back + length] == data[place + length]:
                length += 1
        if length < 3:
            place += 1
            continue
        literals(place)
        offset, rest = place - back - 1, length - 2
        out.append((min(rest, 7) << 5) | offset >> 8)
        if rest >= 7:
            out.append(rest - 7)
        out.append(offset & 255)
        place += length
        start = place
    literals(len(data))
    return bytes(out)


FIELDS = [("x", "<f4"), ("y", "<f4"), ("_", "<u1"), ("z", "<f8"), ("intensity", "<u1"), ("ring", "<u2")]


def pcd(points, coding, fields=FIELDS, comment="# .PCD v0.7 - Point Cloud Data file format\n"):
    column = {"x": 0, "y": 1, "z": 2, "intensity": 3, "ring": 4}
    kinds = {"f": "F", "u": "U", "i": "I"}
    types = [np.dtype(kind) for _, kind in fields]
    header = comment + "VERSION 0.7\nFIELDS " + " ".join(name for name, _ in fields)
    header += "\nSIZE " + " ".join(str(kind.itemsize) for kind in types)
    header += "\nTYPE " + " ".join(kinds[kind.kind] for kind in types)
    header += "\nCOUNT " + " ".join("1" for _ in fields)
    header += (
        f"\nWIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(points)}\nDATA {coding}\n"
    )
    packed = np.zeros(len(points), [(f"{n}{name}", kind) for n, (name, kind) in enumerate(fields)])
    for n, (name, _) in enumerate(fields):
        if name in column:
            packed[f"{n}{name}"] = points[:, column[name]]
    if coding == "binary":
        body = packed.tobytes()
    elif coding == "ascii":
        body = "".join(" ".join(repr(v.item()) for v in row) + "\n" for row in packed).encode()
    else:
        plain = b"".join(packed[name].tobytes() for name in packed.dtype.names)
        squeezed = lzf(plain)
        body = len(squeezed).to_bytes(4, "little") + len(plain).to_bytes(4, "little") + squeezed
    return header.encode() + body


@pytest.mark.parametrize("coding", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("name", ["0.pcd", "0.pcd.bin"])
def test_pcd_of_every_coding_is_read(tmp_path, coding, name):
    points = scan(1000)
    points[5, :3] = np.nan
    (tmp_path / name).write_bytes(pcd(points, coding))
    np.testing.assert_array_equal(read_points(tmp_path / name), points[:, :5].astype(np.float32))


def test_pcd_without_intensity_and_ring(tmp_path):
    path = tmp_path / "0.pcd"
    path.write_bytes(pcd(scan(100), "binary", FIELDS[:2] + FIELDS[3:4], comment=""))
    read = read_points(path)
    assert (read[:, 3] == 0).all()
    assert (read[:, 4] == -1).all()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-30], "points"),
        (lambda data: data.replace(b"FIELDS x", b"FIELDS a"), "not x, y and z"),
        (lambda data: data.replace(b"SIZE 4", b"SIZE q"), "header"),
        (lambda data: data.replace(b"DATA binary", b"DATA secret"), "secret"),
        (lambda data: data[: data.index(b"DATA")], "DATA"),
    ],
)
def test_a_damaged_pcd_is_named(tmp_path, damage, says):
    path = tmp_path / "0.pcd"
    path.write_bytes(damage(pcd(scan(100), "binary")))
    with pytest.raises(DatasetError, match=rf"0\.pcd: PCD.*{says}"):
        read_points(path)


def test_damaged_compression_is_named(tmp_path):
    data = bytearray(pcd(scan(100), "binary_compressed"))
    data[-200:] = b"\xff" * 200
    (tmp_path / "0.pcd").write_bytes(data)
    with pytest.raises(DatasetError, match="damaged"):
        read_points(tmp_path / "0.pcd")
