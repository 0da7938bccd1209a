"""`lss-bev benchmark`: every way to run the network, on the same frames, in one run."""

from .datasheet import write_datasheet
from .frames import BenchmarkFrames, dataset_frames, random_frames
from .report import benchmark_tables, skipped_lines, write_report
from .run import BenchmarkOptions, run_benchmark
from .saved_frames import load_frames, save_frames

__all__ = [
    "BenchmarkFrames",
    "BenchmarkOptions",
    "benchmark_tables",
    "dataset_frames",
    "load_frames",
    "random_frames",
    "run_benchmark",
    "save_frames",
    "skipped_lines",
    "write_datasheet",
    "write_report",
]
