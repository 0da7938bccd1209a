"""`lss-bev compare`: two ways to run the network, on the same frames."""

from .comparison import compare
from .multi_sense import compare_multi_sense
from .report import comparison_table, failures, joined, markdown
from .running import compare_subjects
from .subject import MultiSenseSubject, open_subject
from .tolerance import Tolerances

__all__ = [
    "MultiSenseSubject",
    "Tolerances",
    "compare",
    "compare_multi_sense",
    "compare_subjects",
    "comparison_table",
    "failures",
    "joined",
    "markdown",
    "open_subject",
]
