"""Rigid transforms as tf2 keeps them: a translation and a unit quaternion."""

from __future__ import annotations

import math
from dataclasses import dataclass

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]  # x, y, z, w


@dataclass(frozen=True)
class RigidTransform:
    """Takes points of a child frame to its parent: `rotation` (x, y, z, w), then `translation` (metres)."""

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """Compose: first `other`, then this."""
        (x, y, z), (u, v, w) = self.translation, _rotate(self.rotation, other.translation)
        translation = (x + u, y + v, z + w)
        return RigidTransform(translation, _multiply(self.rotation, other.rotation))

    def inverse(self) -> RigidTransform:
        """The transform from parent to child."""
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        u, v, t = _rotate(back, self.translation)
        return RigidTransform((-u, -v, -t), back)

    def interpolate(self, other: RigidTransform, ratio: float) -> RigidTransform:
        """Between this (0) and another (1): straight in translation, along the great arc in rotation."""
        x, y, z = (a + ratio * (b - a) for a, b in zip(self.translation, other.translation, strict=True))
        return RigidTransform((x, y, z), _slerp(self.rotation, other.rotation, ratio))


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotate(q: Quaternion, v: Vector) -> Vector:
    x, y, z, w = q
    # v + 2 w (u x v) + 2 u x (u x v) for u = (x, y, z)
    cx, cy, cz = y * v[2] - z * v[1], z * v[0] - x * v[2], x * v[1] - y * v[0]
    return (
        v[0] + 2.0 * (w * cx + y * cz - z * cy),
        v[1] + 2.0 * (w * cy + z * cx - x * cz),
        v[2] + 2.0 * (w * cz + x * cy - y * cx),
    )


def _slerp(a: Quaternion, b: Quaternion, ratio: float) -> Quaternion:
    """Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985."""
    cosine = sum(p * q for p, q in zip(a, b, strict=True))
    if cosine < 0.0:  # the same rotation, the shorter way
        cosine, b = -cosine, (-b[0], -b[1], -b[2], -b[3])
    angle = math.acos(min(1.0, cosine))
    if angle < 1e-6:
        mixed = tuple(p + ratio * (q - p) for p, q in zip(a, b, strict=True))
    else:
        near, far = math.sin((1.0 - ratio) * angle), math.sin(ratio * angle)
        mixed = tuple((near * p + far * q) / math.sin(angle) for p, q in zip(a, b, strict=True))
    norm = math.sqrt(sum(each * each for each in mixed))
    x, y, z, w = (each / norm for each in mixed)
    return x, y, z, w
