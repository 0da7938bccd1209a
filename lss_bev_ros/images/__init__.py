"""From what camera drivers publish to pixels; the same pixels whoever looks.

`raw` knows the encodings of sensor_msgs/Image, `encoded` the files that a CompressedImage or a data set
holds, `jpeg` the markers of a JPEG. Orientation of EXIF is ignored everywhere: a camera's calibration is of
the pixels as they are stored.
"""

from .encoded import FORMATS, MAX_PIXELS, Header, decode, decode_mosaic, inspect, kind_of, mosaic_of, preview
from .raw import convert, dark_note, pixels, rgb

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Header",
    "convert",
    "dark_note",
    "decode",
    "decode_mosaic",
    "inspect",
    "kind_of",
    "mosaic_of",
    "pixels",
    "preview",
    "rgb",
]
