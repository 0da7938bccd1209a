"""Draws the samples of a parcel: the steps of `stream.Studio`, a kernel each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numba import cuda

from ...geometry import BevGrid
from ..assets import Assets
from ..develop import respond
from ..lidar import COLUMNS, RINGS
from ..material import REFLECTANCE
from ..parcel import PERIOD, Parcel
from ..response import COLUMNS as RESPONSE
from ..response import Response
from ..scenery import LEVEL, PLAIN_SCENERY
from ..sensors import HEIGHT, WIDTH
from ..shading import film_curve
from ..shadow import CONTACT_RADIUS, CONTACT_SCALE, FAR_RADIUS, NEAR_RADIUS
from ..shutter import rolled
from ..stream import DEPTH_STRIDE, SHADOW_SIZE
from ..things import THINGS
from ..voxels import HEIGHTS, PRIORITY_STEP, lattice, values_of
from ..weather import NEAREST_LAMPS
from . import beams, picture, shadows, visibility, voxels
from .place import VIEWS, place

THREADS = 128
"""Threads of a block; a warp at least."""
BLOCKS = (4096, 1), (128, 32)
"""Blocks that draw the queues of large and of huge triangles."""
CAMERAS = VIEWS - 1


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples on the device.

    Attributes:
        images: (S, 6, H, W, 3) uint8 RGB, cameras in the order of `CAMERA_NAMES`.
        depth: (S, 6, H / 4, W / 4) uint8, as in `training.sample.Sample`.
        raster: (S, nx * ny) uint8, as well.
        calibration: (S, 6, 21) float32, as well.
        hits: (S, A) int32, LiDAR returns by actor number.
        points: (S, COLUMNS * RINGS, 4) float16: x, y, z in metres, base_link, and intensity, 0 to 1, of each
            beam, in the order of firing; NaN where none comes back.
        things: (F, nx, ny, heights) uint8 of the parcel's `filled` samples, see `voxels.thing_voxels`.
        present: (S, 6) bool, the cameras that the cars have.
    """

    images: torch.Tensor
    depth: torch.Tensor
    raster: torch.Tensor
    calibration: torch.Tensor
    hits: torch.Tensor
    points: torch.Tensor
    things: torch.Tensor
    present: torch.Tensor


