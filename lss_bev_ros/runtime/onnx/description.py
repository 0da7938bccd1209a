"""What an ONNX file of the network says of itself, so that nothing else is needed to run it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from ...errors import ModelError
from ...model import ModelConfig
from ...model.heads import PlanHead
from ...model.multi_sense_weights import config_of, model_config_of
from ...model.senses import SensesConfig

KEY = "lss_bev"
"""Name of the metadata entry."""

PARTS = ("network", "camera", "bev")


@dataclass(frozen=True)
class PlanTables:
    """The constants of a plan head (`PlanHead`), float32 in base64.

    Attributes:
        templates: of (1000, 6, 2).
        prior: of (6, 2).
    """

    templates: str
    prior: str

    @classmethod
    def of(cls, head: PlanHead) -> PlanTables:
        """Those of a head."""
        return cls(*(_text(tensor) for tensor in (head.templates, head.prior)))

    def head(self, config: SensesConfig) -> PlanHead:
        """A head that scores with them; its convolutions are untrained."""
        head = PlanHead(1, config)
        state = {name: _array(getattr(self, name)) for name in ("templates", "prior")}
        head.templates.copy_(state["templates"].view_as(head.templates))
        head.prior.data.copy_(state["prior"].view_as(head.prior))
        return head.eval().requires_grad_(False)


@dataclass(frozen=True)
class OnnxDescription:
    """The metadata of a file, as JSON under the key `lss_bev`.

    Attributes:
        part: `network`, `camera` (camera encoder) or `bev` (BEV encoder).
        precision: `fp32` or `fp16`; a quantised file says `int8` or `fp8`.
        config: sizes of the network.
        weights: which weights, in a few words.
        weights_sha256: of the parameters, see `hash_weights`.
        tables: `inputs` or `constant`, where the splat's tables are; empty for a part without the splat.
        rig: fingerprint of the rig that constant tables are of, or empty.
        cameras: names of that rig's cameras, in order.
        senses: of a multi-sense network, with the senses and heads that the file has; else None.
        plan: of a file with the plan head, what it plans with.
    """

    part: str
    precision: str
    config: ModelConfig
    weights: str
    weights_sha256: str
    tables: str = ""
    rig: str = ""
    cameras: tuple[str, ...] = ()
    senses: SensesConfig | None = None
    plan: PlanTables | None = None

    def metadata(self) -> dict[str, str]:
        """As the metadata of an ONNX model."""
        said = asdict(self)
        # Files of the published network say what they always said.
        for name in ("senses", "plan"):
            if said[name] is None:
                del said[name]
        return {KEY: json.dumps(said)}

    @classmethod
    def read(cls, metadata: Mapping[str, str], file: str) -> OnnxDescription:
        """Read the metadata of a file.

        Raises:
            ModelError: it is no file of ours.
        """
        try:
            fields = json.loads(metadata[KEY])
            config = model_config_of(fields.pop("config"))
            fields["cameras"] = tuple(fields["cameras"])
            if (senses := fields.pop("senses", None)) is not None:
                fields["senses"] = config_of(senses)
            if (plan := fields.pop("plan", None)) is not None:
                fields["plan"] = PlanTables(**plan)
            description = cls(config=config, **fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{file} does not say what it is: only ONNX files that `lss-bev export` wrote can be run"
            ) from error
        if description.part not in PARTS:
            raise ModelError(f"{file} is part {description.part!r}, which is not one of {', '.join(PARTS)}")
        return description


def _text(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.detach().cpu().float().numpy().tobytes()).decode()


def _array(text: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float32).copy())


def hash_weights(model: nn.Module) -> str:
    """SHA-256 of all parameters and buffers: names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
