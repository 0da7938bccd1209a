"""Conversions between sensor_msgs images and OpenCV's numpy arrays, as cv_bridge.core."""

from __future__ import annotations

import array
import re

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

_PASSTHROUGH = "passthrough"
_DEPTHS = {"8U": "uint8", "8S": "int8", "16U": "uint16", "16S": "int16", "32S": "int32", "32F": "float32",
           "64F": "float64"}  # fmt: skip

# sensor_msgs/image_encodings: channels and numpy type of the colour encodings.
_COLOURS = {
    "mono8": (1, "uint8"), "mono16": (1, "uint16"),
    "bgr8": (3, "uint8"), "rgb8": (3, "uint8"), "bgra8": (4, "uint8"), "rgba8": (4, "uint8"),
    "bgr16": (3, "uint16"), "rgb16": (3, "uint16"), "bgra16": (4, "uint16"), "rgba16": (4, "uint16"),
}  # fmt: skip
_OPENCV_NAMES = {"mono": "GRAY", "bgr": "BGR", "rgb": "RGB", "bgra": "BGRA", "rgba": "RGBA"}
_SUFFIXES = {"jpg": ".jpg", "jpeg": ".jpg", "jpe": ".jpg", "png": ".png", "webp": ".webp", "bmp": ".bmp",
               "tiff": ".tiff", "tif": ".tiff"}  # fmt: skip


class CvBridgeError(TypeError):
    """An image that cannot be converted as asked."""


class CvBridge:
    """Converts images; a raw image shares its message's memory where no conversion is asked for."""

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = _PASSTHROUGH) -> np.ndarray:
        """A raw image as an array (height, width[, channels]), perhaps converted to another encoding."""
        channels, kind = _layout(img_msg.encoding)
        dtype = np.dtype(kind).newbyteorder(">" if img_msg.is_bigendian else "<")
        row = img_msg.width * channels * dtype.itemsize
        if img_msg.step < row or len(img_msg.data) < img_msg.step * img_msg.height:
            raise CvBridgeError(
                f"Image of {img_msg.width}x{img_msg.height} {img_msg.encoding} has step {img_msg.step} and "
                f"{len(img_msg.data)} bytes: too few"
            )
        rows = np.frombuffer(img_msg.data, np.uint8)[: img_msg.step * img_msg.height]
        rows = rows.reshape(img_msg.height, img_msg.step)[:, :row]
        image = np.ascontiguousarray(rows).view(dtype).reshape(img_msg.height, img_msg.width, channels)
        if dtype != dtype.newbyteorder("="):
            image = image.astype(dtype.newbyteorder("="))
        image = image[:, :, 0] if channels == 1 else image
        return self._convert(image, img_msg.encoding, desired_encoding)

    def cv2_to_imgmsg(
        self, cvim: np.ndarray, encoding: str = _PASSTHROUGH, header: Header | None = None
    ) -> Image:
        """An array (height, width[, channels]) as a raw image; `encoding` says what it holds."""
        if not isinstance(cvim, np.ndarray):
            raise TypeError("Your input type is not a numpy array")
        channels = 1 if cvim.ndim == 2 else cvim.shape[2]
        if encoding == _PASSTHROUGH:
            names = {kind: depth for depth, kind in _DEPTHS.items()}
            encoding = f"{names[cvim.dtype.name]}C{channels}"
        elif _layout(encoding) != (channels, cvim.dtype.name):
            raise CvBridgeError(f"encoding specified as {encoding}, but image has {channels} x {cvim.dtype}")
        message = Image(height=cvim.shape[0], width=cvim.shape[1], encoding=encoding)
        if header is not None:
            message.header = header
        message.is_bigendian = int(cvim.dtype.byteorder == ">")
        message.step = cvim.shape[1] * channels * cvim.dtype.itemsize
        message.data = _bytes(cvim)
        return message

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: CompressedImage, desired_encoding: str = _PASSTHROUGH
    ) -> np.ndarray:
        """Decode a JPEG or PNG; colour images become BGR unless another encoding is asked for."""
        image = cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise CvBridgeError(f"cannot decode {len(cmprs_img_msg.data)} bytes of {cmprs_img_msg.format!r}")
        if desired_encoding == _PASSTHROUGH:
            return image
        bits = 16 if image.dtype == np.uint16 else 8
        name = "mono" if image.ndim == 2 else "bgr" if image.shape[2] == 3 else "bgra"
        return self._convert(image, f"{name}{bits}", desired_encoding)

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray, dst_format: str = "jpg") -> CompressedImage:
        """Encode an array (mono or BGR) as JPEG, PNG or another format that OpenCV writes."""
        if dst_format not in _SUFFIXES:
            raise CvBridgeError(f"unknown format {dst_format!r}: use one of {', '.join(_SUFFIXES)}")
        good, encoded = cv2.imencode(_SUFFIXES[dst_format], cvim)
        if not good:
            raise CvBridgeError(f"cannot encode an image of shape {cvim.shape} as {dst_format}")
        return CompressedImage(format=dst_format, data=_bytes(encoded))

    @staticmethod
    def _convert(image: np.ndarray, encoding: str, desired: str) -> np.ndarray:
        if desired in (_PASSTHROUGH, encoding):
            return image
        if desired not in _COLOURS or encoding not in _COLOURS:
            if _layout(desired) == _layout(encoding):
                return image
            raise CvBridgeError(
                f"[{encoding}] is not a color format. but [{desired}] is. The conversion does not make sense"
            )
        source, target = (_OPENCV_NAMES[each.rstrip("0123456789")] for each in (encoding, desired))
        if source != target:
            image = cv2.cvtColor(image, getattr(cv2, f"COLOR_{source}2{target}"))
        kind = _COLOURS[desired][1]
        if image.dtype == kind:
            return image
        factor = 1 / 257 if kind == "uint8" else 257
        return np.round(image * factor).astype(kind)


def _layout(encoding: str) -> tuple[int, str]:
    """Channels and numpy type of an encoding."""
    if encoding in _COLOURS:
        return _COLOURS[encoding]
    match = re.fullmatch(r"(8U|8S|16U|16S|32S|32F|64F)C(\d+)?", encoding)
    if match is None:
        raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
    return int(match[2] or 1), _DEPTHS[match[1]]


def _bytes(image: np.ndarray) -> array.array:
    data = array.array("B")
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast("B"))
    return data
