"""Models, textures and skies of a folder, for a street that is made of photographs where it can be.

The package ships none. What a file is for is told by words in its path (`ROLES`), and by an `assets.json` in
the folder where there is one: `{"cars/x.obj": {"role": "car", "front": "-y"}}`, paths relative to the folder;
the role "" leaves a file out. Units and axes differ from model to model and are often declared wrongly, so a
model is turned upright and scaled to the size that its role has in the world.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..errors import DatasetError
from .image_light import PhotographedSky, load_sky

if TYPE_CHECKING:
    import trimesh

MESHES = (".obj", ".dae")
PICTURES = (".png", ".jpg", ".jpeg")
SKIES = (".exr",)
MOST_TRIANGLES = 20_000
TEXTURE_SIDE = 512
"""Textures are made no larger, texels."""
UNITS = (1.0, 0.01, 0.0254, 0.001, 0.3048)
"""Metres of a unit that models are made in: metres, centimetres, inches, millimetres, feet."""
_OFF = 1.7
"""A model whose length, width or height is farther from its role's, after scaling, is not one."""
_CREASE = np.radians(42.0)
_CUT_OUT = 0.02
"""Share of see-through texels from which a texture cannot be drawn as a closed surface."""


@dataclass(frozen=True)
class Role:
    """What a model can be in the world.

    Attributes:
        category: nuScenes category; empty for what is not annotated.
        thing: in `things.THINGS`.
        size: typical length, width and height, metres.
        words: in a path that tell the role, the more telling roles first in `ROLES`.
    """

    category: str
    thing: str
    size: tuple[float, float, float]
    words: tuple[str, ...]


ROLES: dict[str, Role] = {
    "ambulance": Role("vehicle.emergency.ambulance", "van", (6.2, 2.2, 2.7), ("ambulance",)),
    "fire truck": Role("vehicle.truck", "truck", (8.6, 2.5, 3.0), ("fire_truck", "firetruck", "fire_engine")),
    "bus": Role("vehicle.bus.rigid", "bus", (11.5, 2.7, 3.3), ("bus", "coach")),
    "pickup": Role("vehicle.truck", "pickup truck", (5.5, 2.1, 1.85), ("pickup",)),
    "truck": Role("vehicle.truck", "truck", (7.5, 2.5, 3.2), ("truck", "lorry")),
    "trailer": Role("vehicle.trailer", "trailer", (8.0, 2.5, 3.5), ("trailer",)),
    "construction": Role(
        "vehicle.construction", "construction vehicle", (6.5, 2.6, 3.1), ("excavator", "digger", "loader")
    ),
    "suv": Role("vehicle.car", "suv", (4.7, 2.1, 1.85), ("suv", "jeep")),
    "van": Role("vehicle.car", "van", (5.0, 2.0, 2.1), ("van", "minivan")),
    "car": Role(
        "vehicle.car",
        "hatchback",
        (4.5, 1.95, 1.52),
        ("hatchback", "sedan", "car", "prius", "hybrid", "coupe", "taxi", "wagon"),
    ),
    "cone": Role("movable_object.trafficcone", "traffic cone", (0.4, 0.4, 0.85), ("cone", "barrel")),
    "barrier": Role("movable_object.barrier", "barrier", (2.2, 0.6, 0.9), ("barrier",)),
    "house": Role(
        "", "house", (11.0, 9.0, 6.5), ("house", "cottage", "bungalow"),
    ),
    "building": Role(
        "",
        "building",
        (18.0, 15.0, 11.0),
        (
            "apartment", "office", "shop", "store", "school", "salon", "station", "fast_food", "post_office",
            "building", "gas_station", "police_station",
        ),
    ),
}  # fmt: skip
VEHICLES = (
    "ambulance",
    "fire truck",
    "bus",
    "pickup",
    "truck",
    "trailer",
    "construction",
    "suv",
    "van",
    "car",
)
GROUNDS = {
    "asphalt": ("asphalt", "road_blank", "tarmac"),
    "paving": ("concrete", "paving", "pavement", "sidewalk"),
    "grass": ("grass", "lawn"),
    "brick": ("brick",),
}
"""Pictures that are laid over surfaces, and words in their names."""
_NEVER = ("wheel", "wheels", "body", "stop", "sign", "bus_stop", "interior", "post", "light")
"""Words of models of parts, and of things that are drawn well enough."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A model, upright on the ground around its origin, x forward, metres.

    Attributes:
        name: its file, relative to the folder.
        role: in `ROLES`.
        vertices: (T, 3, 3) float32.
        normals: (T, 3, 3) float32, unit.
        uv: (T, 3, 2) float32, 1 for a texture's width and height, v up.
        texture: (T,) int32 in `Assets.textures`, -1 for plain colour.
        colour: (T, 3) float32 sRGB from 0 to 1, where there is no texture.
        density: texels a metre of each of its textures, by their number.
    """

    name: str
    role: str
    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    colour: np.ndarray
    density: Mapping[int, float]

    @property
    def size(self) -> np.ndarray:
        """(3,) length, width and height, metres."""
        return np.asarray(self.vertices.max((0, 1)) - self.vertices.min((0, 1)), np.float64)


