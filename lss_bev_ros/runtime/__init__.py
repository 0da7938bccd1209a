"""Running the network: frame sets in, probabilities out.

`backends` lists the ways to run it and chooses one; each is an `engine.Engine`, in a folder of its own. What
all share: `frame_set` is what goes in and comes out, `preprocess` makes pixels the network's input (with
`image_decoder` and `straightening`), `calibration_tables` holds what follows from the calibration alone (with
`segment_tables` and `field_of_view`). Before them, on a live car, `synchronizer` and `camera_clock` bring the
images of one instant together.
"""

from .backends import create_engine
from .engine import Engine
from .frame_set import UNKNOWN, FrameSet, Prediction

__all__ = ["UNKNOWN", "Engine", "FrameSet", "Prediction", "create_engine"]
