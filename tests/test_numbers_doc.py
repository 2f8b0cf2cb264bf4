"""docs/reference/numbers.md: every row is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

TEXT = (Path(__file__).parents[1] / "docs/reference/numbers.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_row_of_the_page_is_true(row: list[str]) -> None:
    """Target, reply, outcome of the scorer `numeric`."""
    target, reply, outcome = row

    assert outcome == make_scorer("numeric", {})(reply, Sample("s", (), target=target)).outcome


def test_the_page_has_both_tables() -> None:
    """25 replies and 51 forms."""
    assert 76 == len(ROWS)
