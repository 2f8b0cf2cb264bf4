"""How numbers and foreign text are written."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gapbench import formatting

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "writer",
    [
        formatting.format_number,
        formatting.format_count,
        formatting.format_percent,
        formatting.format_seconds,
        formatting.format_usd,
        formatting.format_p_value,
    ],
)
@pytest.mark.parametrize("unknown", [None, math.nan, np.float64("nan"), pd.NA, pd.NaT])
def test_unknown_is_a_dash(writer: object, unknown: object) -> None:
    """Never 0, nan or None."""
    assert callable(writer)
    assert writer(unknown) == "–"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0123, "12.3 ms"),
        (0.38, "380 ms"),
        (0.9999, "1.00 s"),
        (2.4567, "2.46 s"),
        (125, "125 s"),
        (0, "0 s"),
    ],
)
def test_times_choose_their_unit(value: float, said: str) -> None:
    """Milliseconds below a second."""
    assert formatting.format_seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0000123, "<$0.0001"),
        (-0.0000123, ">-$0.0001"),
        (0.000123, "$0.0001"),
        (0.00567, "$0.0057"),
        (0.0107, "$0.0107"),
        (3.529, "$3.53"),
        (1234.5, "$1,234.50"),
        (0, "$0.00"),
        (-0.5, "-$0.500"),
    ],
)
def test_small_dollars_have_at_most_four_decimals(value: float, said: str) -> None:
    """A tenth of a cent is not $0.00, and no amount has a row of zeros (finding 6)."""
    assert formatting.format_usd(value) == said


def test_a_tasks_dollars_are_those_of_a_thousand() -> None:
    """Finding 6: $0.0000585 a task is $0.0585 for 1,000, in values, gaps and intervals."""
    assert formatting.format_usd_per_1000(0.0000585) == "$0.0585"
    assert formatting.format_usd_per_1000(None) == "–"
    assert formatting.format_gap("usd", -0.0000585) == "-$0.0585"
    assert formatting.format_interval("usd", 0.000209, 0.000215) == "+$0.209 to +$0.215"
    # Eight costs, one of them long, bound a mean by nothing one would read to the cent.
    assert formatting.format_interval("usd", -0.0145, 1_001_703.11) == "-$14.50 to +$1.00B"


def test_a_count_has_its_noun_and_separators() -> None:
    """The same in a plan, an import and a notebook."""
    assert ["1 task", "0 tasks", "2,000 tasks"] == [formatting.count_of(n, "task") for n in (1, 0, 2_000)]


def test_gaps_carry_their_sign() -> None:
    """Closed minus open, with the unit of the metric."""
    assert formatting.format_gap("points", 9.46) == "+9.5"
    assert formatting.format_gap("points", -0.04) == "0.0"
    assert formatting.format_gap("s", -0.187) == "-187 ms"
    assert formatting.format_gap("usd", 0.004) == "+$4.00"
    assert formatting.format_interval("s", 0.0154, 0.358) == "+15.4 to +358 ms"
    assert formatting.format_interval("usd", 0.0032, 0.00395) == "+$3.20 to +$3.95"
    assert formatting.format_interval("usd", -0.00395, -0.0032) == "-$3.95 to -$3.20"
    assert formatting.format_interval("usd", 0.0, 0.0) == "$0.00 to $0.00"


def test_a_terminal_cannot_be_driven_by_a_name() -> None:
    """Colours, cursor moves, titles, bells and turned text are taken out."""
    assert formatting.strip_controls("\x1b[31mred\x1b[0m \x1b]0;title\x07a\x08b\u202ec\x07") == "red abc"
    assert formatting.strip_controls("a\u200bb\u200ec\ufeffd\u2028e\U000e0041f") == "abcdef"


def test_what_cannot_be_seen_is_written_out() -> None:
    """Controls, marks of direction and width, half a pair; spaces, letters and joined signs of any script stay."""
    assert formatting.escape_invisible("\x1b[2J\r\u202ea\u200b\u2066\ufeff\x9b\ud800") == (
        r"\x1b[2J\r\u202ea\u200b\u2066\ufeff\x9b\ud800"
    )
    assert formatting.escape_invisible("a\n\tü 漢\u3000字 \u00a0é") == "a\n\tü 漢\u3000字 \u00a0é"


def test_a_spreadsheet_runs_no_cell() -> None:
    """Formula marks are quoted; numbers stay numbers."""
    assert formatting.escape_csv_cell("=1+1") == "'=1+1"
    assert formatting.escape_csv_cell("@sum") == "'@sum"
    assert formatting.escape_csv_cell("\x1b[1m=1") == "'=1"
    assert formatting.escape_csv_cell(-1.5) == -1.5
    assert formatting.escape_csv_cell("llama") == "llama"


def test_small_p_values_are_only_said_to_be() -> None:
    """No false digits."""
    assert (formatting.format_p_value(0.0004), formatting.format_p_value(0.0312)) == ("<0.001", "0.031")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.003, -0.001, "-$3.00 to -$1.00"),
        (-0.003, 0.001, "-$3.00 to +$1.00"),
        (0.001, 0.003, "+$1.00 to +$3.00"),
    ],
)
def test_a_bound_in_dollars_keeps_its_minus(low: float, high: float, said: str) -> None:
    """Only what two bounds have in common is said once, and a minus never."""
    assert said == formatting.format_interval("usd", low, high)


def test_dollars_of_rounding_errors_are_zero() -> None:
    """The difference of two equal sums is no amount of money; the cheapest token ($0.01 a million) is one, a small one."""
    assert formatting.format_usd(-1.24e-13) == "$0.00"
    assert formatting.format_gap("usd", -1.24e-13) == "$0.00"
    assert formatting.format_usd(1e-8) == "<$0.0001"


def test_a_count_agrees_with_its_noun() -> None:
    """One has no s."""
    assert ["0 tasks", "1 task", "2 tasks"] == [formatting.count_of(count, "task") for count in (0, 1, 2)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (121.75, "122"), (3652.4, "3,652"), (9999.4, "9,999"), (9999.6, "10,000"), (127_837.5, "128,000"),
     (999_600.0, "1 million"), (1_244_000.0, "1.24 million"), (3.4e9, "3.4 billion"), (2e12, "2 trillion")],
)  # fmt: skip
def test_an_estimated_number_of_requests_is_whole_below_ten_thousand(value: float, text: str) -> None:
    """Above it has three digits, in words from a million on."""
    assert text == formatting.format_volume(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.5, "$0.500"),
        (99.994, "$99.99"),
        (100.4, "$100"),
        (449.4, "$449"),
        (999.4, "$999"),
        (5640.12, "$5.64K"),
        (-1234.5, "-$1.23K"),
    ],
)
def test_estimated_dollars_have_no_cents_from_a_hundred_on(value: float | None, text: str) -> None:
    """An estimate does not know them."""
    assert text == formatting.format_short_usd(value)


def test_every_percentage_has_a_space_before_its_sign() -> None:
    """Python's own `:.0%` writes none, and so two outputs would write 39% and 39 %."""
    sources = [path for room in ("harness", "runners") for path in (ROOT / room).rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\{[^{}]*:[+,]?\.\d%\}", line)
    ]

    assert [] == found


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: list[str], said: str) -> None:
    """The last with an `and`."""
    assert said == formatting.join_words(words)
