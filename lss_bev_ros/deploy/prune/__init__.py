"""Structured channel pruning by measured latency."""

from .pruning import Pruned, PruneOptions, prune
from .table import prune_table

__all__ = ["PruneOptions", "Pruned", "prune", "prune_table"]
