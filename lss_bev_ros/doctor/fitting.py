"""Cameras whose pictures do not fit the LiDAR: turned, or swapped with another."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..geometry import Camera, Lens
from ..geometry.ground import estimate_ground
from .alignment import HERE, NARROW, WIDE, Evidence, Fit, Outlines, Search, edge_view, outlines
from .recording import ERROR, WARN, Problem, Recording, Shot

_SURE = 9.0
"""Standard deviations of edges at jumps, from which LiDAR and pictures fit."""

_NEAR_NS = 120_000_000
"""How far a scan and a picture may be apart, nanoseconds: within it a car at 30 km/h drives a metre."""


_TOWN_SPEED, _TWO_DEGREES = 15.0, 0.035
"""Metres a second, and radians."""

_FEWEST = 60
"""Returns at depth jumps within a camera's pictures, of which something can be told."""

_USUAL_LENS = Lens("plumb_bob", (-0.3, 0.1, 0.0, 0.0, 0.0))
"""Of a camera that sees 60 to 100 degrees across and whose images are not rectified."""

_ZOOMS = (0.5, 0.67, 0.75, 0.85, 1.18, 1.33, 1.5, 2.0)
"""Other focal lengths that are tried where a camera does not fit."""


@dataclass(frozen=True, eq=False)
class Instant:
    """One scan and the pictures of its time.

    Attributes:
        points: (N, 3) by camera, metres, the base frame at the time of its picture.
        heights: (N,) metres above the road.
        grays: (h, w) uint8 by camera.
        apart: seconds by camera between scan and picture, where the points are not moved along.
    """

    points: dict[str, np.ndarray]
    heights: np.ndarray
    grays: dict[str, np.ndarray]
    apart: Mapping[str, float] = field(default_factory=dict)

    def nearest(self, name: str) -> float:
        """Metres from which on a picture and the scan agree within two degrees, at town speed."""
        return _TOWN_SPEED * abs(self.apart.get(name, 0.0)) / _TWO_DEGREES


def compare(recording: Recording, search: Search = WIDE) -> tuple[dict[str, Fit], list[Problem]]:
    """Compare LiDAR and pictures of a whole recording.

    Returns:
        how well they fit, by camera; and who does not, nobody where they show too little.
    """
    cameras = {
        record.name: record.camera
        for record in recording.cameras
        if record.mounted and record.camera is not None
    }
    monitor = FitMonitor(cameras, search)
    for instant in instants(recording):
        monitor.add(instant)
    return monitor.fits, monitor.problems()


def instants(recording: Recording) -> list[Instant]:
    """Scans of the first LiDAR that can be placed, each with the pictures near it."""
    lidar = next((one for one in recording.lidars if one.pose is not None and one.clouds), None)
    if lidar is None or lidar.pose is None:
        return []
    found = []
    for cloud in lidar.clouds:
        points = lidar.pose.apply(cloud.points.astype(np.float64))
        at = recording.ego_at(cloud.stamp)
        grays, moved, apart = {}, {}, {}
        for record in recording.cameras:
            if record.camera is None or not record.mounted:
                continue
            shots = [
                shot
                for shot in record.shots
                if shot.gray is not None and not _other_size(shot, record.camera)
            ]
            shot = min(shots, key=lambda one: abs(one.stamp - cloud.stamp), default=None)
            if shot is None or shot.gray is None or abs(shot.stamp - cloud.stamp) > _NEAR_NS:
                continue
            then = recording.ego_at(shot.stamp)
            grays[record.name] = shot.gray
            if at is None or then is None:
                moved[record.name], apart[record.name] = points, (shot.stamp - cloud.stamp) / 1e9
            else:
                moved[record.name] = (then.inverse() @ at).apply(points)
        if grays:
            found.append(Instant(moved, heights_above_road(points), grays, apart))
    return found


def heights_above_road(points: np.ndarray) -> np.ndarray:
    """(N,) metres above the road of points (N, 3) of base_link."""
    away = np.hypot(points[:, 0], points[:, 1]) > 3.0
    return points[:, 2] - estimate_ground(points[away]).height(points)