@dataclass(frozen=True, eq=False)
class Assets:
    """Everything that a folder has.

    Attributes:
        folder: where it is.
        shapes: the models.
        texels, textures: as in `Scenery`.
        grounds: by the names of `GROUNDS` the numbers of pictures in `textures`.
        skies: photographs of whole skies.
        notices: a line for each file that is not used, or not as it is, and why.
    """

    folder: Path
    shapes: tuple[Shape, ...]
    texels: np.ndarray
    textures: np.ndarray
    grounds: Mapping[str, tuple[int, ...]]
    skies: tuple[PhotographedSky, ...]
    notices: tuple[str, ...]

    def average(self, number: int) -> np.ndarray:
        """(3,) average colour of a texture, linear RGB."""
        first, width, height, _ = (int(v) for v in self.textures[number])
        texels: np.ndarray = (self.texels[first : first + width * height] / 255.0) ** 2.2
        return texels.mean(0)

    def is_grey(self, number: int, spread: float) -> bool:
        """Whether a texture's average colours differ by so much of the brightest at most."""
        average = self.average(number) ** (1 / 2.2)
        return bool(average.max() - average.min() <= spread * max(float(average.max()), 0.1))

    def of_role(self, *roles: str) -> tuple[Shape, ...]:
        """The models of some roles."""
        return tuple(shape for shape in self.shapes if shape.role in roles)


def load_assets(folder: Path | str) -> Assets:
    """Read a folder of models (OBJ, DAE), pictures of surfaces (PNG, JPEG) and skies (EXR).

    Raises:
        DatasetError: there is no such folder, nothing in it can be used, or its `assets.json` is damaged.
        ImportError: for what the extra `assets` installs.
    """
    import trimesh  # noqa: F401  (said at once rather than at the first model)

    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; give --assets one with OBJ, DAE, PNG, JPEG or EXR files"
        )
    told = _manifest(folder)
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    shelf = _Shelf(folder, {p.name.lower(): p for p in reversed(found) if p.suffix.lower() in PICTURES})
    shapes: list[Shape] = []
    grounds: dict[str, list[int]] = {name: [] for name in GROUNDS}
    notices: list[str] = []
    for path in found:
        name, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        facts = told.get(name, {})
        if suffix in MESHES:
            role = facts.get("role", role_of(name))
            if not role:
                continue
            try:
                shape, said = _shape(path, name, role, facts, shelf)
                notices += said
                shapes.append(shape)
            except DatasetError as error:
                notices.append(str(error))
        elif suffix in PICTURES:
            for ground, words in GROUNDS.items():
                if facts.get("role", _first_word(path.stem, words) and ground) == ground:
                    try:
                        grounds[ground].append(shelf.add(_read(path)))
                    except DatasetError as error:
                        notices.append(str(error))
    if told and (unknown := sorted(set(told) - {p.relative_to(folder).as_posix() for p in found})):
        notices.append(f"{folder / 'assets.json'}: no file {unknown[0]}; give paths relative to {folder}")
    skies: list[PhotographedSky] = []
    for path in found:
        if path.suffix.lower() in SKIES:
            try:
                skies.append(load_sky(path))
            except DatasetError as error:
                notices.append(str(error))
    if not shapes and not skies and not any(grounds.values()):
        reason = f" ({notices[0]})" if notices else ""
        raise DatasetError(
            f"{folder}: nothing in it can be used{reason}; it takes OBJ, DAE, PNG, JPEG or EXR"
        )
    texels, textures = shelf.table()
    return Assets(
        folder,
        tuple(shapes),
        texels,
        textures,
        {name: tuple(numbers) for name, numbers in grounds.items()},
        tuple(skies),
        tuple(notices),
    )


