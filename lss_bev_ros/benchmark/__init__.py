"""`lss-bev benchmark`: every way to run the network, on the same frames, in one run.

`experiment` runs the `modes` in `turns`; `report`, `summary` and `datasheet` tell what came. Beside it:
`nodes` measures processes over the middleware, `dashboard` the page, `scaling` how costs grow, `profile` the
launches on a GPU, `tables` opening large data sets. `compare` and `frontier` are commands of their own.
"""

from ..evaluation.frames import BenchmarkFrames, dataset_frames, random_frames
from .datasheet import write_datasheet
from .experiment import run_benchmark
from .options import BenchmarkOptions
from .report import benchmark_tables, skipped_lines
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
]
