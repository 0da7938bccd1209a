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

# sensor_msgs/image_encodings without the bits: channels, and the name in OpenCV's conversion codes. OpenCV
# names a mosaic by its second row and column.
_COLOURS = {
    "mono": (1, "GRAY2{}"), "bgr": (3, "BGR2{}"), "rgb": (3, "RGB2{}"), "bgra": (4, "BGRA2{}"),
    "rgba": (4, "RGBA2{}"), "bayer_rggb": (1, "BayerBG2{}"), "bayer_bggr": (1, "BayerRG2{}"),
    "bayer_gbrg": (1, "BayerGR2{}"), "bayer_grbg": (1, "BayerGB2{}"),
    "yuv422": (2, "YUV2{}_UYVY"), "yuv422_yuy2": (2, "YUV2{}_YUY2"),
}  # fmt: skip
_TARGETS = {"mono": "GRAY", "bgr": "BGR", "rgb": "RGB", "bgra": "BGRA", "rgba": "RGBA"}
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
        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        try:
            # This flag ignores orientation in EXIF too: camera_info is of the pixels as they are stored.
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
        except cv2.error:
            image = None
        if image is None:
            raise CvBridgeError(f"cannot decode {len(data)} bytes of {cmprs_img_msg.format!r}")
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
        source, target = _colour(encoding), _colour(desired)
        if source is None or target is None:
            if _layout(desired) == _layout(encoding):
                return image
            raise CvBridgeError(
                f"[{encoding}] is not a color format. but [{desired}] is. The conversion does not make sense"
            )
        if source != target:
            code = f"COLOR_{_COLOURS[source][1].format(_TARGETS.get(target))}"
            if not hasattr(cv2, code):
                raise CvBridgeError(f"Unsupported conversion from [{encoding}] to [{desired}]")
            image = cv2.cvtColor(image, getattr(cv2, code))
        kind = _layout(desired)[1]
        if image.dtype == kind:
            return image
        factor = 1 / 257 if kind == "uint8" else 257.0  # a float: 257 is no uint8
        return np.round(image * factor).astype(kind)


def _colour(encoding: str) -> str | None:
    """The encoding without its bits; None where it says nothing of colours."""
    if encoding in ("yuv422", "yuv422_yuy2"):
        return encoding
    match = re.fullmatch(r"(\w+?)(8|16)", encoding)
    return match[1] if match is not None and match[1] in _COLOURS and "yuv" not in match[1] else None


def _layout(encoding: str) -> tuple[int, str]:
    """Channels and numpy type of an encoding."""
    colour = _colour(encoding)
    if colour is not None:
        return _COLOURS[colour][0], "uint16" if encoding.endswith("16") else "uint8"
    match = re.fullmatch(r"(8U|8S|16U|16S|32S|32F|64F)C(\d+)?", encoding)
    if match is None:
        raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
    return int(match[2] or 1), _DEPTHS[match[1]]


def _bytes(image: np.ndarray) -> array.array:
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return data
