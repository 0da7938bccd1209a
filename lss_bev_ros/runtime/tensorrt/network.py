"""The network as engines, with the interface of the CUDA backend's own networks.

Camera encoder, our splat kernel, BEV encoder: `EncodersNetwork`. One engine with the splat as standard
operators: `WholeNetwork`. Both are stages of launches on fixed tensors, which the CUDA backend captures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ...errors import RuntimeBackendError
from ...model import ModelConfig, SplatTable
from ..cuda.percent import count_percent
from ..cuda.splat import splat_kernels
from ..cuda.splat_tables import CameraTables, DeviceTables
from ..segment_tables import NAMES, SegmentSizes, SegmentTables
from .layout import EngineLayout
from .module import TensorRtModule

Stages = dict[str, list[Callable[[], object]]]


def assemble(
    modules: Sequence[TensorRtModule], layout: EngineLayout, cameras: int, device: torch.device
) -> tuple[EncodersNetwork | WholeNetwork, DeviceTables]:
    """Allocate the tensors of the engines and put them together, for a number of cameras.

    Returns:
        The network and the tables that it reads.

    Raises:
        RuntimeBackendError: the engines are not for so many cameras, or do not fit the network.
    """
    for module, shapes in zip(modules, layout.shapes(cameras), strict=True):
        module.allocate(shapes)
    config = layout.config
    if len(modules) == 1:
        tables: DeviceTables = SegmentDeviceTables(config, cameras, modules[0], device)
        return WholeNetwork(modules[0], config, cameras, tables), tables
    camera, bev = modules
    tables = DeviceTables(config, cameras, device)
    return EncodersNetwork(camera, bev, config, cameras, tables), tables


class EncodersNetwork:
    """Two engines and the splat kernel between them.

    Args:
        camera: the camera encoder, its tensors allocated. Images are channels first; depth and features are
            pixels first, or channels first where torch2trt made them of the plain modules.
        bev: the BEV encoder; its input likewise.
        config: sizes of the network.
        cameras: number of them.
        tables: that the splat reads.
    """

    def __init__(
        self,
        camera: TensorRtModule,
        bev: TensorRtModule,
        config: ModelConfig,
        cameras: int,
        tables: DeviceTables,
    ):
        self._tables = tables
        self._camera, self._bev_encoder = camera, bev
        height, width = config.image_height, config.image_width
        rows, columns = config.feature_shape
        nx, ny = config.grid.shape
        self._planar = _shaped(camera, _first(camera, True), (cameras, 3, height, width))
        device, dtype = self._planar.device, self._planar.dtype
        self.images = torch.zeros(cameras, height, width, 3, dtype=dtype, device=device)
        outputs = [name for name, info in camera.info.items() if not info.is_input]
        depth, features = _named(outputs, "depth", 0), _named(outputs, "features", 1)
        pixels = (cameras, rows, columns)
        self._depth, self._take_depth = _last(camera, depth, pixels, config.depth_bins, torch.float32)
        self._features, self._take_features = _last(camera, features, pixels, config.channels, dtype)
        self._kernels = splat_kernels(dtype)
        given = bev.tensors[_first(bev, True)]
        channels_first = tuple(given.shape) == (1, config.channels, nx, ny)
        if channels_first:
            self.bev = torch.zeros(nx, ny, config.channels, dtype=dtype, device=device)
            self._place_bev: Callable[[], object] = lambda: given.copy_(
                self.bev.permute(2, 0, 1).unsqueeze(0)
            )
        else:
            self.bev = _shaped(bev, _first(bev, True), (1, nx, ny, config.channels))[0]
            self._place_bev = _nothing
        found = _shaped(bev, _first(bev, False), (1, config.outputs, nx, ny))
        self.logits = torch.zeros(config.outputs, nx, ny, device=device)
        self._found = found[0]
        self.occupancy = torch.zeros(nx, ny, dtype=torch.int8, device=device)
        self.stages: Stages = {
            "camera_encoder": [self._place_images, camera.launch, self._take_depth, self._take_features],
            "splat": [self._splat],
            "bev_encoder": [self._place_bev, bev.launch],
            "postprocess": [self._decide],
        }

    def _place_images(self) -> None:
        self._planar.copy_(self.images.permute(0, 3, 1, 2))

    def _splat(self) -> None:
        t = self._tables
        bev = self.bev.view(-1, self.bev.shape[-1])
        self._kernels.forward(self._depth, self._features, t.weights, t.cells, t.starts, t.count, bev)

    def _decide(self) -> None:
        self.logits.copy_(self._found)
        tables = self._tables
        self.occupancy.copy_(count_percent(self.logits[0], tables.thresholds, tables.seen))


class WholeNetwork:
    """One engine, whose splat reads `SegmentTables`.

    Args:
        network: the engine of the part `network`, its tensors allocated.
        config: sizes of the network.
        cameras: number of them.
        tables: whose segments the engine's inputs are.
    """

    def __init__(self, network: TensorRtModule, config: ModelConfig, cameras: int, tables: DeviceTables):
        self._tables = tables
        height, width = config.image_height, config.image_width
        nx, ny = config.grid.shape
        self._planar = _shaped(network, "images", (1, cameras, 3, height, width))[0]
        device, dtype = self._planar.device, self._planar.dtype
        self.images = torch.zeros(cameras, height, width, 3, dtype=dtype, device=device)
        # Nothing of this backend's lies between the encoders, so there is nothing to clear either.
        self.bev = torch.zeros(0, dtype=dtype, device=device)
        self.logits = torch.zeros(config.outputs, nx, ny, device=device)
        self._found = _shaped(network, "logits", (1, config.outputs, nx, ny))[0]
        self.occupancy = torch.zeros(nx, ny, dtype=torch.int8, device=device)
        self.stages: Stages = {"network": [self._place_images, network.launch], "postprocess": [self._decide]}

    def _place_images(self) -> None:
        self._planar.copy_(self.images.permute(0, 3, 1, 2))

    def _decide(self) -> None:
        self.logits.copy_(self._found)
        tables = self._tables
        self.occupancy.copy_(count_percent(self.logits[0], tables.thresholds, tables.seen))


class SegmentDeviceTables(DeviceTables):
    """Tables of the CUDA backend that also fill the inputs of an engine with the splat inside.

    Args:
        config: of the network.
        cameras: number of them.
        network: the engine, its tensors allocated.
        device: where they live.
    """

    def __init__(self, config: ModelConfig, cameras: int, network: TensorRtModule, device: torch.device):
        super().__init__(config, cameras, device)
        self._config, self._cameras = config, cameras
        self._inputs = {name: network.tensors[name] for name in NAMES if name in network.tensors}
        self._sizes = None
        if self._inputs:
            hits, width = self._inputs["segments"].shape
            self._sizes = SegmentSizes(self._inputs["points"].shape[0], hits, width)

    def load(self, tables: CameraTables) -> None:
        """See `DeviceTables.load`."""
        super().load(tables)
        if not self._inputs:
            return
        rows, columns = self._config.feature_shape
        pixels = self._cameras * rows * columns
        made = SegmentTables.build(
            [host_table(tables, self._config)], pixels, self._config.depth_bins, self._sizes
        )
        for name, values in made.arrays().items():
            self._inputs[name].copy_(torch.from_numpy(values))


def host_table(tables: CameraTables, config: ModelConfig) -> SplatTable:
    """The `SplatTable` of tables on the device, whose points are numbered over all cameras of the rig."""
    nx, ny = config.grid.shape
    weights, cells, starts = (values.cpu().long() for values in (tables.weights, tables.cells, tables.starts))
    counts = torch.zeros(nx * ny, dtype=torch.int64)
    counts[cells] = starts.diff()
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), counts.cumsum(0)))
    return SplatTable((nx, ny), weights // config.depth_bins, weights, cells, starts, offsets)


def _first(module: TensorRtModule, is_input: bool) -> str:
    return next(info.name for info in module.info.values() if info.is_input == is_input)


def _named(names: list[str], name: str, place: int) -> str:
    """A tensor by its name in our exports, or by its place in others'."""
    return name if name in names else names[place]


def _shaped(module: TensorRtModule, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = module.tensors.get(name)
    if tensor is None or tuple(tensor.shape) != shape:
        found = None if tensor is None else tuple(tensor.shape)
        raise RuntimeBackendError(
            f"{module.name}: {name} is {found}, and the network needs {shape}: "
            f"export it for this number of cameras and this grid, and build it again"
        )
    return tensor


def _last(
    module: TensorRtModule, name: str, pixels: tuple[int, int, int], channels: int, dtype: torch.dtype
) -> tuple[torch.Tensor, Callable[[], object]]:
    """A camera encoder's output as (pixels, channels), and what brings it there."""
    tensor = module.tensors[name]
    cameras, rows, columns = pixels
    first = tuple(tensor.shape) == (cameras, channels, rows, columns)
    if not first:
        tensor = _shaped(module, name, (*pixels, channels))
        if tensor.dtype == dtype:
            return tensor.view(-1, channels), _nothing
    into = torch.zeros(*pixels, channels, dtype=dtype, device=tensor.device)
    source = tensor.permute(0, 2, 3, 1) if first else tensor
    return into.view(-1, channels), lambda: into.copy_(source)


def _nothing() -> None:
    """What is where it belongs needs no step."""