def role_of(name: str) -> str:
    """The role of a model, told by words in its path: those of the file first; empty where none does."""
    for part in (Path(name).stem, *(p.name for p in Path(name).parents)):
        if any(_first_word(part, (word,)) for word in _NEVER):
            return ""
        for role, facts in ROLES.items():
            if _first_word(part, facts.words):
                return role
    return ""


def _first_word(text: str, words: tuple[str, ...]) -> bool:
    """Whether one of the words stands in a name, whole."""
    text = re.sub(r"[^a-z0-9]+", "_", text.lower())
    return any(re.search(rf"(^|_){word}(_|[0-9]|$)", text) for word in words)


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "assets.json"
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or not all(isinstance(v, dict) for v in told.values()):
            raise ValueError("an object of objects is wanted")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}; see lss_bev_ros.synthetic.assets for its form") from None
    for name, facts in told.items():
        role, front = facts.get("role", ""), facts.get("front", "+x")
        roles = tuple(GROUNDS) if Path(name).suffix.lower() in PICTURES else tuple(ROLES)
        if role not in ("", *roles):
            raise DatasetError(f"{path}: {name}: role {role!r} is none of {', '.join(roles)}")
        if front not in ("+x", "-x", "+y", "-y", "+z", "-z"):
            raise DatasetError(f"{path}: {name}: front {front!r} must be +x, -x, +y, -y, +z or -z")
    return told


class _Shelf:
    """Collects textures; each file has one number."""

    def __init__(self, folder: Path, by_name: Mapping[str, Path]) -> None:
        self.folder, self.by_name = folder, by_name
        self._numbers: dict[bytes, int] = {}
        self._pictures: list[np.ndarray] = []
        self.cut_out: set[int] = set()

    def find(self, name: str, near: Path) -> Path | None:
        """A picture that a model names, wherever in the folder it lies."""
        name = name.replace("\\", "/").removeprefix("file://")
        beside = (near.parent / name).resolve()
        if beside.is_file() and beside.is_relative_to(self.folder.resolve()):
            return beside
        # Models are moved about without their textures' paths, so a file of that name below the same model.
        for root in (near.parent, near.parent.parent):
            if root.is_relative_to(self.folder) and root != self.folder:
                for path in sorted(root.rglob("*")):
                    if path.name.lower() == Path(name).name.lower():
                        return path
        return self.by_name.get(Path(name).name.lower())

    def only(self, near: Path) -> Path | None:
        """The picture that a model must mean that names none: the one of its colours in its folder."""
        for root in (near.parent, near.parent.parent):
            if root.is_relative_to(self.folder) and root != self.folder:
                found = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in PICTURES]
                colours = [
                    p for p in found if "diffuse" in p.name.lower() or p.stem.lower() == near.stem.lower()
                ]
                if len(colours) == 1:
                    return colours[0]
        return None

    def add(self, picture: np.ndarray) -> int:
        """The number of a texture (H, W, 3 or 4) uint8 RGB; the same one twice has one."""
        content = hashlib.sha256(picture.tobytes()).digest()
        if content not in self._numbers:
            number = self._numbers[content] = len(self._pictures)
            if picture.shape[2] == 4:
                if (picture[..., 3] < 128).mean() > _CUT_OUT:
                    self.cut_out.add(number)
                # What is seen through on a vehicle is its windows: the dark behind them.
                picture = (picture[..., :3] * (picture[..., 3:] / 255.0)).round().astype(np.uint8)
            sides = [_power(min(side, TEXTURE_SIDE)) for side in picture.shape[1::-1]]
            smaller = cv2.resize(picture[..., :3], sides, interpolation=cv2.INTER_AREA)
            self._pictures.append(np.ascontiguousarray(smaller))
        return self._numbers[content]

    def sides(self, number: int) -> tuple[int, int]:
        """Width and height of a texture."""
        return self._pictures[number].shape[1], self._pictures[number].shape[0]

    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """`Scenery.texels` and `Scenery.textures`."""
        texels, rows, first = [], [], 0
        for picture in self._pictures:
            levels = [picture]
            while min(levels[-1].shape[:2]) > 1:
                height, width = levels[-1].shape[:2]
                levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
            rows.append((first, picture.shape[1], picture.shape[0], len(levels)))
            texels += [level.reshape(-1, 3) for level in levels]
            first += sum(level.shape[0] * level.shape[1] for level in levels)
        if not rows:
            return np.zeros((1, 3), np.uint8), np.zeros((1, 4), np.int32)
        return np.concatenate(texels), np.array(rows, np.int32)


