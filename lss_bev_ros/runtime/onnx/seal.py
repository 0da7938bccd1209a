"""SHA-256 of an ONNX file, in the file: a byte that changed makes another weight, which runs as well.

It is the last entry of the model's metadata, which protobuf lets one append to what is serialised already. So
it is checked without any library, over all bytes before it. A file of another tool has none, and is taken.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ...errors import ModelError

if TYPE_CHECKING:
    import onnx

KEY = "lss_bev_sha256"
"""Name of the metadata entry."""

_DIGITS = 2 * hashlib.sha256().digest_size
# ModelProto.metadata_props (14) with its length; in it the key (1) and the value (2), with theirs.
_INSIDE = b"\x0a" + bytes([len(KEY)]) + KEY.encode() + b"\x12" + bytes([_DIGITS])
_HEAD = b"\x72" + bytes([len(_INSIDE) + _DIGITS]) + _INSIDE


def sealed(model: onnx.ModelProto) -> bytes:
    """A model as the bytes of a file, with its checksum; one that it had before is left out."""
    others = [entry for entry in model.metadata_props if entry.key != KEY]
    if len(others) < len(model.metadata_props):
        del model.metadata_props[:]
        model.metadata_props.extend(others)
    content: bytes = model.SerializeToString()
    return content + _HEAD + hashlib.sha256(content).hexdigest().encode()


def check_onnx_seal(name: str, content: bytes) -> None:
    """Check a file's bytes against their checksum, where they end with one.

    Raises:
        ModelError: they are not what was written.
    """
    body = len(content) - len(_HEAD) - _DIGITS
    if body < 0 or content[body:-_DIGITS] != _HEAD:
        return
    if hashlib.sha256(memoryview(content)[:body]).hexdigest().encode() != content[-_DIGITS:]:
        raise ModelError(
            f"{name} is damaged: it is not what was written (SHA-256): copy or export it again; if you "
            f"changed it on purpose, remove the entry {KEY!r} of its metadata"
        )
