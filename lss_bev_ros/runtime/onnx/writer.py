"""The network, or one of its encoders, as an ONNX model.

PyTorch's own exporter is not used: what it writes depends on its version (the ROS 2 machines have many), it
takes a minute and the package onnxscript where this takes a second and needs none, and it knows neither the
gather form of the splat nor which steps of fp16 have to be fp32. Whatever is written here is compared with
PyTorch right away by `lss-bev export`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ...geometry import Rig
from ...model import ModelConfig
from ...model.multi_sense import MultiSense, Network, sizes_of
from ...model.senses import SensesConfig
from ..calibration_tables import CalibrationTables
from ..return_tables import ReturnSizes
from ..segment_tables import SegmentSizes, SegmentTables
from . import splat
from .description import PARTS, OnnxDescription, PlanTables, hash_weights
from .encoders import FP32, bev_encoder, bev_features, camera_encoder
from .graph import DTYPES, Graph
from .senses import fuser, head_shape, heads, lidar_encoder, memory_inputs, return_inputs

if TYPE_CHECKING:
    import onnx

DYNAMIC = ("batch", "cameras", "tables")


@dataclass(frozen=True)
class OnnxOptions:
    """What to write.

    Attributes:
        part: `network`, `camera` or `bev`.
        precision: `fp32`, or `fp16` for weights and activations (the softmax stays fp32).
        batch: samples at once.
        cameras: cameras a sample.
        dynamic: which of DYNAMIC are left free.
        rig: makes the splat's tables constants of this rig; None makes them inputs.
        weights: which weights, in a few words.
        senses: of the multi-sense network, those that the file takes; none for all that the weights have.
        heads: likewise, those that it answers with.
        returns: LiDAR returns within the grid that there is room for, of all samples together, where `tables`
            is not dynamic.
    """

    part: str = "network"
    precision: str = "fp32"
    batch: int = 1
    cameras: int = 6
    dynamic: tuple[str, ...] = ()
    rig: Rig | None = None
    weights: str = ""
    senses: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    returns: int = 65536

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ModelError(f"part {self.part!r} must be one of {', '.join(PARTS)}")
        if self.precision not in DTYPES:
            raise ModelError(f"precision {self.precision!r} must be one of {', '.join(DTYPES)}")
        strangers = [name for name in self.dynamic if name not in DYNAMIC]
        if strangers:
            raise ModelError(f"dynamic {', '.join(strangers)} must be among {', '.join(DYNAMIC)}")
        if self.batch < 1 or self.cameras < 1:
            raise ModelError(f"batch {self.batch} and cameras {self.cameras} must be at least 1")
        if self.returns < 1:
            raise ModelError(f"returns {self.returns} must be at least 1")
        if self.rig is not None:
            if self.part != "network":
                raise ModelError(f"part {self.part!r} holds no splat, so it takes no tables")
            if self.dynamic or self.batch != 1 or self.cameras != len(self.rig.cameras):
                raise ModelError(
                    f"constant tables are of one sample of {len(self.rig.cameras)} cameras: "
                    f"leave batch, cameras and dynamic alone, or let the tables be inputs"
                )

    def table_sizes(self, config: ModelConfig) -> SegmentSizes | None:
        """What the splat's tables hold, or None where that is free or follows from the rig."""
        if self.dynamic or self.rig is not None:
            return None
        return SegmentSizes.roomy(config, self.batch * self.cameras)


