"""Scores of bird's-eye-view predictions, against annotations and against LiDAR."""

from .agreement import LidarScore
from .answers import AnswersScore, FrameAnswers, FrameTruth
from .detection import BoxSet, DetectionScore
from .evaluator import Evaluator, FrameScore
from .lanes import BoundaryScore, LaneScore
from .lidar import LidarGrid, LidarReference
from .metrics import AnnotationScore
from .multi_sense import evaluate_settings
from .occupancy import RayScore, VoxelScore
from .offline import evaluate_dataset
from .planning import PlanScore
from .report import write_report
from .robustness import evaluate_robustness
from .segmentation import SegmentationScore
from .study import Study
from .table import report_table, robustness_table, settings_table, study_table
from .thresholds import Thresholds, Verdict
from .truth import SceneTruth
from .words import PromptScore, SynonymScore

__all__ = [
    "AnnotationScore",
    "AnswersScore",
    "BoundaryScore",
    "BoxSet",
    "DetectionScore",
    "Evaluator",
    "FrameAnswers",
    "FrameScore",
    "FrameTruth",
    "LaneScore",
    "LidarGrid",
    "LidarReference",
    "LidarScore",
    "PlanScore",
    "PromptScore",
    "RayScore",
    "SceneTruth",
    "SegmentationScore",
    "Study",
    "SynonymScore",
    "Thresholds",
    "Verdict",
    "VoxelScore",
    "evaluate_dataset",
    "evaluate_robustness",
    "evaluate_settings",
    "report_table",
    "robustness_table",
    "settings_table",
    "study_table",
    "write_report",
]
