"""Files of a data set: their bytes, and whether those are a whole image."""

from __future__ import annotations

from pathlib import Path

from ..errors import DatasetError

_START_OF_IMAGE, _END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_TRAILER = 1024
"""Bytes after the end marker that some cameras append."""


def read_file(path: Path) -> bytes:
    """All bytes of a file; DatasetError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: file is missing; unpack all archives of the data set into the data root"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None


def damage(data: bytes) -> str:
    """What is wrong with the bytes of an image; empty where they are a whole JPEG, PNG or WebP."""
    if data.startswith(_START_OF_IMAGE):
        # Some writers pad the file with zeros after the end marker, or append a trailer; decoders accept it.
        plain = data.rstrip(b"\0")
        if plain.rfind(_END_OF_IMAGE, max(0, len(plain) - _TRAILER)) < 0:
            return f"truncated JPEG, {len(data)} bytes without an end marker"
        return ""
    if data.startswith(_PNG):
        return "" if _PNG_END in data[-_TRAILER:] else f"truncated PNG, {len(data)} bytes without an end"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        whole = 8 + int.from_bytes(data[4:8], "little")
        return "" if len(data) >= whole else f"truncated WebP, {len(data)} of {whole} bytes"
    return f"not a JPEG, PNG or WebP file ({len(data)} bytes)"


def image_format(data: bytes) -> str:
    """How a CompressedImage names what `damage` found whole: jpeg, png or webp."""
    if data.startswith(_PNG):
        return "png"
    return "webp" if data.startswith(b"RIFF") else "jpeg"