def _read(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """(H, W, 3 or 4) uint8 RGB of a file."""
    content = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(content, flags) if len(content) else None
    if picture is None or picture.dtype != np.uint8:
        raise DatasetError(f"{path}: no picture of 8 bits that can be read; save it as PNG or JPEG")
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, 2)
    return np.ascontiguousarray(picture[..., [2, 1, 0, *range(3, picture.shape[2])]])


def _power(side: int) -> int:
    """The greatest power of two up to a side."""
    return 1 << (max(side, 1).bit_length() - 1)


def _shape(
    path: Path, name: str, role: str, facts: Mapping[str, Any], shelf: _Shelf
) -> tuple[Shape, list[str]]:
    missing: list[str] = []
    parts = _parts(path, name, shelf, missing)
    said = [f"{name}: names {it}, which is nowhere in the folder; put it beside the model" for it in missing]
    triangles = sum(len(part.faces) for part in parts)
    if not triangles:
        raise DatasetError(f"{name}: has no triangles; left out")
    if triangles > MOST_TRIANGLES:
        raise DatasetError(
            f"{name}: {triangles} triangles are too many to draw often; simplify it below {MOST_TRIANGLES}"
        )
    vertices = np.concatenate([p.vertices[p.faces] for p in parts]).astype(np.float64)
    normals = np.concatenate([_creased(p.vertices, p.faces) for p in parts])
    uv, texture, colour = [], [], []
    for part in parts:
        picture, count = _picture(part), len(part.faces)
        placed = getattr(part.visual, "uv", None) is not None
        if picture is None and placed and (other := shelf.only(path)):
            picture = _read(other, cv2.IMREAD_UNCHANGED)
            line = f"{name}: names no texture; {other.name} of its folder is taken"
            said += [line] if line not in said else []
        number = -1 if picture is None else shelf.add(picture)
        coordinates = np.zeros((len(part.vertices), 2)) if picture is None else np.asarray(part.visual.uv)
        if not np.isfinite(coordinates).all():
            raise DatasetError(f"{name}: places in its texture are no numbers; export it anew; left out")
        uv.append(coordinates[part.faces])
        texture.append(np.full(count, number))
        colour.append(np.tile(_plain_colour(part), (count, 1)))
    numbers = np.concatenate(texture)
    if role not in VEHICLES and shelf.cut_out & set(numbers.tolist()):
        raise DatasetError(f"{name}: its texture is cut out along transparency, which is not drawn; left out")
    if (numbers < 0).all():
        said.append(f"{name}: has no texture; drawn in its plain colour")
    turned, scale = upright(vertices, role, name, facts.get("front"))
    vertices, normals = vertices @ turned.T * scale, normals @ turned.T
    if not any(abs(scale / unit - 1) < 0.12 for unit in UNITS):
        said.append(f"{name}: scaled by {scale:.4g} to the size of a {role}, since its unit is unknown")
    low, high = vertices.min((0, 1)), vertices.max((0, 1))
    vertices -= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    everywhere = np.concatenate(uv).astype(np.float32)
    density = {}
    for number in np.unique(numbers[numbers >= 0]).tolist():
        mine = numbers == number
        width, height = shelf.sides(number)
        metres = _area(vertices[mine]).sum()
        texels = _area(np.pad(everywhere[mine] * [width, height], ((0, 0), (0, 0), (0, 1)))).sum()
        density[number] = float(np.sqrt(texels / max(metres, 1e-6)))
    shape = Shape(
        name,
        role,
        vertices.astype(np.float32),
        normals.astype(np.float32),
        everywhere,
        numbers.astype(np.int32),
        np.concatenate(colour).astype(np.float32),
        density,
    )
    return shape, said


