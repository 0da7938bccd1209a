"""`lss-bev compare`: two ways to run the network, on the same frames."""

from .comparison import compare
from .report import comparison_table, failures, markdown
from .subject import open_subject
from .tolerance import Tolerances

__all__ = ["Tolerances", "compare", "comparison_table", "failures", "markdown", "open_subject"]
