"""An exported network as it is quantised: which of its operators can be, and what it is fed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DeployError, ModelError
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.seal import check_onnx_seal
from ...runtime.onnx.session import OnnxSession

if TYPE_CHECKING:
    import onnx

    from ...evaluation.answers import FrameTruth
    from ...runtime.multi_sense.moment import Moment

SWISH = ("Sigmoid", "Mul")
"""What swish is made of, and how the gate of squeeze and excitation is applied."""

OPERATORS = ("Conv", "Relu", "Add", "Concat", "Resize", *SWISH)
"""Kinds of operators that are given Q/DQ. What is between convolutions is quantised too, so that a runtime
can stay in 8 bits from one to the next."""

FLOAT = ("._se_", "splat.", "lidarencode.", "memory.", "remembered")
"""What is never quantised: squeeze and excitation up to its gate, which takes no time and steers whole
channels; the splat, whose sums are of many small numbers; and of the multi-sense network LiDAR returns, which
are metres, and what is kept for the next moment."""

SPLAT = ("bev", "depth", "features")
"""Tensors between the encoders and the splat."""

HEAD, LAST = "heads.", ".last"
"""Of a head the last convolution stays in float: its channels are of many kinds (logits, metres, sines), and
one scale would serve them badly."""


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """An ONNX file in fp32.

    Attributes:
        path: of the file.
        model: its content, or one that computes the same.
        description: what it says of itself.
        layers: names of the convolutions that can be quantised, in the order in which they run.
        others: names of the operators between them that can be.
    """

    path: Path
    model: onnx.ModelProto
    description: OnnxDescription
    layers: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> FloatNetwork:
        """Open a file that `lss-bev export` wrote.

        Raises:
            DeployError: it is missing, is no ONNX file, or is not in fp32.
            ModelError: it is not of this network, or not the file that was written.
        """
        from google.protobuf.message import DecodeError

        from ..export.exporting import require

        require("onnx")
        require("onnxruntime")
        import onnx

        if not path.is_file():
            raise DeployError(f"no ONNX file at {path}: write one with `lss-bev export`")
        try:
            content = path.read_bytes()
            check_onnx_seal(str(path), content)
            model = onnx.load_from_string(content)
            onnx.checker.check_model(model)
        except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
            raise DeployError(
                f"{path} is not an ONNX model, or it is truncated: export or copy it again"
            ) from error
        description = OnnxDescription.read({p.key: p.value for p in model.metadata_props}, str(path))
        if description.precision != "fp32":
            raise DeployError(
                f"{path} is in {description.precision}: give one of `lss-bev export --precision fp32`"
            )
        nodes = [node for node in model.graph.node if node.op_type in OPERATORS]
        nodes = [n for n in nodes if not any(part in n.name for part in FLOAT) and n.name not in SPLAT]
        nodes = [n for n in nodes if not (n.name.startswith(HEAD) and n.name.endswith(LAST))]
        layers = tuple(node.name for node in nodes if node.op_type == "Conv")
        if not layers:
            raise ModelError(f"{path} has no convolution to quantise: export it with `lss-bev export`")
        others = tuple(node.name for node in nodes if node.op_type != "Conv")
        return cls(path, model, description, layers, others)

    def session(self, threads: int = 0) -> OnnxSession:
        """Ready to run in onnxruntime; `threads` 0 for all cores."""
        return OnnxSession(self.model.SerializeToString(), str(self.path), threads)

    def find(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """The layers that some names mean: their own, or the beginning of many, such as `bevencode.layer1`.

        Raises:
            DeployError: a name means no layer.
        """
        found: list[str] = []
        for pattern in patterns:
            names = [n for n in self.layers if n == pattern or n.startswith(f"{pattern}.")]
            if not names:
                raise DeployError(
                    f"no layer is called {pattern!r}: use a name such as {self.layers[0]} or "
                    f"{self.layers[-1]}, or the beginning of some"
                )
            found.extend(name for name in names if name not in found)
        return tuple(found)


@dataclass(frozen=True, eq=False)
class LabelledInput:
    """A frame as the network takes it, with its truth.

    Attributes:
        inputs: by name.
        visible: (nx, ny) bool, the cells that a camera sees.
        truth: (nx, ny) bool, annotated vehicles, or None.
        moment: of a multi-sense network, what the inputs were made of.
        known: likewise, the truth of every answer.
    """

    inputs: dict[str, np.ndarray]
    visible: np.ndarray
    truth: np.ndarray | None
    moment: Moment | None = None
    known: FrameTruth | None = None

    def of(self, session: OnnxSession) -> dict[str, np.ndarray]:
        """The inputs in the types of a session's file."""
        return {name: value.astype(session.dtypes[name], copy=False) for name, value in self.inputs.items()}


def labelled_inputs(network: FloatNetwork, dataroot: Path, count: int) -> list[LabelledInput]:
    """Keyframes of a nuScenes data set, evenly spread, as the inputs of a network.

    Raises:
        DatasetError: the data set is missing, damaged or has no keyframe.
        DeployError: no frame was asked for.
        RuntimeBackendError: the network cannot be run here, or not with this rig.
    """
    from ...evaluation.frames import dataset_frames
    from ...runtime.onnx.engine import OnnxRuntimeEngine
    from ...runtime.preprocess import NetworkInput

    if count < 1:
        raise DeployError(f"{count} calibration frames are too few: ranges need at least 1")
    if network.description.senses is not None:
        return _labelled_moments(network, dataroot, count)
    frames = dataset_frames(dataroot, count)
    found = []
    with NetworkInput(network.description.config) as read, OnnxRuntimeEngine(network.path) as engine:
        for index, frame in enumerate(frames.sets):
            tables = engine.tables(frame)
            images = engine.prepare(read(frame))
            truth = frames.truth[index] if frames.truth else None
            found.append(LabelledInput({"images": images, **tables.inputs}, tables.visible, truth))
    return found


def _labelled_moments(network: FloatNetwork, dataroot: Path, count: int) -> list[LabelledInput]:
    """The first keyframes of each scene, as many of each, since memory wants them consecutive."""
    from ...evaluation.multi_sense import annotated_moments
    from ...runtime.onnx.multi_sense_engine import OnnxMultiSenseEngine

    found = []
    with OnnxMultiSenseEngine(network.session(), network.description) as engine:
        for moment, known in annotated_moments(dataroot, engine, count):
            answers = engine.answer(moment, ())
            found.append(LabelledInput(dict(engine.fed), answers.reached, None, moment, known))
    return found
