"""What `lss-bev bundle run` wrote on a device, which may have come by mail."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DeployError

NUMBER = (int, float)
EACH = ""
"""In a form: of every value of a table, whatever its name."""

MODEL = {
    "name": str,
    "refused": str,
    "runtime": str,
    "engine_built": bool,
    **dict.fromkeys(("load_s", "load_again_s", "repetitions"), NUMBER),
    **dict.fromkeys(("median_ms", "mean_ms", "deviation_ms"), NUMBER),
    **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "p99.9_ms"), NUMBER),
    "conditions": {
        "temperatures_c": {EACH: NUMBER},
        "clocks_mhz": {EACH: [NUMBER]},
        "throttling": [str],
    },
    "layers_ms": {EACH: NUMBER},
}
FORM = {"bundle": str, "device": {EACH: (str, int, float)}, "models": [MODEL]}
"""Of the report: a type, several, a list of a form, or a table of some; what a table lacks is left out."""


def read_results(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The report of a results file, and its arrays by name.

    Raises:
        DeployError: it is missing, cut short, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        report = json.loads(arrays.pop("report").tobytes())
        named = [model["name"] for model in report["models"]]
    except FileNotFoundError:
        raise DeployError(f"{path}: no such file; `lss-bev bundle run` writes it") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile):
        raise DeployError(f"{path}: truncated, or not the results of a bundle; run it again") from None
    if not (_fits(report, FORM) and named and "device" in report):
        raise DeployError(f"{path}: not the results of a bundle, though it looks like some; run it again")
    return report, arrays


def fits_model(report: object) -> bool:
    """Whether something is what a runner says of one model."""
    return (
        _fits(report, MODEL) and isinstance(report, dict) and bool({"refused", "median_ms"} & report.keys())
    )


def _fits(value: Any, form: Any) -> bool:
    if isinstance(form, list):
        return isinstance(value, list) and all(_fits(each, form[0]) for each in value)
    if not isinstance(form, dict):
        return isinstance(value, form)
    return isinstance(value, dict) and all(
        _fits(each, form.get(name, form.get(EACH, object))) for name, each in value.items()
    )
