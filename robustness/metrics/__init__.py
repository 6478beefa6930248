"""From records to figures: every score with its interval, or the reason why it could not be measured.

Needs numpy, pandas and scipy only, so that old records can be folded where no model can run.
"""

from .comparison import Comparison, compare
from .folding import COLUMNS, METRICS, fold
from .score import Score

__all__ = ["COLUMNS", "METRICS", "Comparison", "Score", "compare", "fold"]
