"""Compare a device's results with what the bundle expects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DeployError
from ...evaluation.difference import Difference
from .results import read_results
from .runner.archive import Archive, BundleError


@dataclass(frozen=True)
class DeviceResult:
    """What became of one model on the device.

    Attributes:
        name: of the model.
        precision: fp32, fp16, int8 or fp8.
        refused: why it did not run there, or empty; then everything below is NaN.
        runtime: library, version and provider or GPU.
        heads: by the output's name the difference of the device's to PyTorch's in fp32 at home; of voxels
            that of their classes.
        agreement: share of visible cells on the same side of one half.
        iou: against annotations, NaN where there are none.
        home_iou: of PyTorch in fp32 on the same frames.
        median_ms, deviation_ms: latency on the device.
        home_ms: median latency in onnxruntime where the bundle was made.
        times: milliseconds of each run; empty where an older runner kept none.
        report: what the device's runner wrote of the model: percentiles, loading, conditions, layers.
    """

    name: str
    precision: str
    refused: str
    runtime: str
    heads: Mapping[str, Difference]
    agreement: float
    iou: float
    home_iou: float
    median_ms: float
    deviation_ms: float
    home_ms: float
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def percentiles(self) -> dict[str, float]:
        """Latencies in ms by `p50`, `p95`, `p99` and `p99.9`, as far as there were runs enough."""
        found = {"p50_ms": self.median_ms, **self.report}
        return {name[:-3]: found[name] for name in PERCENTILES if not math.isnan(found.get(name, math.nan))}

    @property
    def loading(self) -> str:
        """How long it took to load, from an empty cache and a warm one; empty where that was not measured."""
        once, again = self.report.get("load_s"), self.report.get("load_again_s")
        if once is None or again is None:
            return ""
        first = "building its engine" if self.report.get("engine_built") else "the first time"
        return f"loaded in {once:.1f} s {first}, {again:.1f} s again"

    @property
    def conditions(self) -> str:
        """Heat, clocks and what throttled, in one line."""
        known = self.report.get("conditions", {})
        parts = []
        if heat := known.get("temperatures_c"):
            hottest = max(heat, key=heat.get)
            parts.append(f"{hottest} up to {heat[hottest]:.0f} °C")
        if clocks := [value for pair in known.get("clocks_mhz", {}).values() for value in pair]:
            parts.append(f"clocks {min(clocks)} to {max(clocks)} MHz")
        if known:
            parts.append(f"throttled: {', '.join(known.get('throttling') or ['no sign of it'])}")
        return ", ".join(parts)

    @property
    def difference(self) -> Difference:
        """That of the head which is farthest off."""
        return min(self.heads.values(), key=lambda each: each.cosine, default=Difference())

    def problem(self, iou_loss: float, cosine: float) -> str:
        """What is beyond the tolerance, or an empty text.

        Args:
            iou_loss: largest loss of IoU against PyTorch in fp32 that is accepted.
            cosine: smallest cosine of the logits to PyTorch's that is accepted.
        """
        if self.refused:
            return f"did not run: {self.refused}"
        for name, difference in self.heads.items():
            if not difference.cosine >= cosine:
                of = "" if name == "logits" else f" of {name}"
                return f"cosine{of} {difference.cosine:.6f} below {cosine:g}"
        if self.home_iou - self.iou > iou_loss:
            return (
                f"IoU {self.iou:.4f}, {self.home_iou - self.iou:.4f} below home's; {iou_loss:g} is accepted"
            )
        return ""


def check_bundle(bundle: Path, results: Path) -> tuple[list[DeviceResult], dict[str, Any]]:
    """Compare.

    Args:
        bundle: the bundle that ran.
        results: what its run wrote.

    Returns:
        A verdict for each model that the results speak of, and what the device says of itself.

    Raises:
        DeployError: a file is damaged, or the results are of another bundle.
    """
    report, arrays = read_results(results)
    try:
        with Archive(bundle) as archive:
            manifest = archive.manifest
            if report.get("bundle") != manifest["id"]:
                raise DeployError(f"{results} was not made by {bundle}, but by another bundle; run this one")
            expected = [archive.arrays(frame["expected"]) for frame in manifest["frames"]]
    except BundleError as error:
        raise DeployError(str(error)) from None
    known = {model["name"]: model for model in manifest["models"]}
    strangers = [" ".join(run["name"].split()) for run in report["models"] if run["name"] not in known]
    if strangers:
        raise DeployError(
            f"{results} speaks of {', '.join(strangers)}, which {bundle} does not hold; run this one"
        )
    strange = [
        name
        for run in report["models"]
        for index, frame in enumerate(expected)
        for head in frame.keys() - NO_HEADS
        if (found := arrays.get(name := f"{run['name']}/{index}/{head}")) is not None
        and (found.shape != frame[head].shape or found.dtype.kind not in "fu")
    ]
    if strange:
        raise DeployError(f"{results} has a {strange[0]} of another size than {bundle}; run this one")
    verdicts = [_verdict(known[run["name"]], run, arrays, expected) for run in report["models"]]
    return verdicts, report["device"]


PERCENTILES = ("p50_ms", "p95_ms", "p99_ms", "p99.9_ms")

NO_HEADS = {"visible", "truth"}
"""What is expected of a frame besides answers."""


def _verdict(
    model: Mapping[str, Any],
    run: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    expected: list[dict[str, np.ndarray]],
) -> DeviceResult:
    same = seen = 0
    heads: dict[str, Difference] = {}
    counts = {"device": np.zeros(2), "home": np.zeros(2)}
    for index, frame in enumerate(expected):
        if run.get("refused"):
            continue
        for name in frame.keys() - NO_HEADS:
            if (found := arrays.get(f"{model['name']}/{index}/{name}")) is not None:
                heads.setdefault(name, Difference()).update(frame[name], found)
        vehicles = "logits" if "logits" in frame else "segmentation"
        logits = arrays.get(f"{model['name']}/{index}/{vehicles}")
        if logits is None:
            continue
        visible = frame["visible"]
        ours, theirs = (logits[0, 0] >= 0) & visible, (frame[vehicles][0, 0] >= 0) & visible
        same, seen = same + int((ours == theirs)[visible].sum()), seen + int(visible.sum())
        if "truth" in frame:
            for name, predicted in (("device", ours), ("home", theirs)):
                truth = frame["truth"]
                counts[name] += (predicted & truth).sum(), (predicted | truth).sum()
    nan = math.nan
    return DeviceResult(
        name=model["name"],
        precision=model["precision"],
        refused=run.get("refused", ""),
        runtime=run.get("runtime", ""),
        heads=heads,
        agreement=same / seen if seen else nan,
        iou=_ratio(counts["device"]),
        home_iou=_ratio(counts["home"]),
        median_ms=run.get("median_ms", nan),
        deviation_ms=run.get("deviation_ms", nan),
        home_ms=model["home"]["median_ms"],
        times=_times(arrays.get(f"{model['name']}/times_ms")),
        report=run,
    )


def _times(found: np.ndarray | None) -> np.ndarray:
    known = found is not None and found.dtype.kind == "f" and bool(np.isfinite(found).all())
    return found.ravel() if known and found is not None else np.zeros(0, np.float32)


def _ratio(counts: np.ndarray) -> float:
    return float(counts[0] / counts[1]) if counts[1] else math.nan
