"""`lss-bev benchmark`: every way to run the network, on the same frames, in one run."""

from .report import benchmark_table, write_report
from .run import run_benchmark

__all__ = ["benchmark_table", "run_benchmark", "write_report"]
