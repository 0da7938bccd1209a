"""Accuracy against latency, of several networks on the same frames in one run."""

from .contender import Contender
from .points import measure_frontier
from .report import frontier_table, write_frontier

__all__ = ["Contender", "frontier_table", "measure_frontier", "write_frontier"]
