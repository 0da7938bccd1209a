"""What an ONNX file of the network says of itself, so that nothing else is needed to run it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ...errors import ModelError
from ...geometry import BevGrid
from ...model import LiftSplatShoot, ModelConfig
from ...model.widths import Widths

KEY = "lss_bev"
"""Name of the metadata entry."""

PARTS = ("network", "camera", "bev")


@dataclass(frozen=True)
class OnnxDescription:
    """The metadata of a file, as JSON under the key `lss_bev`.

    Attributes:
        part: `network`, `camera` (camera encoder) or `bev` (BEV encoder).
        precision: `fp32` or `fp16`; a quantised file says `int8`.
        config: sizes of the network.
        weights: which weights, in a few words.
        weights_sha256: of the parameters, see `hash_weights`.
        tables: `inputs` or `constant`, where the splat's tables are; empty for a part without the splat.
        rig: fingerprint of the rig that constant tables are of, or empty.
        cameras: names of that rig's cameras, in order.
    """

    part: str
    precision: str
    config: ModelConfig
    weights: str
    weights_sha256: str
    tables: str = ""
    rig: str = ""
    cameras: tuple[str, ...] = ()

    def metadata(self) -> dict[str, str]:
        """As the metadata of an ONNX model."""
        return {KEY: json.dumps(asdict(self))}

    @classmethod
    def read(cls, metadata: Mapping[str, str], file: str) -> OnnxDescription:
        """Read the metadata of a file.

        Raises:
            ModelError: it is no file of ours.
        """
        try:
            fields = json.loads(metadata[KEY])
            sizes = dict(fields.pop("config"))
            widths = Widths(**{name: tuple(given) for name, given in sizes.pop("widths").items()})
            config = ModelConfig(grid=BevGrid(**sizes.pop("grid")), widths=widths, **sizes)
            fields["cameras"] = tuple(fields["cameras"])
            description = cls(config=config, **fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{file} does not say what it is: only ONNX files that `lss-bev export` wrote can be run"
            ) from error
        if description.part not in PARTS:
            raise ModelError(f"{file} is part {description.part!r}, which is not one of {', '.join(PARTS)}")
        return description


def hash_weights(model: LiftSplatShoot) -> str:
    """SHA-256 of all parameters and buffers: names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
