"""The network, or one of its encoders, as an ONNX model.

PyTorch's own exporter is not used: what it writes depends on its version (the ROS 2 machines have many), it
takes a minute and the package onnxscript where this takes a second and needs none, and it knows neither the
gather form of the splat nor which steps of fp16 have to be fp32. Whatever is written here is compared with
PyTorch right away by `lss-bev export`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from ...errors import ModelError
from ...geometry import Rig
from ...model import LiftSplatShoot, ModelConfig
from ..calibration_tables import CalibrationTables
from ..segment_tables import SegmentSizes, SegmentTables
from . import splat
from .description import PARTS, OnnxDescription, hash_weights
from .encoders import FP32, bev_encoder, camera_encoder
from .graph import DTYPES, Graph

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
    """

    part: str = "network"
    precision: str = "fp32"
    batch: int = 1
    cameras: int = 6
    dynamic: tuple[str, ...] = ()
    rig: Rig | None = None
    weights: str = ""

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


def write_network(model: LiftSplatShoot, options: OnnxOptions) -> onnx.ModelProto:
    """Write a model of any channel widths.

    Inputs and outputs, B samples of N cameras; fp16 where that is the precision, logits always float32:

    | part | in | out |
    |---|---|---|
    | camera | images (B * N, 3, H, W), normalised | depth (B * N, h, w, D), features (B * N, h, w, C) |
    | bev | bev (B, nx, ny, C) | logits (B, outputs, nx, ny) |
    | network | images (B, N, 3, H, W), normalised; `SegmentTables` | logits (B, outputs, nx, ny) |

    Args:
        model: in evaluation mode.
        options: what to write.

    Raises:
        ModelError: the model cannot be written so.
    """
    if model.training:
        raise ModelError("the network is in training mode, where nothing can be folded: call model.eval()")
    config = model.config
    graph = Graph(options.precision)
    batch: int | str = "batch" if "batch" in options.dynamic else options.batch
    cameras: int | str = "cameras" if "cameras" in options.dynamic else options.cameras
    image = (3, config.image_height, config.image_width)
    nx, ny = config.grid.shape
    if options.part == "camera":
        free = not (isinstance(batch, int) and isinstance(cameras, int))
        count = "images" if free else options.batch * options.cameras
        camera_encoder(graph, model.camencode, graph.input("images", (count, *image)))
        pixels = (count, *config.feature_shape)
        graph.output("depth", (*pixels, config.depth_bins))
        graph.output("features", (*pixels, config.channels))
    elif options.part == "bev":
        bev_encoder(graph, model.bevencode, graph.input("bev", (batch, nx, ny, config.channels)))
    else:
        graph.input("images", (batch, cameras, *image))
        _tables(graph, model, options, batch)
        camera_encoder(graph, model.camencode, graph.reshape("camencode.images", "images", [-1, *image]))
        splat.splat(graph, config)
        bev_encoder(graph, model.bevencode, "bev")
    if options.part != "camera":
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
    )
    return graph.finish(f"lss_{options.part}", description.metadata())


def _tables(graph: Graph, model: LiftSplatShoot, options: OnnxOptions, batch: int | str) -> None:
    config = model.config
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
