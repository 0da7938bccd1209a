"""sensor_msgs/Image and CompressedImage.

How large a compressed picture is, its own header says; `images.inspect` reads that, and bounds it, before
anything is decoded.
"""

from __future__ import annotations

from typing import Any

from ... import images
from ...errors import MessageError

_LONGEST_NAME = 256
"""Characters of an encoding or format."""


def check_compressed_image(message: Any) -> None:
    """Check a CompressedImage.

    Raises:
        MessageError: a format that is no name of one.
    """
    _check_word("format", message.format)


def check_image(message: Any) -> None:
    """Check an Image's size; `rgb_from_image` says what is wrong with its layout.

    Raises:
        MessageError: more pixels than a picture may have, or than there are bits.
    """
    _check_word("encoding", message.encoding)
    pixels = message.width * message.height
    if pixels > images.MAX_PIXELS:
        raise MessageError(
            f"{message.width}x{message.height} pixels are more than {images.MAX_PIXELS}: "
            f"make the images smaller"
        )
    if pixels > 8 * len(message.data):
        raise MessageError(f"{len(message.data)} bytes cannot hold {message.width}x{message.height} pixels")


def _check_word(name: str, word: str) -> None:
    if len(word) > _LONGEST_NAME:
        raise MessageError(f"{name} has {len(word)} characters, of {_LONGEST_NAME} that it may have")
