"""Running the network: frame sets in, probabilities out."""

from .backends import create_engine
from .engine import Engine
from .frame_set import UNKNOWN, FrameSet, Prediction

__all__ = ["UNKNOWN", "Engine", "FrameSet", "Prediction", "create_engine"]
