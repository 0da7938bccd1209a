"""LiDAR scans as data sets store them: nuScenes' .pcd.bin, its relatives, and PCD.

A .bin file does not say what is in it, and its size proves nothing. So every layout that fits the size is
tried, and one is taken only if its columns are what they should be: coordinates of a LiDAR, intensities, a
column of whole numbers. Where that does not single one out, the file is refused: a wrong guess puts points
anywhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DatasetError
from .data_file import read_file

_REMEDY = (
    "write it as nuScenes does, points.astype('<f4').tofile(path) of x, y, z, intensity, ring, or as PCD "
    "with fields x, y and z"
)
_FAR = 1e4
"""Metres beyond which no LiDAR sees."""

_USUAL = 1e3
"""Metres within which nearly all returns lie."""

_TINY = 1e-6
"""Metres below which no LiDAR measures, but which the low half of a float64 often is."""

_OUTLIERS = 0.01
_FULL_INTENSITY = 65535.0
_LAST_RING = 1023.0


@dataclass(frozen=True)
class Layout:
    """Of a .bin file.

    Attributes:
        dtype: of every number.
        columns: x, y, z and intensity first, then ring or time, then more.
    """

    dtype: str
    columns: int

    @property
    def size(self) -> int:
        """Bytes of a point."""
        return self.columns * np.dtype(self.dtype).itemsize


LAYOUTS = tuple(Layout(dtype, columns) for dtype in ("<f4", "<f8") for columns in (5, 4, 6))
"""What is recognised, nuScenes' own first."""


def read_points(path: Path) -> np.ndarray:
    """Read a scan.

    Returns:
        (N, 5) float32: x, y, z in metres, intensity and ring as recorded; the ring is -1 where there is none.

    Raises:
        DatasetError: the file is missing, empty, cut short, or of a layout that cannot be told.
    """
    data = read_file(path)
    if _is_pcd(data):
        return _read_pcd(path, data)
    if not data:
        raise DatasetError(f"{path}: LiDAR file is empty; download the file again")
    fitting = [layout for layout in LAYOUTS if len(data) % layout.size == 0]
    if not fitting:
        raise DatasetError(
            f"{path}: truncated LiDAR file, {len(data)} bytes are not a whole number of points of "
            f"{LAYOUTS[0].size} bytes (float32 x, y, z, intensity, ring), nor of any other known layout; "
            f"download the file again"
        )
    plausible = [layout for layout in fitting if _is_plausible(_table(data, layout))]
    # nuScenes' own needs a column of whole numbers, so where it fits, others can only by chance.
    if len(plausible) != 1 and LAYOUTS[0] not in plausible:
        found = (
            "fits several layouts"
            if plausible
            else "is not a LiDAR scan as float32 or float64 with 4, 5 or 6 columns"
        )
        raise DatasetError(f"{path}: LiDAR file of {len(data)} bytes {found}; {_REMEDY}")
    table = _table(data, plausible[0])
    points = np.full((len(table), 5), -1.0, dtype=np.float32)
    width = 5 if table.shape[1] >= 5 and _is_ring(table[:, 4]) else 4
    points[:, :width] = table[:, :width]
    points[np.isinf(points).any(axis=1), :3] = np.nan  # drivers' word for no return
    return points


def _table(data: bytes, layout: Layout) -> np.ndarray:
    return np.frombuffer(data, dtype=layout.dtype).reshape(-1, layout.columns)


def _is_plausible(table: np.ndarray) -> bool:
    place, intensity = table[:, :3], table[:, 3]
    with np.errstate(invalid="ignore", over="ignore"):
        seen = place[np.isfinite(place).all(axis=1)]
        size = np.abs(seen)
        if not len(seen) or size.max() > _FAR:
            return False
        strange = (size > _USUAL) | ((size < _TINY) & (size > 0))
        if strange.any(axis=1).mean() > _OUTLIERS or (size < _TINY).all(axis=1).mean() > 0.99:
            return False
        known = intensity[np.isfinite(intensity)]
        if len(known) and (known.min() < 0 or known.max() > _FULL_INTENSITY):
            return False
        if len(known) and ((known > 0) & (known < 1e-12)).mean() > _OUTLIERS:
            return False
    return table.shape[1] < 5 or _is_ring(table[:, 4]) or _is_time(table[:, 4])


def _is_ring(column: np.ndarray) -> bool:
    """Whole numbers, -1 for unknown."""
    with np.errstate(invalid="ignore"):
        known = column[np.isfinite(column)]
        return bool(((known >= -1) & (known <= _LAST_RING) & (known == np.round(known))).all())


def _is_time(column: np.ndarray) -> bool:
    """Seconds within a turn, before or after its stamp, or time since its begin in any unit."""
    with np.errstate(invalid="ignore"):
        known = column[np.isfinite(column)]
        return bool((np.abs(known) <= 1.0).all() or (known >= 0).all())


# -- PCD ---------------------------------------------------------------------------------------------

_PCD_TYPES = {"F": "f", "I": "i", "U": "u"}
_INTENSITY = ("intensity", "i", "reflectivity", "reflectance", "remission")
_RING = ("ring", "ring_id", "ring_idx", "beam", "channel", "laser_id", "line")


