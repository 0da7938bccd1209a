"""Latencies of the parts as another device measured them: what `lss-bev bundle run --layers` wrote there.

A bundle measures the network at its full widths alone. So how long a part takes is the device's figure, and
what share of it a narrower width saves is measured here. What the pruned network takes there only the device
can say: in a new bundle, or asked while it is cut (`on_device`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DeployError
from ..bundle.results import read_results
from .latency import LatencyTable

MEASURE = "run the bundle there with `lss-bev bundle run FILE --layers`"


@dataclass(frozen=True)
class DeviceLatency:
    """What a device measured.

    Attributes:
        where: device, model and runtime, for people.
        total: milliseconds of the whole network, the median.
        parts: of each part, by the name of `NetworkPart`; as much of the total as of the layers' sum.
    """

    where: str
    total: float
    parts: Mapping[str, float]

    @classmethod
    def read(cls, results: Path, weights_name: str = "") -> DeviceLatency:
        """Read a results file.

        Args:
            results: of `lss-bev bundle run --layers`.
            weights_name: of the model in it; the first with layers where empty.

        Raises:
            DeployError: it is missing, damaged, has no layers, or is of another network.
        """
        report, _ = read_results(results)
        models = [m for m in report["models"] if m.get("layers_ms") and weights_name in ("", m["name"])]
        if not models:
            raise DeployError(f"{results} has no latencies of layers: {MEASURE}")
        (model, *_), device = models, report["device"]
        layers: Mapping[str, float] = model["layers_ms"]
        parts: dict[str, float] = {}
        for name, milliseconds in layers.items():
            if part := part_of(name):
                parts[part] = parts.get(part, 0.0) + float(milliseconds)
        everything = sum(map(float, layers.values()))
        total = float(model.get("median_ms", math.nan))
        if not (parts and everything > 0 and math.isfinite(total) and total > 0):
            raise DeployError(f"{results} is of another network: no layer of {model['name']} is of this one")
        where = str(device.get("model") or device.get("gpu") or device.get("processor") or "a device")
        scale = total / everything
        return cls(
            f"{where.split(',')[0]}, {model['name']} on {model.get('runtime', 'an unknown runtime')}",
            total,
            {name: value * scale for name, value in parts.items()},
        )

    def table(self, here: LatencyTable, full: Mapping[str, int]) -> LatencyTable:
        """The device's table: each part as long as there, and narrowed as here.

        Args:
            here: measured on this machine.
            full: widths at which the device measured.

        Raises:
            DeployError: the device has no figure of a part.
        """
        missing = [part.name for part in here.parts if part.name not in self.parts]
        if missing:
            raise DeployError(f"{self.where} has no latency of {', '.join(missing)}: {MEASURE}")
        named, parts = dict(full), []
        for part in here.parts:
            factor = self.parts[part.name] / max(part.at(named), 1e-9)
            parts.append(replace(part, milliseconds=part.milliseconds * factor))
        fixed = self.total - sum(self.parts[part.name] for part in here.parts)
        return LatencyTable(self.where, tuple(parts), max(fixed, 0.0), elsewhere=True)


def part_of(layer: str) -> str:
    """The part that a runtime's layer belongs to, by the first operator of the file in its name, or none."""
    match = re.search(r"(camencode|bevencode)\.([\w.]+)", layer)
    if match is None:
        return ""
    encoder, inside = match.groups()
    if encoder == "camencode":
        if block := re.match(r"trunk\._blocks\.(\d+)\.", inside):
            return f"camera block {block[1]}"
        names = {
            "trunk._conv_stem": "camera stem",
            "trunk._swish": "camera stem",
            "up1.": "camera up",
            "depthnet": "depth and features",
        }
    else:
        if block := re.match(r"layer(\d)\.(\d)\.", inside):
            return f"bev block {2 * (int(block[1]) - 1) + int(block[2])}"
        names = {"conv1": "bev stem", "relu": "bev stem", "up1.": "bev up 1", "up2.": "bev up 2"}
    return next((part for start, part in names.items() if inside.startswith(start)), "")


def milliseconds(text: str) -> float:
    """A latency as a user writes it: `5ms`, `5 ms` or `5`.

    Raises:
        DeployError: it is none above 0.
    """
    try:
        value = float(text.strip().lower().removesuffix("ms"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise DeployError(f"--target {text!r} must be milliseconds, such as 5ms")
    return value
