"""Scores one reply for one sample; scorers are found by name.

Each module in ``scorers/`` defines one built-in scorer and has its name. Other packages register scorers in the
entry-point group ``bench.scorers``. Scorers see only the answer channel. Failed and refused replies never reach them.
"""

from gapbench.scoring.registry import find_scorer_class, make_scorer, scorer_descriptions
from gapbench.scoring.scorer import EMPTY_REPLY, ReplyScorer, Scorer, TranscriptScorer, make_unscored

__all__ = [
    "EMPTY_REPLY",
    "ReplyScorer",
    "Scorer",
    "TranscriptScorer",
    "find_scorer_class",
    "make_scorer",
    "make_unscored",
    "scorer_descriptions",
]
