"""Cameras whose pictures do not fit the LiDAR: turned, or swapped with another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.ground import estimate_ground
from ..geometry import Camera
from .alignment import HERE, NARROW, WIDE, EdgeView, Evidence, Fit, Outlines, Search, edge_view, outlines
from .recording import ERROR, WARN, Problem, Recording

_SURE = 9.0
"""Standard deviations of edges at jumps, from which LiDAR and pictures fit."""

_NEAR_NS = 120_000_000
"""How far a scan and a picture may be apart, nanoseconds: within it a car at 30 km/h drives a metre."""


@dataclass(frozen=True, eq=False)
class Instant:
    """One scan and the pictures of its time.

    Attributes:
        points: (N, 3) by camera, metres, the base frame at the time of its picture.
        heights: (N,) metres above the road.
        grays: (h, w) uint8 by camera.
    """

    points: dict[str, np.ndarray]
    heights: np.ndarray
    grays: dict[str, np.ndarray]


def check_fit(recording: Recording, search: Search = WIDE) -> list[Problem]:
    """Compare LiDAR and pictures of a whole recording; nothing where they show too little."""
    cameras = {
        record.name: record.camera
        for record in recording.cameras
        if record.mounted and record.camera is not None
    }
    monitor = FitMonitor(cameras, search)
    for instant in instants(recording):
        monitor.add(instant)
    return monitor.problems()


def instants(recording: Recording) -> list[Instant]:
    """Scans of the first LiDAR that can be placed, each with the pictures near it."""
    lidar = next((one for one in recording.lidars if one.pose is not None and one.clouds), None)
    if lidar is None or lidar.pose is None:
        return []
    found = []
    for cloud in lidar.clouds:
        points = lidar.pose.apply(cloud.points.astype(np.float64))
        at = recording.ego_at(cloud.stamp)
        grays, moved = {}, {}
        for record in recording.cameras:
            if record.camera is None or not record.mounted:
                continue
            shots = [shot for shot in record.shots if shot.gray is not None and not _other_size(shot, record.camera)]
            shot = min(shots, key=lambda one: abs(one.stamp - cloud.stamp), default=None)
            if shot is None or shot.gray is None or abs(shot.stamp - cloud.stamp) > _NEAR_NS:
                continue
            then = recording.ego_at(shot.stamp)
            grays[record.name] = shot.gray
            moved[record.name] = points if at is None or then is None else (then.inverse() @ at).apply(points)
        if grays:
            found.append(Instant(moved, heights_above_road(points), grays))
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
    """

    def __init__(self, cameras: dict[str, Camera], search: Search = NARROW) -> None:
        self._cameras = cameras
        self._search = search
        self._evidence = {name: Evidence(search) for name in cameras}
        self._swapped: dict[tuple[str, str], Evidence] = {}

    @property
    def fits(self) -> dict[str, Fit]:
        """The best turn of each camera of which there was a picture."""
        return {name: one.fit() for name, one in self._evidence.items() if one.frames}

    def add(self, instant: Instant) -> None:
        """Take one scan and its pictures."""
        seen: dict[str, Outlines] = {}
        for name, camera in self._cameras.items():
            if name in instant.points:
                seen[name] = outlines(camera, instant.points[name], instant.heights)
        for name, gray in instant.grays.items():
            if name not in seen:
                continue
            view = edge_view(self._cameras[name], gray)
            if view is None:
                continue
            self._evidence[name].add(seen[name], view)
            for other, found in seen.items():
                if other != name and (swapped := self._view_as(other, gray)) is not None:
                    self._swapped.setdefault((name, other), Evidence(HERE)).add(found, swapped)

    def _view_as(self, name: str, gray: np.ndarray) -> EdgeView | None:
        """The edges of a picture, were it of another camera; None where its shape says that it is not."""
        camera = self._cameras[name]
        if abs(gray.shape[1] / gray.shape[0] - camera.width / camera.height) > 0.02 * camera.width / camera.height:
            return None
        return edge_view(camera, gray)

    def problems(self) -> list[Problem]:
        """Cameras that fit better elsewhere; none where there is too little to tell."""
        fits = self.fits
        swapped = self._exchanged(fits)
        turned = {name: fit for name, fit in fits.items() if name not in swapped and is_turned(fit)}
        problems = [
            Problem(
                ERROR,
                name,
                f"its pictures show what the LiDAR sees where {other} is mounted: "
                + ("the two are swapped" if swapped.get(other) == name else "cameras are swapped"),
                f"exchange the devices, or the topics, of {name} and {other}",
                "fit.swapped",
            )
            for name, other in swapped.items()
        ]
        steady = [name for name, fit in fits.items() if fit.score > _SURE and not is_turned(fit)]
        if len(turned) >= 3 and not steady and _alike(list(turned.values())):
            yaw = float(np.median([fit.yaw for fit in turned.values()]))
            return [
                *problems,
                Problem(
                    WARN,
                    "LiDAR",
                    f"it fits the pictures of {', '.join(turned)} better if it is turned by {abs(yaw):.0f} degrees to "
                    f"the {'left' if yaw > 0 else 'right'}",
                    "calibrate the LiDAR's mounting, and correct its transform",
                    "fit.lidar",
                ),
            ]
        return problems + [
            Problem(
                WARN,
                name,
                f"its pictures fit the LiDAR better if it is turned by {_turn(fit)} (edges at depth jumps: "
                f"{fit.score:.0f} standard deviations, {fit.here:.0f} as it is mounted)",
                "calibrate its mounting, and correct its transform",
                "fit.turned",
            )
            for name, fit in turned.items()
        ]

    def _exchanged(self, fits: dict[str, Fit]) -> dict[str, str]:
        """Cameras whose pictures fit another's mounting, by the camera whose mounting it is."""
        scores = {pair: one.fit().here for pair, one in self._swapped.items()}
        found = {}
        for name, fit in fits.items():
            others = {other: score for (mine, other), score in scores.items() if mine == name}
            if not others:
                continue
            best = max(others, key=lambda other: others[other])
            rest = sorted(score for other, score in others.items() if other != best)
            clear = others[best] > max([1.5 * fit.here, *([1.3 * rest[-1]] if rest else [])])
            if others[best] > _SURE and clear and fit.here < 0.6 * others[best]:
                found[name] = best
        # One that seems to fit elsewhere, while the other is content where it is, is chance.
        return {
            name: other
            for name, other in found.items()
            if other in found or (other in fits and fits[other].here < 0.5 * scores[name, other] and len(found) > 1)
        }


