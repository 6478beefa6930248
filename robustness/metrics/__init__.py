"""From records to figures: every score with its interval, or the reason why it could not be measured.

Needs numpy, pandas and scipy only, so that old records can be folded where no model can run.
"""

from .folding import COLUMNS, METRICS, fold
from .score import Score

__all__ = ["COLUMNS", "METRICS", "Score", "fold"]
