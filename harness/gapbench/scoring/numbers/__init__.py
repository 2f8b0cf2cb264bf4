"""Reads the numbers of replies and targets exactly, in the forms in which people and models write them."""

from gapbench.scoring.numbers.comparison import Tolerance, comparable_pairs, is_rounding
from gapbench.scoring.numbers.digits import Exact
from gapbench.scoring.numbers.quantities import ParsedNumber, parse_number
from gapbench.scoring.numbers.reply import exact_float, read_reply, target_number
from gapbench.scoring.numbers.statement import Reading, read_statement

__all__ = [
    "Exact",
    "ParsedNumber",
    "Reading",
    "Tolerance",
    "comparable_pairs",
    "exact_float",
    "is_rounding",
    "parse_number",
    "read_reply",
    "read_statement",
    "target_number",
]