class FitMonitor:
    """Gathers how LiDAR and pictures fit, over any number of instants.

    Args:
        cameras: mounted as they are told, by name.
        search: turns that are tried; `NARROW` is cheap enough to be repeated while driving.
        kept: newest instants in which swapped cameras are looked for.
    """

    def __init__(self, cameras: dict[str, Camera], search: Search = NARROW, kept: int = 12) -> None:
        self._cameras = cameras
        self._evidence = {name: Evidence(search) for name in cameras}
        self._seen: deque[tuple[dict[str, Outlines], dict[str, np.ndarray]]] = deque(maxlen=kept)

    @property
    def fits(self) -> dict[str, Fit]:
        """The best turn of each camera of which there was a picture."""
        return {name: one.fit() for name, one in self._evidence.items() if one.frames}

    def add(self, instant: Instant) -> None:
        """Take one scan and its pictures."""
        seen = {
            name: outlines(camera, instant.points[name], instant.heights, instant.nearest(name))
            for name, camera in self._cameras.items()
            if name in instant.points
        }
        pictures = {name: gray for name, gray in instant.grays.items() if name in seen}
        self._seen.append((seen, pictures))
        for name, gray in pictures.items():
            if (view := edge_view(self._cameras[name], gray)) is not None:
                self._evidence[name].add(seen[name], view)

    def problems(self, flips: bool = True) -> list[Problem]:
        """Cameras that fit better elsewhere; none where there is too little to tell.

        Args:
            flips: whether mirrored pictures and other focal lengths are looked for too.
        """
        fits = self.fits
        swapped = self._exchanged(fits)
        odd = {
            name: found
            for name in fits
            if flips and name not in swapped and (found := self._taken_wrong(name, fits[name]))
        }
        turned = {name: fit for name, fit in fits.items() if name not in (*swapped, *odd) and is_turned(fit)}
        odd |= {name: found for name in fits if (found := self._bent(name, fits[name]))}
        problems = list(odd.values()) + [
            Problem(
                ERROR,
                name,
                f"its images show what the LiDAR sees where {other} is mounted: "
                + ("the two are swapped" if swapped.get(other) == name else "cameras are swapped"),
                f"swap the devices, or the topics, of {name} and {other}",
                "fit.swapped",
            )
            for name, other in swapped.items()
        ]
        steady = [name for name, fit in fits.items() if self._fits_here(fit)]
        together = _alike(turned)
        if len(together) >= 3 and not steady:
            yaw = float(np.median([turned[name].yaw for name in together]))
            return [
                *problems,
                Problem(
                    WARN,
                    "LiDAR",
                    f"it fits the images of {', '.join(together)} better if it is rotated by {abs(yaw):.0f} "
                    f"degrees to "
                    f"the {'left' if yaw > 0 else 'right'}",
                    "calibrate the LiDAR's mounting, and correct its transform",
                    "fit.lidar",
                ),
            ]
        return problems + [
            Problem(
                WARN,
                name,
                f"its images fit the LiDAR better if it is rotated by {_turn(fit)} (edges at depth jumps: "
                f"{fit.score:.0f} standard deviations, {fit.here:.0f} as mounted)",
                "calibrate its mounting, and correct its transform",
                "fit.turned",
            )
            for name, fit in turned.items()
        ]

    def _exchanged(self, fits: dict[str, Fit]) -> dict[str, str]:
        """Cameras whose pictures fit another's mounting, by the camera whose mounting it is."""
        # Who fits where it is has nobody else's mounting.
        doubtful = [name for name, fit in fits.items() if not self._fits_here(fit)]
        if len(doubtful) < 2:
            return {}
        scores = {(a, b): self._score_as(a, b) for a in doubtful for b in doubtful if a != b}
        found = {}
        for name in doubtful:
            others = sorted(
                ((scores[name, other], other) for other in doubtful if other != name), reverse=True
            )
            best, other = others[0]
            rest = others[1][0] if len(others) > 1 else 0.0
            if best > _SURE and best > 1.6 * fits[name].here and best > 1.3 * rest:
                found[name] = other
        # One that seems to fit elsewhere, while nobody fits where it is, is chance.
        return {name: other for name, other in found.items() if name in found.values() and other in found}

    def _fits_here(self, fit: Fit) -> bool:
        return fit.score > _SURE and not is_turned(fit) and fit.here > 0.75 * fit.score

    def _score_as(self, name: str, other: str) -> float:
        """How well the pictures of a camera fit, were it another."""
        return self._score(name, other, self._cameras[other])

    def _score(self, name: str, mount: str, camera: Camera, flip: tuple[int, int] = (1, 1)) -> float:
        """How well the pictures of a camera fit where another is mounted, through the lens of `camera`.

        Args:
            name: whose pictures.
            mount: whose place.
            camera: whose lens and intrinsics.
            flip: -1 turns rows or columns round.
        """
        evidence = Evidence(HERE)
        for seen, pictures in self._seen:
            gray = pictures.get(name)
            if gray is None or mount not in seen:
                continue
            shape = gray.shape[1] / gray.shape[0] * camera.height / camera.width
            turned = np.ascontiguousarray(gray[:: flip[0], :: flip[1]])
            if abs(shape - 1.0) < 0.02 and (view := edge_view(camera, turned)) is not None:
                evidence.add(seen[mount], view)
        return evidence.fit().here if evidence.frames else 0.0

    def _bent(self, name: str, fit: Fit) -> Problem | None:
        """A lens where there is none, or none where there is one; None where the camera is as it is told."""
        if not self._fits_here(fit) or fit.jumps < 2 * _FEWEST:
            return None
        camera = self._cameras[name]
        told, other = (
            self._score(name, name, one)
            for one in (camera, replace(camera, lens=_USUAL_LENS if camera.lens.is_pinhole else Lens()))
        )
        if other < 1.25 * told + 1.0:
            return None
        if camera.lens.is_pinhole:
            text = "compared with the LiDAR, its images have lens distortion, but its camera_info has none"
            remedy = "calibrate D of its camera_info, or publish rectified images"
        else:
            text = "its images fit the LiDAR better without the distortion of its camera_info"
            remedy = "set image_rectified to true if they are rectified, or calibrate D again"
        return Problem(WARN, name, text, remedy, "fit.lens")

    def _taken_wrong(self, name: str, fit: Fit) -> Problem | None:
        """A picture that is flipped, or a focal length that is another; None where neither explains it."""
        if self._fits_here(fit) or fit.jumps < 2 * _FEWEST:
            return None
        camera = self._cameras[name]
        least = max(_SURE, 1.6 * fit.here)
        flips = {
            "mirrored left to right": (1, -1),
            "upside down": (-1, -1),
            "mirrored top to bottom": (-1, 1),
        }
        scores = {what: self._score(name, name, camera, flip) for what, flip in flips.items()}
        what = max(scores, key=lambda one: scores[one])
        if scores[what] > least and scores[what] > 1.1 * fit.score:
            return Problem(
                ERROR,
                name,
                f"compared with the LiDAR, its images are {what}",
                "flip them back in the driver",
                "fit.flipped",
            )
        scaled = {factor: self._score(name, name, _zoomed(camera, factor)) for factor in _ZOOMS}
        factor = max(scaled, key=lambda one: scaled[one])
        if scaled[factor] > least and scaled[factor] > 1.1 * fit.score:
            return Problem(
                WARN,
                name,
                f"its images fit the LiDAR better with {factor:g} times the focal length of its "
                f"camera_info "
                f"({camera.intrinsics[0, 0]:.0f} px)",
                "calibrate it again: K is in pixels, for images of this size",
                "fit.focal-length",
            )
        return None


