"""Reads the numbers of replies and targets exactly, in the forms in which people and models write them."""

from gapbench.scoring.numbers.comparison import Tolerance, is_rounding
from gapbench.scoring.numbers.digits import Exact
from gapbench.scoring.numbers.quantities import ParsedNumber, find_numbers, parse_number
from gapbench.scoring.numbers.reading import Reading, exact_float, read_reply, target_number

__all__ = [
    "Exact",
    "ParsedNumber",
    "Reading",
    "Tolerance",
    "exact_float",
    "find_numbers",
    "is_rounding",
    "parse_number",
    "read_reply",
    "target_number",
]