def _parts(path: Path, name: str, shelf: _Shelf, missing: list[str]) -> list[trimesh.Trimesh]:
    """The meshes of a file, where its scene puts them; `missing` gets the textures that are nowhere."""
    import trimesh
    from trimesh.resolvers import Resolver

    class Beside(Resolver):
        """Gives a loader what a model names, wherever in the folder it lies: models are moved about."""

        def __init__(self) -> None:
            pass

        def get(self, key: str) -> bytes:
            beside = path.parent / key
            if Path(key).suffix.lower() == ".mtl" and beside.is_file():
                return beside.read_bytes()
            found = shelf.find(key, path)
            if found is None:
                missing.append(key)
                raise FileNotFoundError(key)
            return found.read_bytes()

        def write(self, name: str, data: object) -> None:
            raise NotImplementedError

        def namespaced(self, namespace: str) -> Resolver:
            return self

        def keys(self) -> list[str]:
            return [p.name for p in path.parent.iterdir()]

    level = logging.getLogger("trimesh").level
    # It warns with a traceback of each normal map that is missing, which nobody draws.
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    try:
        scene = trimesh.load_scene(path, resolver=Beside())
        parts = scene.dump()
    except Exception as error:
        # Loaders raise whatever comes to them on files that are cut short or of another make.
        raise DatasetError(
            f"{name}: cannot be read ({type(error).__name__}: {error}); export it anew as OBJ"
        ) from None
    finally:
        logging.getLogger("trimesh").setLevel(level)
    return [part for part in parts if isinstance(part, trimesh.Trimesh) and len(part.faces)]


def _picture(part: trimesh.Trimesh) -> np.ndarray | None:
    """The base texture of a mesh, (H, W, 3 or 4) uint8 RGB."""
    material = getattr(part.visual, "material", None)
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    # Loaders give a few grey pixels where a material file is missing.
    if image is None or getattr(part.visual, "uv", None) is None or min(image.size) < 4:
        return None
    return np.asarray(image.convert("RGBA" if "A" in image.getbands() else "RGB"))


def _plain_colour(part: trimesh.Trimesh) -> np.ndarray:
    """(3,) sRGB from 0 to 1 of a mesh without texture."""
    material = getattr(part.visual, "material", None)
    colour = getattr(material, "main_color", None)
    if colour is None:
        colour = getattr(part.visual, "main_color", (128, 128, 128, 255))
    return np.asarray(colour, np.float64)[:3] / 255.0