def _zoomed(camera: Camera, factor: float) -> Camera:
    k = camera.intrinsics.copy()
    k[:2, :2] *= factor
    return replace(camera, intrinsics=k)


def is_turned(fit: Fit) -> bool:
    """Whether pictures fit clearly better where a camera is turned by 2.5 degrees or more."""
    off = max(abs(fit.yaw), abs(fit.pitch))
    if off < 2.5 or not fit.inside or fit.jumps < _FEWEST:
        return False
    if fit.frames < 6:
        # The worse it fits as it is mounted, the less unique the best turn needs to be.
        here, other = (value / max(fit.score, 1e-9) for value in (fit.here, fit.other))
        return fit.score > 7.5 and ((here < 0.5 and other < 0.7) or (here < 0.3 and other < 0.8))
    # A small turn is believed only where the mounting as told is clearly worse.
    here, other = (0.6, 0.8) if off < 3.75 else (0.7, 0.85)
    return fit.score > _SURE and fit.here < here * fit.score and fit.other < other * fit.score


def _alike(fits: Mapping[str, Fit]) -> list[str]:
    """Cameras that would have to be turned aside by the same angle."""
    if not fits:
        return []
    usual = float(np.median([fit.yaw for fit in fits.values()]))
    return [name for name, fit in fits.items() if abs(usual) >= 2.5 and abs(fit.yaw - usual) <= 1.5]


def _turn(fit: Fit) -> str:
    parts = []
    if abs(fit.yaw) >= 1.0:
        parts.append(f"{abs(fit.yaw):.1f} degrees to the {'right' if fit.yaw > 0 else 'left'}")
    if abs(fit.pitch) >= 1.0:
        parts.append(f"{abs(fit.pitch):.1f} degrees {'down' if fit.pitch > 0 else 'up'}")
    return " and ".join(parts)


def _other_size(shot: Shot, camera: Camera) -> bool:
    return (shot.width, shot.height) != (camera.width, camera.height)