def _is_pcd(data: bytes) -> bool:
    head = data[:2048].split(b"DATA", 1)[0]
    return b"FIELDS" in head and b"SIZE" in head and b"POINTS" in head


def _read_pcd(path: Path, data: bytes) -> np.ndarray:
    """Point Cloud Library's format, version 0.7 (pointclouds.org, tutorial "The PCD file format")."""
    header: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in header:
        end = data.find(b"\n", start)
        if end < 0:
            raise _broken_pcd(path, "its header has no DATA line")
        words = data[start:end].decode("latin-1").split()
        start = end + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
    try:
        count = int(header["POINTS"][0])
        names: list[str] = []
        kinds = []
        counts = header.get("COUNT") or ["1"] * len(header["FIELDS"])
        for name, size, kind, number in zip(
            header["FIELDS"], header["SIZE"], header["TYPE"], counts, strict=True
        ):
            # Names may occur twice: padding is called _ each time.
            names.append(name.lower() if name.lower() not in names and name != "_" else f"_{len(names)}")
            kinds.append((f"<{_PCD_TYPES[kind.upper()]}{int(size)}", (int(number),)))
        layout = np.dtype([(name, *kind) for name, kind in zip(names, kinds, strict=True)])
        coding = header["DATA"][0].lower()
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise _broken_pcd(path, f"its header cannot be read ({error!r})") from None
    if not {"x", "y", "z"} <= set(names):
        raise _broken_pcd(path, f"it has the fields {', '.join(header['FIELDS'])}, but not x, y and z")
    if not count:
        raise DatasetError(f"{path}: LiDAR file has no points; download the file again")
    columns = _pcd_columns(path, data[start:], coding, layout, count)
    points = np.full((count, 5), -1.0, dtype=np.float32)
    points[:, 3] = 0.0
    for place, wanted in enumerate((("x",), ("y",), ("z",), _INTENSITY, _RING)):
        found = next((name for name in wanted if name in names), None)
        if found is not None:
            points[:, place] = np.asarray(columns[found], dtype=np.float64).reshape(count, -1)[:, 0]
    with np.errstate(invalid="ignore"):
        if (np.abs(points[:, :3]) > _FAR).any(axis=1).mean() > _OUTLIERS:
            raise _broken_pcd(path, "its points are more than 10 km away")
    points[np.isinf(points).any(axis=1), :3] = np.nan
    return points


def _pcd_columns(path: Path, body: bytes, coding: str, layout: np.dtype, count: int) -> np.ndarray | dict:
    names = layout.names or ()
    whole = count * layout.itemsize
    if coding == "binary":
        if len(body) < whole:
            raise _broken_pcd(path, f"{len(body)} bytes are not {count} points of {layout.itemsize}")
        return np.frombuffer(body, layout, count)
    if coding == "binary_compressed":
        if len(body) < 8:
            raise _broken_pcd(path, "it is cut short")
        packed, size = (int.from_bytes(body[n : n + 4], "little") for n in (0, 4))
        if len(body) < 8 + packed or size != whole:
            raise _broken_pcd(path, f"{len(body) - 8} of {packed} bytes for {count} points")
        plain = _unpack_lzf(path, body[8 : 8 + packed], size)
        columns, start = {}, 0
        for name in names:  # a column after the other
            kind = layout[name]
            columns[name] = np.frombuffer(plain, kind.base, count * int(np.prod(kind.shape)), start)
            start += count * kind.itemsize
        return columns
    if coding == "ascii":
        widths = [int(np.prod(layout[name].shape)) for name in names]
        width = sum(widths)
        try:
            table = np.loadtxt(io.BytesIO(body), dtype=np.float64, ndmin=2, max_rows=count)
        except ValueError as error:
            raise _broken_pcd(path, f"it is not a table of numbers ({error})") from None
        if table.shape != (count, width):
            raise _broken_pcd(path, f"it has {len(table)} rows of {table.shape[1]}, not {count} of {width}")
        starts = np.cumsum([0, *widths])
        return {name: table[:, start] for name, start in zip(names, starts, strict=False)}
    raise _broken_pcd(path, f"DATA {coding} is not ascii, binary or binary_compressed")


def _unpack_lzf(path: Path, data: bytes, size: int) -> bytes:
    """LZF (Marc Lehmann's liblzf): a byte below 32 counts literals, another names a repetition."""
    out = bytearray()
    place, end = 0, len(data)
    try:
        while place < end:
            control = data[place]
            place += 1
            if control < 32:
                out += data[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[place]
                place += 1
            length += 2
            back = ((control & 31) << 8) + data[place] + 1
            place += 1
            first = len(out) - back
            if first < 0:
                raise IndexError
            if back >= length:
                out += out[first : first + length]
            else:  # it repeats what it writes
                out += (bytes(out[first:]) * (length // back + 1))[:length]
    except IndexError:
        out = bytearray()
    if len(out) != size:
        raise _broken_pcd(path, "its compressed data is damaged")
    return bytes(out)


def _broken_pcd(path: Path, text: str) -> DatasetError:
    return DatasetError(f"{path}: PCD file cannot be used, {text}; write it with PCL, or download it again")