def is_turned(fit: Fit) -> bool:
    """Whether pictures fit clearly better where a camera is turned by 2.5 degrees or more."""
    off = max(abs(fit.yaw), abs(fit.pitch))
    if off < 2.5:
        return False
    if fit.frames < 3:
        return fit.score > 10.0 and fit.here < 0.5 * fit.score and fit.other < 0.7 * fit.score
    # A small turn is believed only where the mounting as told is clearly worse.
    share = 0.6 if off < 3.75 else 0.7
    return fit.score > _SURE and fit.here < share * fit.score and fit.other < (0.8 if off < 3.75 else 0.85) * fit.score


def _alike(fits: Sequence[Fit]) -> bool:
    yaws = np.array([fit.yaw for fit in fits])
    return bool(np.abs(yaws - np.median(yaws)).max() <= 1.5 and abs(np.median(yaws)) >= 2.5)


def _turn(fit: Fit) -> str:
    parts = []
    if abs(fit.yaw) >= 1.0:
        parts.append(f"{abs(fit.yaw):.1f} degrees to the {'right' if fit.yaw > 0 else 'left'}")
    if abs(fit.pitch) >= 1.0:
        parts.append(f"{abs(fit.pitch):.1f} degrees {'down' if fit.pitch > 0 else 'up'}")
    return " and ".join(parts)


def _other_size(shot: object, camera: Camera) -> bool:
    return (shot.width, shot.height) != (camera.width, camera.height)  # type: ignore[attr-defined]