class GpuStudio:
    """Draws on one device; buffers are PyTorch's, kernels run on its current stream.

    Args:
        scale: size of the pictures, 1 for 1600 x 900.
        device: a CUDA device, or the CPU under numba's simulator (NUMBA_ENABLE_CUDASIM=1).
        chunk: samples that are drawn at a time.
        shadow_size: elements of a shadow map's side.
        queue: large triangles that a step can hold.
        grid: of the voxels.
        assets: that the worlds of the parcels were drawn with.
    """

    def __init__(
        self,
        scale: float,
        device: torch.device | str = "cuda",
        chunk: int = 8,
        shadow_size: int = SHADOW_SIZE,
        queue: int = 1 << 22,
        grid: BevGrid | None = None,
        assets: Assets | None = None,
    ) -> None:
        self._size = round(WIDTH * scale), round(HEIGHT * scale)
        self._scale, self._device, self._chunk = scale, torch.device(device), chunk
        if str(self._device) == "cuda":
            self._device = torch.device("cuda", torch.cuda.current_device())
        self._blocks = BLOCKS if self._device.type == "cuda" else ((2, 1), (1, 2))
        self._shadow_size, self._room = shadow_size, queue
        self._curve = self._send(film_curve())
        self._reflectance = self._send(REFLECTANCE)
        self._values = self._send(values_of(np.arange(len(THINGS))))
        self._grid = grid or BevGrid()
        skies = [] if assets is None else [sky.map for sky in assets.skies]
        self._texels = self._send(PLAIN_SCENERY.texels if assets is None else assets.texels)
        self._textures = self._send(PLAIN_SCENERY.textures if assets is None else assets.textures)
        self._skies = self._send(np.stack(skies) if skies else PLAIN_SCENERY.sky[None])

    def draw(self, parcel: Parcel, cells: int = 200 * 200) -> Drawn:
        """Draw all samples of a parcel; `cells` are those of the grid that it was packed for."""
        on = {name: self._send(array) for name, array in parcel.arrays().items()}
        parts = [
            self._draw(on, parcel, slice(first, min(first + self._chunk, len(parcel))), cells)
            for first in range(0, len(parcel), self._chunk)
        ]
        return Drawn(*(torch.cat([getattr(part, name) for part in parts]) for name in Drawn.__annotations__))

    def warm_up(self) -> None:
        """Draw next to nothing, so that the kernels are compiled before the first world is there."""
        one, byte = np.zeros(1, np.int32), np.zeros(1, np.uint8)
        corner = np.eye(3, dtype=np.float32)[None] + np.float32(5)
        half, wide = np.zeros((1, 3, 3), np.float16), np.zeros((1, 3, 2), np.float32)
        eye = np.tile(np.eye(3), (1, CAMERAS, 1, 1))
        self.draw(
            Parcel(
                corner, half, wide, one, byte + 1, one, corner, half, wide, one, byte,
                np.array([[0, 0, 1, -1, 0, 0]], np.int32), np.zeros((1, 12), np.float32),
                np.zeros((1, 3), np.float32), np.array([[0, 1]], np.int32), one, one.astype(np.float32),
                np.zeros((1, 1, 3), np.float32), np.zeros((1, 1, 8), np.float32), np.ones((1, 19)),
                np.eye(3)[None], np.zeros((1, 3)), np.eye(4)[None, :3], one,
                np.zeros((1, 4, 2)), np.array([0, 1], np.int32),
                eye, np.zeros((1, CAMERAS, 3)), np.ones((1, CAMERAS, 4)),
                np.zeros((1, CAMERAS), np.float32), np.zeros((1, CAMERAS), np.int64),
                np.zeros((1, COLUMNS, 3, 4)), np.zeros(1), np.zeros(1, np.int64), one, one, one,
                np.zeros((1, CAMERAS, 21), np.float32),
                np.ones((1, CAMERAS), bool), np.zeros((1, CAMERAS, RESPONSE), np.float32),
                np.zeros((1, CAMERAS, 6), np.float32), one - 1,
                np.zeros((1, 5)), np.zeros((1, NEAREST_LAMPS, 8), np.float32), LEVEL, np.zeros(2),
            )
        )  # fmt: skip

    def _draw(self, on: dict[str, torch.Tensor], parcel: Parcel, part: slice, cells: int) -> Drawn:
        fixed, count = len(parcel.vertices), part.stop - part.start
        mine = (parcel.instances[:, 0] >= part.start) & (parcel.instances[:, 0] < part.stop)
        low, high = np.flatnonzero(mine)[[0, -1]]
        instances = on["instances"][low : high + 1].clone()
        instances[:, 0] -= part.start
        poses, velocities = on["poses"][low : high + 1], on["velocities"][low : high + 1]
        moving = on["moving"][part]
        room = int(parcel.moving[part, 1].max())
        mesh, body = self._placed(on, instances, poses, velocities, on["ahead"][part], fixed, room, count)
        vertices, normals, uv, material, thing, owner = mesh
        scene = (vertices, fixed, room, moving)
        axes, places = on["axes"][part], on["places"][part]
        offsets, scales, maps = self._shadow_maps(scene, axes, places)
        corners = places[:, :2] - CONTACT_RADIUS
        contact = self._contact(on["outlines"], on["outline_first"][part.start : part.stop + 1], corners)

        lenses = on["lenses"][part].flatten(0, 1) * self._scale
        lenses[:, 2:] += (self._scale - 1) / 2
        rotations, origins = on["rotations"][part].flatten(0, 1), on["origins"][part].flatten(0, 1)
        buffers = self._visible(scene, rotations, origins, lenses)
        width, height = self._size
        images = self._empty((count * CAMERAS, height, width, 3), torch.uint8)
        self._run(
            picture.shade, (-(-height * width // THREADS), count * CAMERAS),
            buffers, fixed, room, rotations, origins, lenses, vertices, normals, uv, material, owner,
            on["kind"], on["colours"][part], on["params"][part], on["lights"][part],
            axes, offsets, scales, maps, contact, corners, on["seeds"][part].flatten(), self._curve,
            self._texels, self._textures, self._skies, on["sky"][part], on["weather"][part],
            on["lamps"][part], on["ground"], on["ground_corner"], images,
        )  # fmt: skip
        response = Response.of_table(parcel.response[part].reshape(-1, RESPONSE))
        if response.readout.any():
            near = (buffers[:, ::2, ::2] >> 22).double() / visibility.KEY_SCALE
            motions, readout = on["motions"][part].flatten(0, 1), self._send(response.readout)
            images = rolled(images, near.float(), lenses, motions, readout)
        images = respond(images, response, parcel.seeds[part].ravel(), self._scale)
        shape = height // DEPTH_STRIDE, width // DEPTH_STRIDE
        depth = self._empty((count * CAMERAS, *shape), torch.uint8)
        grid = (-(-shape[1] // 32), -(-shape[0] // 4), count * CAMERAS)
        self._run(visibility.depths, grid, buffers, 2 * DEPTH_STRIDE, depth, threads=(32, 4))
        absent = ~on["present"][part].flatten()
        images[absent], depth[absent] = 0, 255

        travelled = velocities.double().norm(dim=1) * PERIOD + 0.1
        actors = int(max(parcel.owner.max(initial=0), parcel.instances[:, 3].max(initial=0))) + 1
        hits, points = self._echoes(
            scene, body, velocities, travelled, places, on["sensor"][part], on["slack"][part],
            material, owner, on["kind"], on["bright"], on["to_ego"][part], on["lidar_seeds"][part], actors,
        )  # fmt: skip
        filled = parcel.filled[(parcel.filled >= part.start) & (parcel.filled < part.stop)] - part.start
        raster = torch.zeros(count, cells, dtype=torch.int32, device=self._device)
        entries = np.flatnonzero((parcel.cell_sample >= part.start) & (parcel.cell_sample < part.stop))
        if len(entries):
            span = slice(entries[0], entries[-1] + 1)
            sample = on["cell_sample"][span] - part.start
            self._run(
                beams.mark, -(-len(entries) // THREADS),
                on["cells"][span], on["cell_owner"][span], sample, hits, raster,
            )  # fmt: skip
        return Drawn(
            images.view(count, CAMERAS, *images.shape[1:]),
            depth.view(count, CAMERAS, *shape),
            raster.to(torch.uint8),
            on["calibration"][part],
            hits,
            points.half(),
            self._things(scene, thing, filled, on["to_ego"][part]),
            on["present"][part],
        )

    def _placed(self, on, instances, poses, velocities, ahead, fixed: int, room: int, count: int):
        """The triangles of all views, and which instance each moving one belongs to."""
        total = fixed + count * VIEWS * room
        mesh = []
        for name, shape in (("vertices", (3, 3)), ("normals", (3, 3)), ("uv", (3, 2))):
            rows = self._empty((total, *shape), torch.float32)
            rows[:fixed] = on[name]
            mesh.append(rows)
        for name, kind in (("material", torch.int32), ("thing", torch.uint8), ("owner", torch.int32)):
            # Places that no instance takes stay without a name.
            rows = torch.zeros(total, dtype=kind, device=self._device)
            rows[:fixed] = on[name]
            mesh.append(rows)
        body = self._empty((count, room), torch.int32)
        self._run(
            place, (len(instances), VIEWS),
            instances, poses, velocities, ahead, fixed, room,
            on["model_vertices"], on["model_normals"].float(), on["model_uv"], on["model_material"],
            on["model_thing"], *mesh, body,
        )  # fmt: skip
        return mesh, body

    def _visible(self, scene, rotations, origins, lenses) -> torch.Tensor:
        """(P, 2 H, 2 W) int64, see `visibility`."""
        vertices, fixed, room, moving = scene
        width, height = self._size
        buffers = torch.zeros(len(origins), 2 * height, 2 * width, dtype=torch.int64, device=self._device)
        fine = 2 * lenses
        fine[:, 2:] += 0.5
        queue, queued = self._queue()
        grid = (-(-(fixed + room) // THREADS), len(origins))
        self._run(
            visibility.draw, grid,
            vertices, fixed, room, moving, rotations, origins, fine, buffers, queue, queued,
        )  # fmt: skip
        for level, blocks in enumerate(self._blocks):
            self._run(
                visibility.draw_queued, blocks,
                vertices, fixed, room, rotations, origins, fine, buffers, queue, queued, level,
            )  # fmt: skip
        return buffers

    def _shadow_maps(self, scene, axes: torch.Tensor, places: torch.Tensor):
        """Corners (S, 2, 2), scales (2,) and maps (S, 2, size, size) of the near and the far map."""
        vertices, fixed, room, moving = scene
        radius = torch.tensor([NEAR_RADIUS, FAR_RADIUS], dtype=torch.float64, device=self._device)
        scales = self._shadow_size / (2 * radius)
        middle = (axes[:, :2] @ places[..., None])[..., 0]
        offsets = torch.floor((middle[:, None] - radius[:, None]) * scales[:, None]) / scales[:, None]
        shape = len(axes), 2, self._shadow_size, self._shadow_size
        maps = torch.full(shape, shadows.BELOW, dtype=torch.int32, device=self._device)
        queue, queued = self._queue()
        grid = (-(-(fixed + room) // THREADS), 2 * len(axes))
        self._run(
            shadows.cast_shadows, grid,
            vertices, fixed, room, moving, axes, offsets, scales, maps, queue, queued,
        )  # fmt: skip
        for level, blocks in enumerate(self._blocks):
            self._run(
                shadows.cast_queued, blocks, vertices, axes, offsets, scales, maps, queue, queued, level
            )
        return offsets, scales, maps.float() / shadows.STEPS

    def _contact(self, outlines, first, corners) -> torch.Tensor:
        """(S, N, N) float32 share of the sky that vehicles hide from the ground."""
        size = int(2 * CONTACT_RADIUS * CONTACT_SCALE)
        filled = self._empty((len(corners), size, size), torch.float32)
        grid = (-(-size // 32), -(-size // 4), len(corners))
        self._run(shadows.footprints, grid, outlines, first, corners, filled, threads=(32, 4))

        def blur(values: torch.Tensor, width: int) -> torch.Tensor:
            padded = F.pad(values, [width // 2] * 4, mode="reflect")
            return F.avg_pool2d(padded, width, stride=1)

        near, far = blur(blur(filled[:, None], 7), 5), blur(blur(filled[:, None], 17), 11)
        return (0.55 * near + 0.3 * far)[:, 0].contiguous()

    def _echoes(
        self, scene, body, velocities, travelled, places, sensor, slack, material, owner, kind, bright,
        to_ego, seeds, actors: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """(S, A) int32 LiDAR returns by actor, and the (S, COLUMNS * RINGS, 4) float32 points."""
        vertices, fixed, room, moving = scene
        count = len(moving)
        nearest = torch.full((count, COLUMNS, RINGS), beams.MISS, dtype=torch.int64, device=self._device)
        queue, queued = self._queue()
        grid = (-(-(fixed + room) // THREADS), count)
        self._run(
            beams.fire, grid,
            vertices, fixed, room, moving, body, velocities, travelled, places, sensor, slack,
            nearest, queue, queued,
        )  # fmt: skip
        self._run(
            beams.fire_queued, self._blocks[0],
            vertices, fixed, room, body, velocities, travelled, sensor, slack, nearest, queue, queued,
        )  # fmt: skip
        hits = torch.zeros(count, actors, dtype=torch.int32, device=self._device)
        points = torch.full((count, COLUMNS * RINGS, 4), torch.nan, device=self._device)
        self._run(
            beams.echoes, (-(-COLUMNS * RINGS // THREADS), count),
            nearest, vertices, fixed, room, material, owner, kind, bright, self._reflectance, sensor,
            to_ego, seeds, hits, points,
        )  # fmt: skip
        return hits, points

    def _things(self, scene, thing: torch.Tensor, filled: np.ndarray, to_ego) -> torch.Tensor:
        """(F, nx, ny, heights) uint8 of some samples."""
        vertices, fixed, room, moving = scene
        shape = len(filled), *self._grid.shape, HEIGHTS
        packed = torch.zeros(shape, dtype=torch.int32, device=self._device)
        if len(filled):
            low, size = (self._send(each) for each in lattice(self._grid))
            values, samples = self._values[thing.int()], self._send(filled.astype(np.int32))
            queue, queued = self._queue()
            self._run(
                voxels.fill, (-(-(fixed + room) // THREADS), len(filled)),
                vertices, values, fixed, room, moving, samples, to_ego, low, size, packed, queue, queued,
            )  # fmt: skip
            self._run(
                voxels.fill_queued, self._blocks[0],
                vertices, values, samples, to_ego, low, size, packed, queue, queued,
            )  # fmt: skip
        return (packed % PRIORITY_STEP).to(torch.uint8)

    def _queue(self) -> tuple[torch.Tensor, torch.Tensor]:
        return (
            self._empty((2, self._room, 2), torch.int32),
            torch.zeros(2, dtype=torch.int32, device=self._device),
        )

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=self._device)

    def _send(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _run(self, kernel, blocks, *arguments, threads=None) -> None:
        """Launch a kernel on PyTorch's current stream."""
        if self._device.type == "cuda":
            stream = cuda.external_stream(torch.cuda.current_stream(self._device).cuda_stream)
            seen = [
                cuda.as_cuda_array(a.detach(), sync=False) if isinstance(a, torch.Tensor) else a
                for a in arguments
            ]
            kernel[blocks, threads or THREADS, stream](*seen)
        else:
            seen = [a.numpy() if isinstance(a, torch.Tensor) else a for a in arguments]
            kernel[blocks, threads or THREADS](*seen)
