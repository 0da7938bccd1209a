"""Write, simplify, check, compare: only then does a file get its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ... import files
from ...errors import DeployError
from ...geometry import Rig
from ...model.multi_sense import Network
from ...runtime.onnx import OnnxDescription, OnnxOptions, write_network
from ...runtime.onnx.seal import sealed
from .verification import Agreement, verify

if TYPE_CHECKING:
    import onnx

MIN_COSINE = {"fp32": 0.99999, "fp16": 0.999}
"""Below this a file does not compute the network, whatever the reason, and is not kept."""


@dataclass(frozen=True)
class ExportedModel:
    """A file that was written.

    Attributes:
        path: of the ONNX file.
        description: what it says of itself.
        nodes: operators in it.
        written: operators before it was simplified.
        megabytes: its size, 10^6 bytes.
        agreement: how near each output is to PyTorch in fp32, for each size that was tried, if any was.
    """

    path: Path
    description: OnnxDescription
    nodes: int
    written: int
    megabytes: float
    agreement: tuple[Agreement, ...] = field(default=())


def export_network(
    model: Network,
    out: Path,
    part: str = "network",
    precision: str = "fp32",
    *,
    batch: int = 1,
    cameras: int = 6,
    dynamic: tuple[str, ...] = (),
    rig: Rig | None = None,
    weights: str = "",
    senses: tuple[str, ...] = (),
    heads: tuple[str, ...] = (),
    returns: int = OnnxOptions.returns,
    check: bool = True,
) -> ExportedModel:
    """Write a network, or one of its encoders, as an ONNX file.

    Args:
        model: of any channel widths, in evaluation mode.
        out: file to write.
        part: `network`, `camera` or `bev`, see `lss_bev_ros.runtime.onnx.write_network` for their tensors.
        precision: `fp32` or `fp16`.
        batch: samples at once.
        cameras: cameras a sample.
        dynamic: which of `batch`, `cameras` and `tables` are left free.
        rig: makes the splat's tables constants of this rig; None makes them inputs.
        weights: which weights these are, in a few words, for the file's description.
        senses: of a multi-sense network, those to write; none for all that it has.
        heads: likewise.
        returns: LiDAR returns that there is room for, see `OnnxOptions`.
        check: also run the file in onnxruntime against PyTorch.

    Raises:
        ModelError: the model cannot be written so.
        DeployError: the file cannot be written, or does not compute what PyTorch does.
    """
    require("onnx")
    options = OnnxOptions(
        part, precision, batch, cameras, tuple(dynamic), rig, weights, senses, heads, returns
    )
    written = write_network(model, options)
    simple = simplify(written)
    description = OnnxDescription.read({p.key: p.value for p in simple.metadata_props}, str(out))
    agreement = tuple(verify(model, simple.SerializeToString(), options)) if check else ()
    for size in agreement:
        for name, difference in size.tensors.items():
            if difference.cosine < MIN_COSINE[precision]:
                raise DeployError(
                    f"{out.name} is not kept: its {name} has a cosine of {difference.cosine:.6f} to "
                    f"PyTorch's for {size.batch} x {size.cameras} cameras, below {MIN_COSINE[precision]}"
                    + ("; weights of this range need fp32" if precision == "fp16" else "")
                )
    files.write(out, sealed(simple), DeployError)
    megabytes = out.stat().st_size / 1e6
    return ExportedModel(
        out, description, len(simple.graph.node), len(written.graph.node), megabytes, agreement
    )


def file_name(
    part: str,
    precision: str,
    batch: int,
    cameras: int,
    dynamic: tuple[str, ...],
    rig: bool,
    chosen: tuple[str, ...] | None = None,
    image_size: str = "",
) -> str:
    """A name that carries the options, such as `lss_network_fp32_1x6.onnx`; `n` is a free size.

    `image_size` is one that was asked for. `chosen` are senses and heads that were named, of a multi-sense
    network; None for the published one.
    """
    family = "lss" if chosen is None else "_".join(("multi", *chosen))
    sizes = f"{'n' if 'batch' in dynamic else batch}x{'n' if 'cameras' in dynamic else cameras}"
    tables = "_rig" if rig else "_tables" if "tables" in dynamic and part == "network" else ""
    pixels = f"_{image_size}" if image_size else ""
    return f"{family}_{part}_{precision}_{sizes}{pixels}{tables}.onnx"


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Check a model and its shapes, and remove what it does not need.

    The writer leaves nothing to fold, so this is also the proof that it does not.

    Raises:
        DeployError: the model is not valid.
    """
    require("onnxslim")
    import onnx
    import onnxslim

    try:
        simple = onnxslim.slim(model)
        onnx.checker.check_model(simple, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise DeployError(f"the exported graph is not valid ONNX: {_line(error)}") from error
    return simple


def require(package: str) -> None:
    """Raise DeployError with the remedy where a package of the extra `export` is missing."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise DeployError(f"this needs the package {package}: pip install 'lss_bev_ros[export]'")


def _line(error: Exception) -> str:
    """The first line of a message that may have many."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
