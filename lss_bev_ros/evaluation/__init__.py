"""Scores of bird's-eye-view predictions, against annotations and against LiDAR."""

from .agreement import LidarScore
from .evaluator import Evaluator, FrameScore
from .lidar import LidarGrid, LidarReference
from .metrics import AnnotationScore
from .offline import evaluate_dataset
from .report import write_report
from .study import Study
from .table import report_table, study_table
from .thresholds import Thresholds, Verdict

__all__ = [
    "AnnotationScore",
    "Evaluator",
    "FrameScore",
    "LidarGrid",
    "LidarReference",
    "LidarScore",
    "Study",
    "Thresholds",
    "Verdict",
    "evaluate_dataset",
    "report_table",
    "study_table",
    "write_report",
]