def upright(vertices: np.ndarray, role: str, name: str, front: str | None = None) -> tuple[np.ndarray, float]:
    """How to turn a model upright with x forward, and metres a unit, so that it has its role's size.

    Args:
        vertices: (T, 3, 3) of its triangles.
        role: in `ROLES`.
        name: for errors.
        front: axis that it looks along, such as `-y`; judged by its shape where None.

    Raises:
        DatasetError: its proportions are not those of its role.
    """
    typical = np.array(ROLES[role].size)
    low, high = vertices.min((0, 1)), vertices.max((0, 1))
    extent = high - low
    if not (np.isfinite(extent).all() and (extent > 0).all()):
        raise DatasetError(f"{name}: is flat or has corners at infinity; left out")
    stands = np.abs(low) < 0.12 * extent
    best: tuple[float, np.ndarray, float] | None = None
    # Z is up in most models of this trade, y in most others.
    for up, reluctance in ((2, 0.0), (1, 0.15)):
        rest = [axis for axis in range(3) if axis != up]
        for ahead in rest:
            side = next(axis for axis in rest if axis != ahead)
            if front and "xyz".index(front[1]) != ahead:
                continue
            sizes = extent[[ahead, side, up]]
            scale = float(np.exp(np.log(typical / sizes).mean()))
            off = float(np.abs(np.log(sizes * scale / typical)).max())
            cost = off + reluctance + (0.0 if stands[up] else 0.3)
            if best is None or cost < best[0] - 1e-9:
                turned = np.zeros((3, 3))
                turned[0, ahead], turned[2, up] = 1.0, 1.0
                turned[1] = np.cross(turned[2], turned[0])
                best = cost, turned, scale
    if best is None:
        raise DatasetError(f"{name}: front {front} cannot be its way and its up; say another in assets.json")
    _, turned, scale = best
    sizes = np.abs(turned) @ extent * scale
    if np.abs(np.log(sizes / typical)).max() > np.log(_OFF):
        shown = " x ".join(f"{v:.3g}" for v in extent)
        raise DatasetError(
            f"{name}: its proportions ({shown}) are not those of a {role}; left out, unless assets.json "
            f"gives it another role"
        )
    nearest = min(UNITS, key=lambda unit: abs(np.log(scale / unit)))
    if abs(scale / nearest - 1) < 0.12:
        scale = nearest
    if front:
        backward = front[0] == "-"
    else:
        # Bonnets are lower than what lies behind them.
        placed = vertices @ turned.T
        backward = role in VEHICLES and _mean_height(placed, True) > _mean_height(placed, False)
    if backward:
        turned = np.diag([-1.0, -1.0, 1.0]) @ turned
    return turned, scale


def _mean_height(vertices: np.ndarray, ahead: bool) -> float:
    """Of the upper surface of the first or the last fifth of a model that stands upright along x."""
    low, high = vertices.min((0, 1)), vertices.max((0, 1))
    share = (vertices[..., 0] - low[0]) / (high[0] - low[0])
    mine = share > 0.8 if ahead else share < 0.2
    heights = vertices[..., 2][mine]
    return float(np.percentile(heights, 90)) if len(heights) else 0.0


def _creased(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(T, 3, 3) unit shading normals at the corners of faces: smooth, but across creases of `_CREASE`."""
    corners = np.asarray(vertices, np.float64)[faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    _, where = np.unique(np.asarray(vertices).round(6), axis=0, return_inverse=True)
    total = np.zeros((len(vertices), 3))
    for k in range(3):
        np.add.at(total, where.reshape(-1)[faces[:, k]], flat)
    flat = flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12)
    smooth = total[where.reshape(-1)[faces]]
    smooth /= np.linalg.norm(smooth, axis=-1, keepdims=True) + 1e-12
    near = (smooth * flat[:, None]).sum(-1, keepdims=True) > np.cos(_CREASE)
    return np.where(near, smooth, flat[:, None])


def _area(triangles: np.ndarray) -> np.ndarray:
    """(T,) areas of triangles (T, 3, 3)."""
    sides = triangles[:, 1:] - triangles[:, :1]
    areas: np.ndarray = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=-1) / 2
    return areas
