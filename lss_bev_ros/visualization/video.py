"""Pictures into files: MP4 (H.264), GIF and stills, complete or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import EvaluationError
from ..files import replacing
from . import palette

STILLS = (".jpg", ".jpeg", ".png")
FILMS = (".mp4", ".gif")

_KEPT = (
    *(palette.PAGE, palette.PANEL, palette.UNKNOWN, palette.UNKNOWN_STRIPE, palette.OBSTACLE),
    *(palette.TRUTH, palette.EGO, palette.TEXT, palette.TEXT_DIM),
)
_ATTEMPTS = 6
_SMALLEST = 240
"""Pixels below which a GIF is not shrunk further."""


def check_target(path: Path) -> str:
    """What kind of file `path` is, by its suffix.

    Raises:
        EvaluationError: a kind that cannot be written, or a folder that cannot be written to.
    """
    kind = path.suffix.lower()
    if kind not in (*FILMS, *STILLS):
        raise EvaluationError(
            f"{path}: a film ends with {', '.join(FILMS)}; a still with {', '.join(STILLS)}"
        )
    if path.is_dir():
        raise EvaluationError(f"{path} is a folder; name a file")
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot be made ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise EvaluationError(f"{folder}: no permission to write there; name another folder")
    return kind


def write_film(path: Path, pictures: Iterable[np.ndarray], fps: float, max_bytes: int = 0) -> int:
    """Write pictures as a film, by the suffix of `path`.

    Args:
        path: `.mp4` (H.264, plays in browsers) or `.gif`.
        pictures: (height, width, 3) uint8 RGB, all of one size, both sides even.
        fps: pictures a second.
        max_bytes: a GIF above that is made smaller until it fits; 0 for no limit.

    Returns:
        How many pictures were written.

    Raises:
        EvaluationError: no picture at all, a missing library, a disk that fails.
    """
    if not 0 < fps <= 120:
        raise EvaluationError(f"{fps} frames per second: must be above 0 and at most 120")
    kind = check_target(path)
    write = _write_mp4 if kind == ".mp4" else _write_gif
    with replacing(path, EvaluationError) as partial:
        count = write(partial, pictures, fps, max_bytes)
        if not count:
            raise EvaluationError(f"{path}: there is no frame to draw")
    return count


def write_still(path: Path, picture: np.ndarray) -> None:
    """Write one picture, (height, width, 3) uint8 RGB, as `.jpg` or `.png`."""
    check_target(path)
    with replacing(path, EvaluationError) as partial:
        Image.fromarray(picture).save(partial, quality=88, optimize=True)


def _write_mp4(path: Path, pictures: Iterable[np.ndarray], fps: float, max_bytes: int) -> int:
    del max_bytes
    try:
        import av
    except ImportError:
        raise EvaluationError(
            "writing MP4 needs PyAV: pip install 'lss_bev_ros[video]', or name a .gif"
        ) from None
    from fractions import Fraction

    count = 0
    # The index goes to the front of the file, so that a browser can begin before it has all of it.
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"  # the one that browsers play
                stream.options = {"crf": "23", "preset": "medium"}
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            file.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            file.mux(stream.encode(None))
    return count


def _write_gif(path: Path, pictures: Iterable[np.ndarray], fps: float, max_bytes: int) -> int:
    frames = [Image.fromarray(picture) for picture in pictures]
    if not frames:
        return 0
    width = frames[0].width
    for _ in range(_ATTEMPTS):
        _save_gif(path, list(_shrunk(frames, width)), fps)
        size = path.stat().st_size
        if not max_bytes or size <= max_bytes:
            break
        # Bytes go with the area; a little less than what fits, so that the next one does.
        width = round(width * min(0.95, (max_bytes / size) ** 0.5 * 0.97))
        if width < _SMALLEST:
            raise EvaluationError(
                f"{len(frames)} pictures do not fit into {max_bytes} bytes of GIF; write fewer of them"
            )
    return len(frames)


def _shrunk(frames: list[Image.Image], width: int) -> Iterator[Image.Image]:
    for frame in frames:
        height = round(frame.height * width / frame.width)
        small = frame if width == frame.width else frame.resize((width, height), Image.Resampling.LANCZOS)
        yield small


def _save_gif(path: Path, frames: list[Image.Image], fps: float) -> None:
    # One palette for all, of a sheet of some of them: with one a frame, still parts would flicker.
    some = frames[:: max(1, len(frames) // 6)][:6]
    sheet = Image.new("RGB", (frames[0].width, frames[0].height * len(some)))
    for row, frame in enumerate(some):
        sheet.paste(frame, (0, row * frame.height))
    # What is small but means something, the car itself say, keeps its colour.
    kept = np.concatenate([palette.probability_colors()[::5], np.array(_KEPT, dtype=np.uint8)])
    adapted = sheet.quantize(256 - len(kept), method=Image.Quantize.MEDIANCUT)
    colors = Image.new("P", (1, 1))
    colors.putpalette(kept.reshape(-1).tolist() + (adapted.getpalette() or [])[: 3 * (256 - len(kept))])
    flat = [frame.quantize(palette=colors, dither=Image.Dither.NONE) for frame in frames]
    # GIF counts in hundredths of a second, and players take less than two for ten.
    flat[0].save(
        path,
        save_all=True,
        append_images=flat[1:],
        duration=max(20, round(1000 / fps)),
        loop=0,
        optimize=True,
        disposal=1,
    )
