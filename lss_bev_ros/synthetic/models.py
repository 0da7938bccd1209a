"""Shapes of a folder of assets as things of the world: vehicles of many colours, and houses on lots."""

from __future__ import annotations

import numpy as np

from ..geometry import Pose
from .assets import ROLES, VEHICLES, Assets, Shape
from .material import TEXTURE, Palette
from .mesh import Mesh, soup
from .vehicle import PAINTS

COLOURS = 4
"""Of each vehicle."""
_FIXED = ("ambulance", "fire truck")
_GREY = 0.10
"""A texture whose average is no more colourful than this takes any paint."""


def shape_mesh(shape: Shape, assets: Assets, palette: Palette, tint, gloss: float) -> Mesh:
    """A shape as a mesh of the world.

    Args:
        shape: of the assets.
        assets: have its textures.
        palette: takes the materials.
        tint: (3,) sRGB that grey textures are multiplied by.
        gloss: of its surface, as `surface` gives it.
    """
    material = np.zeros(len(shape.texture), np.int32)
    for number in np.unique(shape.texture).tolist():
        mine = shape.texture == number
        if number < 0:
            plain = np.unique(shape.colour[mine].round(3), axis=0)
            for colour in plain:
                same = mine & (np.abs(shape.colour - colour).max(1) < 0.01)
                red, green, blue = (float(v) for v in colour * tint)
                # A white texture: the texel of none.
                material[same] = palette.add(TEXTURE, (red, green, blue), -1.0, gloss, 1.0)
        else:
            painted = (
                tint
                if assets.is_grey(number, _GREY)
                else np.clip(np.mean(tint) * 0.4 + 0.6, 0, 1) * np.ones(3)
            )
            window = 1.0 if shape.role in VEHICLES else 0.0
            red, green, blue = (float(v) for v in painted)
            material[mine] = palette.add(
                TEXTURE, (red, green, blue), number, gloss, shape.density[number], 0.0, 0.0, window
            )
    return soup(shape.vertices, material, shape.normals, shape.uv).named(ROLES[shape.role].thing)


def paint(rng: np.random.Generator) -> np.ndarray:
    """(3,) sRGB of a car, as often as it is seen."""
    colours, weights = zip(*PAINTS, strict=True)
    chosen = np.array(colours[rng.choice(len(colours), p=np.array(weights) / sum(weights))])
    return np.clip(chosen * rng.uniform(0.85, 1.1), 0.03, 0.97)


def vehicle_meshes(assets: Assets, palette: Palette, rng: np.random.Generator) -> list[tuple[str, Mesh]]:
    """Category and mesh of every vehicle, each in `COLOURS` colours."""
    found = []
    for shape in assets.of_role(*VEHICLES):
        for _ in range(1 if shape.role in _FIXED else COLOURS):
            tint = np.full(3, 0.95) if shape.role in _FIXED else paint(rng)
            found.append((ROLES[shape.role].category, shape_mesh(shape, assets, palette, tint, 0.4)))
    return found


class Houses:
    """Puts shapes of houses onto lots.

    Args:
        assets: have the shapes.
        palette: takes the materials.
        share: of the lots that get one.
        rng: draws.
    """

    def __init__(self, assets: Assets, palette: Palette, share: float, rng: np.random.Generator) -> None:
        self._rng, self._share = rng, share
        shapes = assets.of_role("house", "building")
        self._meshes = [shape_mesh(s, assets, palette, np.ones(3), 0.04) for s in shapes]

    def on_lot(self, corners: np.ndarray) -> Mesh | None:
        """A house on a lot (4, 2) of the world, counter-clockwise; None where a drawn one is to stand there.

        Lots of other proportions than any house's stay for drawn ones.
        """
        drawn, turned = self._rng.random(), self._rng.random() < 0.5
        if drawn > self._share or not self._meshes:
            return None
        across, along = corners[1] - corners[0], corners[3] - corners[0]
        lot = np.array([np.linalg.norm(across), np.linalg.norm(along)])
        fitting = []
        for mesh in self._meshes:
            low, high = mesh.bounds
            factor = lot / (high - low)[:2]
            if 0.45 < factor[0] / factor[1] < 2.2 and factor.max() < 2.5:
                fitting.append((mesh, factor))
        if not fitting:
            return None
        mesh, factor = fitting[self._rng.integers(len(fitting))]
        if turned:
            mesh = mesh.scaled([-1.0, -1.0, 1.0])
        height = float(np.sqrt(factor.prod())) * self._rng.uniform(0.85, 1.3)
        mesh = mesh.scaled([*factor, height])
        yaw = float(np.arctan2(across[1], across[0]))
        return mesh.moved(Pose.from_yaw(yaw, (*corners.mean(0), 0.15)))
