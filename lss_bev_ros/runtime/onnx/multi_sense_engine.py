"""The multi-sense network as ONNX in onnxruntime: from an exported file, or written on the spot."""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...model.memory import sampled_places
from ...model.multi_sense import Sensed
from ..calibration_tables import CalibrationCache
from ..frame_set import FrameSet
from ..multi_sense.engine import MultiSenseEngine
from ..multi_sense.memory import MemoryKeeper
from ..multi_sense.moment import Moment
from ..multi_sense.weights import read_multi_sense
from ..options import EngineOptions
from ..preprocess import NetworkInput
from ..return_tables import NAMES as RETURNS
from ..return_tables import ReturnSizes, ReturnTables, no_returns
from ..segment_tables import NAMES as SPLAT
from ..stopwatch import Stopwatch
from .description import OnnxDescription
from .feeding import CameraFeeder, NetworkSession
from .senses import NOWHERE
from .session import OnnxSession
from .writer import OnnxOptions, write_network

_INPUTS = {"cameras": ("images", *SPLAT), "lidar": RETURNS}
"""Inputs of each sense by its name."""

_THERE = torch.empty(0)
"""Stands for the map of a sense, which lies inside the file."""


class OnnxMultiSenseEngine(MultiSenseEngine):
    """Senses in, answers out, by onnxruntime.

    The file runs whole: a sense that is missing is given as nothing, and heads that are not asked for run
    too. Whoever needs fewer exports fewer, with `--senses` and `--heads`.

    Args:
        session: of a file of the part `network`, or what runs one with the interface of a session.
        description: of the file.
        threads: for decoding; 0 for as many as there are cameras.
        reason: why this engine was chosen.

    Attributes:
        fed: what the file was given of the last moment, by the names of its inputs.

    Raises:
        RuntimeBackendError: the file is one part alone, or of the published network.
    """

    whole = True
    fed: dict[str, np.ndarray]

    def __init__(
        self, session: NetworkSession, description: OnnxDescription, threads: int = 0, reason: str = ""
    ):
        if description.senses is None or description.part != "network":
            raise RuntimeBackendError(
                f"{session.name} is no whole multi-sense network: give the file of its part `network`"
            )
        self.config = description.senses
        self.grid = self.config.model.grid
        self.weights = description.weights
        self.name = f"onnxruntime-{session.device}-{description.precision}-multi"
        self.reason = reason
        self.memory = MemoryKeeper()
        self.description = description
        self._session, self._device = session, torch.device("cpu")
        self._calibrations = CalibrationCache(self.config.model)
        self._plan = None if description.plan is None else description.plan.head(self.config)
        self._templates = None if self._plan is None else self._plan.templates
        self._feeder: CameraFeeder | None = None
        if "cameras" in self.config.senses:
            self._input = NetworkInput(self.config.model, threads=threads or min(6, os.cpu_count() or 1))
            self._feeder = CameraFeeder(session, description)
        self._room = _room(session)
        self._nothing = self._empty()
        self._fed: dict[str, np.ndarray] = {}
        self._warm_up()

    @classmethod
    def of_weights(cls, options: EngineOptions, precision: str, reason: str) -> OnnxMultiSenseEngine:
        """Write the network of some weights as ONNX in memory, with free cameras and tables, and run it."""
        model = read_multi_sense(options.weights)
        dynamic = ("cameras", "tables")
        written = write_network(
            model, OnnxOptions(precision=precision, dynamic=dynamic, weights=options.description)
        )
        session = OnnxSession(
            written.SerializeToString(),
            options.description,
            options.threads or torch.get_num_threads(),
            device="auto",
        )
        description = OnnxDescription.read(session.metadata, session.name)
        return cls(session, description, options.threads, reason)

    def inputs(self, sensed: Sensed) -> dict[str, np.ndarray]:
        """What the file is fed with of what was seen and felt last, and is remembered."""
        fed = dict(self._nothing)
        for name in ("cameras", "lidar"):
            if getattr(sensed, name) is not None:
                fed |= {key: value for key, value in self._fed.items() if key in _INPUTS[name]}
        if sensed.memory is not None and sensed.motion is not None and sensed.age is not None:
            fed["memory"] = sensed.memory.numpy()
            fed["warp"] = sampled_places(sensed.motion, self.grid).numpy()
            fed["age"] = sensed.age.numpy()
        return {name: fed[name].astype(dtype, copy=False) for name, dtype in self._session.dtypes.items()}

    def close(self) -> None:
        """See `Engine.close`."""
        if self._feeder is not None:
            self._input.close()
        self.memory.forget("")

    def _see(self, frame_set: FrameSet, watch: Stopwatch) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._feeder is not None, "there are cameras"
        images = self._input(frame_set)
        watch.stage("decode")
        tables = self._feeder.tables(frame_set)
        self._fed |= {"images": self._feeder.prepare(images), **tables.inputs}
        watch.stage("preprocess")
        return _THERE, torch.from_numpy(np.array(tables.visible))

    def _feel(self, points: torch.Tensor) -> torch.Tensor:
        self._fed |= ReturnTables.build([points.numpy()], self.config, self._room).arrays()
        return _THERE

    def _network(
        self, moment: Moment, sensed: Sensed, needed: Collection[str], watch: Stopwatch
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        self.fed = self.inputs(sensed)
        found = {name: torch.from_numpy(value) for name, value in self._session.run(self.fed).items()}
        watch.stage("network")
        # Without memory among its senses the file tells none.
        remembered = found.get("remembered", _THERE)
        return {name: found[name][0] for name in needed}, remembered

    def _scores(self, cost: torch.Tensor, moment: Moment) -> torch.Tensor:
        assert self._plan is not None, "there is a cost"
        return self._plan.scores(cost[None], self._motion(moment))[0]

    def _warm_up(self) -> None:
        self._session.run(self._nothing)

    def _empty(self) -> dict[str, np.ndarray]:
        """Inputs of every sense that say nothing, each in the file's type."""
        nx, ny = self.grid.shape
        empty: dict[str, np.ndarray] = {} if self._feeder is None else self._feeder.nothing()
        if "lidar" in self.config.senses:
            empty |= no_returns(self.config, self._room).arrays()
        if "memory" in self.config.senses:
            empty["memory"] = np.zeros((1, self.config.model.channels, nx, ny), np.float32)
            empty["warp"] = np.full((1, nx, ny, 2), NOWHERE, np.float32)
            empty["age"] = np.zeros(1, np.float32)
        return {name: empty[name].astype(dtype, copy=False) for name, dtype in self._session.dtypes.items()}


def _room(session: NetworkSession) -> ReturnSizes | None:
    """What the file's tables of returns hold; None where that is free, or there is no LiDAR."""
    names = tuple(ReturnSizes.__dataclass_fields__)
    sizes = [session.shapes[name][0] for name in names if name in session.shapes]
    known = [size for size in sizes if isinstance(size, int)]
    return ReturnSizes(*known) if len(known) == len(names) else None
