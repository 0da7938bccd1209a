"""Scores of bird's-eye-view predictions, against annotations and against LiDAR."""

from .agreement import LidarScore
from .detection import BoxSet, DetectionScore
from .evaluator import Evaluator, FrameScore
from .lanes import BoundaryScore, LaneScore
from .lidar import LidarGrid, LidarReference
from .metrics import AnnotationScore
from .occupancy import RayScore, VoxelScore
from .offline import evaluate_dataset
from .planning import PlanScore
from .report import write_report
from .robustness import evaluate_robustness
from .segmentation import SegmentationScore
from .study import Study
from .table import report_table, robustness_table, study_table
from .thresholds import Thresholds, Verdict
from .words import PromptScore, SynonymScore

__all__ = [
    "AnnotationScore",
    "BoundaryScore",
    "BoxSet",
    "DetectionScore",
    "Evaluator",
    "FrameScore",
    "LaneScore",
    "LidarGrid",
    "LidarReference",
    "LidarScore",
    "PlanScore",
    "PromptScore",
    "RayScore",
    "SegmentationScore",
    "Study",
    "SynonymScore",
    "Thresholds",
    "Verdict",
    "VoxelScore",
    "evaluate_dataset",
    "evaluate_robustness",
    "report_table",
    "robustness_table",
    "study_table",
    "write_report",
]
