"""How many times faster one ONNX file is than another in onnxruntime, run in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ...runtime.onnx.session import OnnxSession
from .network import LabelledInput

WARM_UP = 2


def take_turns(
    sessions: Sequence[OnnxSession], frames: Sequence[LabelledInput], turns: int = 10
) -> np.ndarray:
    """Run the sessions one after the other, so that what else the machine does hits all alike.

    Returns:
        (sessions, turns) milliseconds.
    """
    times = np.zeros((len(sessions), turns + WARM_UP))
    for turn in range(turns + WARM_UP):
        inputs = frames[turn % len(frames)].inputs
        for index, session in enumerate(sessions):
            start = time.perf_counter()
            session.run(inputs)
            times[index, turn] = (time.perf_counter() - start) * 1e3
    return times[:, WARM_UP:]
