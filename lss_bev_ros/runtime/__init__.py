"""Running the network: frame sets in, probabilities out.

`backends` lists the ways to run it and chooses one; each is an `engine.Engine`, in a folder of its own. What
all share: `frame_set` is what goes in and comes out, `preprocess` makes pixels the network's input (with
`image_decoder` and `straightening`), `calibration_tables` holds what follows from the calibration alone (with
`segment_tables` and `field_of_view`). Before them, on a live car, `synchronizer` and `camera_clock` bring the
images of one instant together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .engine import Engine
from .frame_set import UNKNOWN, FrameSet, Prediction

if TYPE_CHECKING:
    from .backends import create_engine

__all__ = ["UNKNOWN", "Engine", "FrameSet", "Prediction", "create_engine"]


def __getattr__(name: str) -> Any:
    """`create_engine`, which brings PyTorch, once it is asked for."""
    if name != "create_engine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .backends import create_engine

    globals()[name] = create_engine
    return create_engine
