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

_WIDEST = 20.0
"""Distance from the axis, in focal lengths, up to which a polynomial is examined: 87 degrees."""

_STEPS = 40
"""Newton steps of `undistort`, at most."""


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
            while len(values) > 12 and values[-1] == 0.0:  # OpenCV's tilted sensor, at rest
                values = values[:-1]
            if model == PINHOLE:
                raise GeometryError(
                    f"distortion coefficients {list(values)}, but distortion_model is {self.model!r}: "
                    f"name the model"
                )
            if len(values) not in (4, 5, 8, 12):
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

        Farther out a polynomial turns back, and what it says there is of no lens. Infinite where it does not,
        or for a pinhole.
        """
        if self.is_pinhole:
            return np.inf
        if self.model == EQUIDISTANT:
            angle = np.linspace(0.0, np.pi / 2, 4001)
            k1, k2, k3, k4 = self.coefficients
            t = angle * angle
            slope = 1 + t * (3 * k1 + t * (5 * k2 + t * (7 * k3 + t * 9 * k4)))
            bad = np.flatnonzero(slope <= 0)
            return float(np.tan(angle[max(bad[0] - 1, 0)])) if len(bad) else np.inf
        r = np.linspace(0.0, _WIDEST, 20001)
        ratio, slope = self._radial(r * r)
        bad = np.flatnonzero((ratio <= 0) | (ratio + 2 * r * r * slope <= 0))
        return float(r[max(bad[0] - 1, 0)]) if len(bad) else np.inf

    def distort(self, rays: np.ndarray) -> np.ndarray:
        """Where rays come out behind the lens.

        Args:
            rays: (..., 2), x/z and y/z before the lens.

        Returns:
            (..., 2), x/z and y/z behind it; NaN beyond `reach`.
        """
        rays = np.asarray(rays, dtype=np.float64)
        if self.is_pinhole:
            return rays
        with np.errstate(over="ignore", invalid="ignore"):
            r = np.hypot(rays[..., 0], rays[..., 1])
            if self.model == EQUIDISTANT:
                bent = rays * self._equidistant_ratio(r)[..., None]
            else:
                bent = self._polynomial(rays)
            bent[~(r <= self.reach)] = np.nan
        return bent

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
        if self.model == EQUIDISTANT:
            return self._undistort_equidistant(bent)
        rays = bent.copy()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for _ in range(_STEPS):
                error = self._polynomial(rays) - bent
                a, b, c, d = self._jacobian(rays)
                determinant = a * d - b * c
                step = np.stack(
                    [
                        (d * error[..., 0] - b * error[..., 1]) / determinant,
                        (a * error[..., 1] - c * error[..., 0]) / determinant,
                    ],
                    axis=-1,
                )
                # A long step would leave the region in which the polynomial is a lens.
                length = np.maximum(np.hypot(step[..., 0], step[..., 1])[..., None], 1e-300)
                rays = rays - step * np.minimum(1.0, 0.3 / length)
                if not np.nanmax(np.abs(step), initial=0.0) > 1e-13:
                    break
            found = np.abs(self.distort(rays) - bent).max(axis=-1) < 1e-9
        rays[~found] = np.nan
        return rays

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

    def _polynomial(self, rays: np.ndarray) -> np.ndarray:
        """`distort` without its limit."""
        x, y = rays[..., 0], rays[..., 1]
        r2 = x * x + y * y
        ratio, _ = self._radial(r2)
        _, _, p1, p2, *_ = self.coefficients
        s1, s2, s3, s4 = self._prism
        return np.stack(
            [
                x * ratio + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + s2 * r2),
                y * ratio + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + s4 * r2),
            ],
            axis=-1,
        )

    def _jacobian(self, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of `_polynomial`: of x by x, of x by y, of y by x, of y by y."""
        x, y = rays[..., 0], rays[..., 1]
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

    def _undistort_equidistant(self, bent: np.ndarray) -> np.ndarray:
        goal = np.hypot(bent[..., 0], bent[..., 1])
        widest = np.arctan(self.reach)
        angle = np.minimum(goal, widest)
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
            return bent * np.where(good, ratio, np.nan)[..., None]