def write_network(model: Network, options: OnnxOptions) -> onnx.ModelProto:
    """Write a model of any channel widths.

    Inputs and outputs, B samples of N cameras; fp16 where that is the precision, logits always float32:

    | part | in | out |
    |---|---|---|
    | camera | images (B * N, 3, H, W), normalised | depth (B * N, h, w, D), features (B * N, h, w, C) |
    | bev | bev (B, nx, ny, C) | logits (B, outputs, nx, ny) |
    | network | images (B, N, 3, H, W), normalised; `SegmentTables` | logits (B, outputs, nx, ny) |

    Of a multi-sense network the outputs are the heads' raw answers by their names, always float32, and
    `remembered` (B, C, nx, ny) where memory is among the senses. Its senses are inputs beside the images:

    | sense | of `network` | of `bev` |
    |---|---|---|
    | cameras | images, `SegmentTables` | bev (B, nx, ny, C) |
    | lidar | `ReturnTables` | lidar_bev (B, nx, ny, C) |
    | memory | memory (B, C, nx, ny), an earlier `remembered`; warp (B, nx, ny, 2) float32, see |
    | | `model.memory.sampled_places`, filled with NOWHERE where nothing is remembered; age (B,) float32, s |

    Args:
        model: in evaluation mode.
        options: what to write.

    Raises:
        ModelError: the model cannot be written so.
    """
    if model.training:
        raise ModelError("the network is in training mode, where nothing can be folded: call model.eval()")
    config = sizes_of(model)
    senses = _chosen(model, options)
    graph = Graph(options.precision)
    batch: int | str = "batch" if "batch" in options.dynamic else options.batch
    cameras: int | str = "cameras" if "cameras" in options.dynamic else options.cameras
    image = (3, config.image_height, config.image_width)
    nx, ny = config.grid.shape
    sees = senses is None or "cameras" in senses.senses
    if options.part == "camera":
        free = not (isinstance(batch, int) and isinstance(cameras, int))
        count = "images" if free else options.batch * options.cameras
        camera_encoder(graph, model.camencode, graph.input("images", (count, *image)))
        pixels = (count, *config.feature_shape)
        graph.output("depth", (*pixels, config.depth_bins))
        graph.output("features", (*pixels, config.channels))
    elif options.part == "bev":
        if sees:
            graph.input("bev", (batch, nx, ny, config.channels))
    elif sees:
        graph.input("images", (batch, cameras, *image))
        _tables(graph, config, options, batch)
        camera_encoder(graph, model.camencode, graph.reshape("camencode.images", "images", [-1, *image]))
        splat.splat(graph, config)
    if options.part != "camera":
        if isinstance(model, MultiSense):
            assert senses is not None
            _answers(graph, model, options, senses, batch)
        else:
            bev_encoder(graph, model.bevencode, "bev")
            graph.output("logits", (batch, config.outputs, nx, ny), FP32)
    rig = options.rig
    description = OnnxDescription(
        part=options.part,
        precision=options.precision,
        config=config,
        weights=options.weights,
        weights_sha256=hash_weights(model),
        tables="" if options.part != "network" else "inputs" if rig is None else "constant",
        rig=rig.fingerprint if rig else "",
        cameras=rig.names if rig else (),
        senses=None if options.part == "camera" else senses,
        plan=None if options.part == "camera" else _plan(model, senses),
    )
    return graph.finish(f"lss_{options.part}", description.metadata())


def _chosen(model: Network, options: OnnxOptions) -> SensesConfig | None:
    """The senses and heads that are written; None for the published network.

    Raises:
        ModelError: the network lacks one of them, or is the published one and has none to choose.
    """
    if not isinstance(model, MultiSense):
        if options.senses or options.heads:
            raise ModelError("the published network has no senses and heads to choose: leave them out")
        return None
    chosen: dict[str, Any] = {}
    for what in ("senses", "heads"):
        had, asked = getattr(model.config, what), getattr(options, what)
        if lacking := [name for name in asked if name not in had]:
            raise ModelError(f"the weights have no {what} {', '.join(lacking)}: use some of {', '.join(had)}")
        chosen[what] = tuple(name for name in had if not asked or name in asked)
    senses = replace(model.config, **chosen)
    if options.part == "camera" and "cameras" not in senses.senses:
        raise ModelError("there is no camera encoder without the sense cameras: choose another part")
    if options.rig is not None and "cameras" not in senses.senses:
        raise ModelError("constant tables are of cameras, which are not among the senses: leave the rig out")
    return senses


def _answers(
    graph: Graph, model: MultiSense, options: OnnxOptions, senses: SensesConfig, batch: int | str
) -> None:
    """From the senses' maps to the heads' answers; LiDAR's and memory's inputs too."""
    channels, grid = senses.model.channels, senses.model.grid.shape
    if "lidar" in senses.senses:
        if options.part == "bev":
            graph.input("lidar_bev", (batch, *grid, channels))
        else:
            sizes = asdict(ReturnSizes.roomy(options.returns))
            free: dict[str, int | str] = {name: name for name in sizes}
            return_inputs(graph, senses, batch, free if options.dynamic else sizes)
            lidar_encoder(graph, model.lidarencode)
    if "memory" in senses.senses:
        memory_inputs(graph, senses, batch)
    fused = fuser(graph, model, senses.senses, batch)
    heads(graph, model, senses.heads, bev_features(graph, model.bevencode, fused))
    for name in senses.heads:
        graph.output(name, head_shape(name, model, batch), FP32)
    if "memory" in senses.senses:
        graph.output("remembered", (batch, channels, *grid))


def _plan(model: Network, senses: SensesConfig | None) -> PlanTables | None:
    if senses is None or "plan" not in senses.heads:
        return None
    assert isinstance(model, MultiSense)
    assert model.plan is not None
    return PlanTables.of(model.plan)


def _tables(graph: Graph, config: ModelConfig, options: OnnxOptions, batch: int | str) -> None:
    if options.rig is not None:
        rows, columns = config.feature_shape
        table = CalibrationTables.of_rig(options.rig, config).splat
        pixels = len(options.rig.cameras) * rows * columns
        splat.table_constants(graph, SegmentTables.build([table], pixels, config.depth_bins))
        return
    # A free number of cameras needs free tables too.
    sizes = options.table_sizes(config)
    free: dict[str, int | str] = {field.name: field.name for field in fields(SegmentSizes)}
    splat.table_inputs(graph, config, batch, asdict(sizes) if sizes else free)
