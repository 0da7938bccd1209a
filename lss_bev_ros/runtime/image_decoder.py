"""From what a camera sent to pixels, with every way it can be broken named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .. import images
from ..errors import ImageError, PictureError, RuntimeBackendError
from ..geometry import Camera
from .frame_set import FrameSet


class ImageDecoder:
    """Decodes the images of a frame set, several at a time (OpenCV lets go of the interpreter's lock).

    Args:
        threads: images decoded at once.
    """

    def __init__(self, threads: int):
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __call__(self, frame_set: FrameSet) -> list[np.ndarray]:
        """Decode and check all images.

        Returns:
            (height, width, 3) uint8 RGB for each camera with an image, in the rig's order.

        Raises:
            RuntimeBackendError: no image, an image of no camera, a damaged one, or one of another size than
                its camera's calibration says.
        """
        return [image for _, images in self.batches(frame_set) for image in images]

    def batches(self, frame_set: FrameSet) -> Iterator[tuple[list[Camera], list[np.ndarray]]]:
        """The same, as many images at a time as there are threads: no more of them need memory at once.

        Yields:
            Cameras with an image, in the rig's order, and their images as (height, width, 3) uint8 RGB.

        Raises:
            RuntimeBackendError: see `__call__`.
        """
        check_names(frame_set.rig.names, frame_set.images)
        cameras = cameras_of(frame_set)
        for start in range(0, len(cameras), self._threads):
            some = cameras[start : start + self._threads]
            yield some, list(self._pool.map(decode_image, some, [frame_set.images[c.name] for c in some]))

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()


def cameras_of(frame_set: FrameSet) -> list[Camera]:
    """Cameras with an image, in the rig's order."""
    return [camera for camera in frame_set.rig.cameras if camera.name in frame_set.images]


def check_names(known: Iterable[str], given: Iterable[str]) -> None:
    """Check that there is an image and that every image is of a camera of the rig."""
    names, given = list(known), list(given)
    strangers = [name for name in given if name not in names]
    if strangers:
        raise RuntimeBackendError(
            f"image of {', '.join(strangers)}, but the rig has {', '.join(names) or 'no camera'}: "
            f"add its calibration or drop the image"
        )
    if not given:
        raise RuntimeBackendError("the frame set has no image: check that the cameras publish")


def decode_image(camera: Camera, image: np.ndarray | bytes) -> np.ndarray:
    """Decode one image, or take it as it is, and check it against its camera.

    Args:
        camera: that took it.
        image: a JPEG, PNG or WebP file, or (height, width, 3) uint8 RGB.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ImageError: it is damaged, or of another size than its camera's calibration says. A file of another
            size is not decoded.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ImageError(
                camera.name,
                f"an image must be (height, width, 3) uint8 RGB, not {image.shape} {image.dtype}: convert it",
            )
        check_size(camera, image.shape)
        return image
    data = bytes(image)
    return _decode_jpeg(camera.name, data, inspect_image(camera, data))


def inspect_image(camera: Camera, data: bytes) -> images.Header:
    """Look at a file's header and for its end, and check the size that it claims against its camera's."""
    try:
        header = images.inspect(data)
    except PictureError as error:
        raise ImageError(camera.name, str(error)) from None
    check_size(camera, (header.height, header.width))
    return header


def check_size(camera: Camera, shape: Sequence[int]) -> None:
    """Raise ImageError where an image of (height, width, ...) is not of its camera's size."""
    height, width = shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise ImageError(
            camera.name,
            f"image is {width}x{height}, but its calibration is for {camera.width}x{camera.height}: "
            f"correct its camera_info or its image size",
        )


def _decode_jpeg(name: str, data: bytes, header: images.Header | None = None) -> np.ndarray:
    """Decode a file, most often a JPEG; `name` is the camera's."""
    try:
        return images.decode(data, header)
    except PictureError as error:
        raise ImageError(name, str(error)) from None
