"""Moments of a multi-sense network in a bundle: what each sense gives, and what the network remembers.

A model is fed what it told itself of an earlier moment, as in a car; the bundle says which one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import DeployError
from ...evaluation.moments import RecordedMoments
from ...model import describe_weights
from ...runtime.multi_sense.answers import ANSWERS
from ...runtime.multi_sense.engine import MultiSenseEngine
from ...runtime.multi_sense.moment import Moment
from ...runtime.multi_sense.weights import read_multi_sense
from ...runtime.onnx.multi_sense_engine import OnnxMultiSenseEngine
from ...runtime.preprocess import NetworkInput
from ...runtime.return_tables import NAMES as RETURNS
from ...runtime.segment_tables import NAMES as SPLAT
from .contents import BundledModel, add_images, frame_entry, packed
from .runner.measuring import kept


def add_moments(
    recorded: RecordedMoments,
    weights: str,
    models: Sequence[BundledModel],
    entries: Sequence[dict[str, Any]],
    files: dict[str, bytes],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, np.ndarray]]]]:
    """Put moments, tables and expected answers into `files`.

    Args:
        recorded: the moments.
        weights: that say what is expected.
        models: to be fed.
        entries: of the models in the manifest; what they are fed is added.
        files: of the bundle, by name.
        progress: told of moments done and all.

    Returns:
        The manifest's list of frames, and each model's inputs.
    """
    network = read_multi_sense(weights)
    if any(model.description.config.grid != network.config.model.grid for model in models):
        raise DeployError(f"a model predicts another grid than the weights {weights}: export it from these")
    listed: list[dict[str, Any]] = []
    fed: dict[str, list[dict[str, np.ndarray]]] = {model.name: [] for model in models}
    stamps: list[int] = []
    with (
        NetworkInput(network.config.model) as read,
        MultiSenseEngine(network, describe_weights(weights)) as reference,
    ):
        engines = [OnnxMultiSenseEngine(model.session, model.description) for model in models]
        for index, moment in enumerate(recorded.moments):
            assert moment.cameras is not None, "recorded_moments chose it"
            folder = f"frames/{index:04d}"
            stamps.append(moment.stamp)
            add_images(files, folder, moment.cameras, read.pixels(moment.cameras))
            answers = reference.answer(moment, ANSWERS)
            expected = {
                name: kept(name, value.numpy()[None])
                for name, value in reference.raw.items()
                if name != "remembered"
            }
            if recorded.truth:
                expected["truth"] = recorded.truth[index]
            files[f"{folder}/expected.npz"] = packed(visible=answers.reached, **expected)
            for model, entry, engine in zip(models, entries, engines, strict=True):
                fed[model.name].append(_add(entry, engine, moment, stamps, folder, files))
            listed.append(frame_entry(folder, moment.cameras))
            if progress is not None:
                progress(index + 1, len(recorded.moments))
        for engine in engines:
            engine.close()
    return listed, fed


def _add(
    entry: dict[str, Any],
    engine: OnnxMultiSenseEngine,
    moment: Moment,
    stamps: Sequence[int],
    folder: str,
    files: dict[str, bytes],
) -> dict[str, np.ndarray]:
    """What a model is fed of one moment; its tables go into the files, and their names into its entry."""
    answers = engine.answer(moment, ())
    inputs = dict(engine.fed)
    static = {name: inputs[name] for name in SPLAT if name in inputs}
    if static and moment.cameras is not None:
        key = moment.cameras.rig.fingerprint
        entry["tables"][key] = _shared(files, "tables/splat", static)
    sensed = {name: inputs[name] for name in (*RETURNS, "warp", "age") if name in inputs}
    entry.setdefault("sensed", []).append(_shared(files, f"{folder}/sensed", sensed))
    if "memory" in inputs:
        memory = entry.setdefault("memory", {"shape": list(inputs["memory"].shape), "of": []})
        age = answers.memory_age
        then = None if age is None else moment.stamp - round(age * 1e9)
        memory["of"].append(None if then is None else int(np.argmin(np.abs(np.array(stamps) - then))))
    return inputs


def _shared(files: dict[str, bytes], name: str, arrays: dict[str, np.ndarray]) -> str:
    """Put arrays into a file that models of equal sizes share; its name."""
    digest = hashlib.sha256()
    for key, value in sorted(arrays.items()):
        digest.update(f"{key} {value.dtype} {value.shape}".encode() + value.tobytes())
    path = f"{name}-{digest.hexdigest()[:12]}.npz"
    if path not in files:
        files[path] = packed(**arrays)
    return path
