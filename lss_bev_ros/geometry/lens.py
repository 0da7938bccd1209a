"""What a lens does to the rays of a pinhole: the models of sensor_msgs/CameraInfo, with OpenCV's formulas.

All coordinates here are normalised: a ray (x, y, 1) of the optical frame, x right and y down, before or
behind the lens. A camera's intrinsics make pixels of what is behind the lens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import GeometryError

PINHOLE, PLUMB_BOB, RATIONAL, EQUIDISTANT = "pinhole", "plumb_bob", "rational_polynomial", "equidistant"

_ALIASES = {
    "": PINHOLE,
    "none": PINHOLE,
    "pinhole": PINHOLE,
    "perspective": PINHOLE,
    "plumb_bob": PLUMB_BOB,
    "plumb bob": PLUMB_BOB,
    "brown_conrady": PLUMB_BOB,
    "radtan": PLUMB_BOB,
    "rational_polynomial": RATIONAL,
    "equidistant": EQUIDISTANT,
    "fisheye": EQUIDISTANT,
    "kannala_brandt": EQUIDISTANT,
    "kannala_brandt4": EQUIDISTANT,
}
"""Names that drivers give to the models, in lower case."""

_COUNTS = (4, 5, 8, 12)
"""Coefficients that a polynomial may have."""

_WIDEST = 20.0
"""Distance from the axis, in focal lengths, up to which a polynomial may be a lens: 87 degrees."""

_STEPS = 40
"""Newton steps of `undistort`, at most."""

_STRIDE = 0.3
"""Length of one of them, at most."""


@dataclass(frozen=True)
class Lens:
    """A lens, as sensor_msgs/CameraInfo names it.

    Attributes:
        model: `pinhole`, `plumb_bob`, `rational_polynomial` or `equidistant`; other names of the same models
            are taken too. A model whose coefficients are all 0 is a `pinhole`, but for `equidistant`, which
            bends rays without any.
        coefficients: as in OpenCV. `plumb_bob` and `rational_polynomial`: k1, k2, p1, p2, then k3, then k4,
            k5, k6, then s1, s2, s3, s4 (4, 5, 8 or 12 of them; their number says which terms there are, as
            it does in OpenCV, whatever the name). `equidistant`: k1 to k4.

    Raises:
        GeometryError: a model that is not known, or coefficients that do not fit it.
    """

    model: str = PINHOLE
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        model = _ALIASES.get(str(self.model).strip().lower())
        values = tuple(float(value) for value in self.coefficients)
        if model is None and any(values):
            raise GeometryError(
                f"distortion model {self.model!r} is not known: calibrate the camera as plumb_bob, "
                f"rational_polynomial or equidistant, or publish rectified images"
            )
        if not np.isfinite(values).all():
            raise GeometryError(
                f"distortion coefficients {list(values)} must be finite: calibrate the camera"
            )
        if model == EQUIDISTANT:
            if len(values) > 4 and not any(values[4:]):
                values = values[:4]
            if len(values) not in (0, 4):
                raise GeometryError(
                    f"{self.model} has 4 distortion coefficients, not {len(values)}: "
                    f"correct d or distortion_model"
                )
            values = values or (0.0,) * 4
        elif not any(values):
            model, values = PINHOLE, ()
        else:
            # Zeros that fill an array up say nothing, nor does OpenCV's tilted sensor at rest.
            while len(values) > 5 and len(values) not in _COUNTS and values[-1] == 0.0:
                values = values[:-1]
            if model == PINHOLE:
                raise GeometryError(
                    f"distortion coefficients {list(values)}, but distortion_model is {self.model!r}: "
                    f"name the model"
                )
            if len(values) not in _COUNTS:
                raise GeometryError(
                    f"{self.model} has 4, 5, 8 or 12 distortion coefficients, not {len(values)}: "
                    f"correct d or distortion_model"
                )
            model = PLUMB_BOB if len(values) <= 5 else RATIONAL
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "coefficients", values)

    @property
    def is_pinhole(self) -> bool:
        """Whether rays go straight through."""
        return self.model == PINHOLE

    @cached_property
    def reach(self) -> float:
        """Distance from the axis before the lens, up to which it is unambiguous.

        Farther out a polynomial turns back, and what it says there is of no lens. Infinite for a pinhole, and
        for an `equidistant` lens that does not turn back.
        """
        return self._radii[0]

    def distort(self, rays: np.ndarray) -> np.ndarray:
        """Where rays come out behind the lens.

        Args:
            rays: (..., 2), x/z and y/z before the lens.

        Returns:
            (..., 2), x/z and y/z behind it; NaN beyond `reach`.
        """
        rays = np.asarray(rays, dtype=np.float64)
        return rays if self.is_pinhole else np.stack(self.bend(rays[..., 0], rays[..., 1]), axis=-1)

    def bend(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`distort` of x and y by themselves, of any shapes that broadcast."""
        if self.is_pinhole:
            return x, y
        with np.errstate(over="ignore", invalid="ignore"):
            r2 = x * x + y * y
            if self.model == EQUIDISTANT:
                ratio = self._equidistant_ratio(np.sqrt(r2))
                bent_x, bent_y = x * ratio, y * ratio
            else:
                bent_x, bent_y = self._polynomial(x, y, r2)
            beyond = ~(r2 <= self.reach * self.reach)
            if beyond.any():
                bent_x[beyond] = bent_y[beyond] = np.nan
        return bent_x, bent_y

    def undistort(self, bent: np.ndarray) -> np.ndarray:
        """The rays before the lens that come out at `bent`: what `distort` undoes.

        Args:
            bent: (..., 2), x/z and y/z behind the lens.

        Returns:
            (..., 2), x/z and y/z before it; NaN where no ray within `reach` comes out there, rays from the
            side or from behind included.
        """
        bent = np.asarray(bent, dtype=np.float64)
        if self.is_pinhole:
            return bent
        goal = np.hypot(bent[..., 0], bent[..., 1])
        _, before, behind = self._radii
        start = np.interp(goal, behind, before)
        if self.model == EQUIDISTANT:
            return self._undistort_equidistant(bent, goal, start)
        goal_x, goal_y = bent[..., 0], bent[..., 1]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ratio = np.where(goal > 1e-9, start / np.maximum(goal, 1e-9), 1.0)
            x, y = goal_x * ratio, goal_y * ratio
            for _ in range(_STEPS):
                found_x, found_y = self._polynomial(x, y, x * x + y * y)
                error_x, error_y = found_x - goal_x, found_y - goal_y
                a, b, c, d = self._jacobian(x, y)
                determinant = a * d - b * c
                step_x = (d * error_x - b * error_y) / determinant
                step_y = (a * error_y - c * error_x) / determinant
                # A long step would leave the region in which the polynomial is a lens.
                share = np.minimum(1.0, _STRIDE / np.maximum(np.hypot(step_x, step_y), 1e-300))
                x, y = x - share * step_x, y - share * step_y
                if not max(np.nanmax(np.abs(each), initial=0.0) for each in (step_x, step_y)) > 1e-13:
                    break
            found_x, found_y = self.bend(x, y)
            found = np.hypot(found_x - goal_x, found_y - goal_y) < 1e-9 * np.maximum(1.0, goal)
        return np.where(found[..., None], np.stack([x, y], axis=-1), np.nan)

    @cached_property
    def _radii(self) -> tuple[float, np.ndarray, np.ndarray]:
        """`reach`; then distances before and behind the lens, rising, within it. Angles if `equidistant`."""
        if self.is_pinhole:
            return np.inf, np.zeros(1), np.zeros(1)
        if self.model == EQUIDISTANT:
            angle = np.linspace(0.0, np.pi / 2, 4001)
            bent, slope = self._bent_angle(angle)
            count = _leading(slope > 0)
            reach = float(np.tan(angle[count - 1])) if count < len(angle) else np.inf
            return reach, angle[:count], bent[:count]
        r = np.linspace(0.0, _WIDEST, 20001)
        with np.errstate(over="ignore", invalid="ignore"):
            ratio, slope = self._radial(r * r)
            # What the other terms can do at most: where the radial one outweighs them, no two rays meet.
            _, _, p1, p2, *_ = self.coefficients
            s1, s2, s3, s4 = self._prism
            others = 6 * np.hypot(p1, p2) * r
            others += 2 * r * np.hypot(s1 + 2 * s2 * r * r, s3 + 2 * s4 * r * r)
            count = _leading(np.minimum(ratio, ratio + 2 * r * r * slope) > others)
        return float(r[count - 1]), r[:count], (r * ratio)[:count]

    # -- formulas of OpenCV's calib3d and fisheye modules -------------------------------------------------

    @property
    def _prism(self) -> tuple[float, ...]:
        return self.coefficients[8:12] if len(self.coefficients) >= 12 else (0.0,) * 4

    def _radial(self, r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The radial factor and its derivative by r squared."""
        k1, k2, _, _, *rest = self.coefficients
        k3, k4, k5, k6 = (*rest, 0.0, 0.0, 0.0, 0.0)[:4]
        above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
        above_slope = k1 + r2 * (2 * k2 + r2 * 3 * k3)
        below_slope = k4 + r2 * (2 * k5 + r2 * 3 * k6)
        # Behind a pole of the quotient there is no lens: a factor of 0 ends `reach` there.
        fine = below > 1e-9
        below = np.where(fine, below, 1.0)
        ratio = np.where(fine, above / below, 0.0)
        return ratio, np.where(fine, (above_slope - ratio * below_slope) / below, 0.0)

    def _polynomial(self, x: np.ndarray, y: np.ndarray, r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`bend` without its limit; r2 is x * x + y * y."""
        ratio, _ = self._radial(r2)
        _, _, p1, p2, *_ = self.coefficients
        bent_x, bent_y = x * ratio, y * ratio
        if p1 or p2:
            # p2 (r2 + 2 x x) + 2 p1 x y, and the same of y.
            along = 2 * (p1 * y + p2 * x)
            bent_x += x * along + p2 * r2
            bent_y += y * along + p1 * r2
        s1, s2, s3, s4 = self._prism
        if s1 or s2 or s3 or s4:
            bent_x += r2 * (s1 + s2 * r2)
            bent_y += r2 * (s3 + s4 * r2)
        return bent_x, bent_y

    def _jacobian(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of `_polynomial`: of x by x, of x by y, of y by x, of y by y."""
        r2 = x * x + y * y
        ratio, slope = self._radial(r2)
        _, _, p1, p2, *_ = self.coefficients
        s1, s2, s3, s4 = self._prism
        across = 2 * x * y * slope + 2 * (p1 * x + p2 * y)
        prism_x, prism_y = 2 * (s1 + 2 * s2 * r2), 2 * (s3 + 2 * s4 * r2)
        return (
            ratio + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x + x * prism_x,
            across + y * prism_x,
            across + x * prism_y,
            ratio + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x + y * prism_y,
        )

    def _bent_angle(self, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angle behind an equidistant lens and its derivative, by the angle before it."""
        k1, k2, k3, k4 = self.coefficients
        t = angle * angle
        return (
            angle * (1 + t * (k1 + t * (k2 + t * (k3 + t * k4)))),
            1 + t * (3 * k1 + t * (5 * k2 + t * (7 * k3 + t * 9 * k4))),
        )

    def _equidistant_ratio(self, r: np.ndarray) -> np.ndarray:
        bent, _ = self._bent_angle(np.arctan(r))
        return np.where(r > 1e-9, bent / np.maximum(r, 1e-9), 1.0)

    def _undistort_equidistant(self, bent: np.ndarray, goal: np.ndarray, angle: np.ndarray) -> np.ndarray:
        widest = np.arctan(self.reach)
        for _ in range(_STEPS):
            found, slope = self._bent_angle(angle)
            step = (found - goal) / np.maximum(slope, 1e-6)
            angle = np.clip(angle - step, 0.0, widest)
            if not np.nanmax(np.abs(step), initial=0.0) > 1e-14:
                break
        found, _ = self._bent_angle(angle)
        good = (np.abs(found - goal) < 1e-9) & (angle < np.pi / 2 - 1e-6)
        with np.errstate(invalid="ignore"):
            ratio = np.where(goal > 1e-9, np.tan(angle) / np.maximum(goal, 1e-9), 1.0)
            straight: np.ndarray = bent * np.where(good, ratio, np.nan)[..., None]
        return straight


def _leading(good: np.ndarray) -> int:
    """How many of (N,) bool are true before the first that is not; the axis counts as good."""
    bad = np.flatnonzero(~good[1:])
    return int(bad[0]) + 1 if len(bad) else len(good)
