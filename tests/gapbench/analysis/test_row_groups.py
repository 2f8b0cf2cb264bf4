"""Sums, extremes and rows of groups, whether their rows are neighbours or not."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.row_groups import RowGroups

CODES = {
    "neighbours": np.repeat(np.array([2, 0, 1, 0], dtype=np.int8), 25),
    "scattered": np.arange(100, dtype=np.int64) * 7 % 3,
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_groups_have_the_figures_of_their_rows(code: np.ndarray) -> None:
    """By both ways of adding: stretch by stretch, and row by row."""
    values = np.random.default_rng(1).random(100)
    groups = RowGroups(code)
    members = [np.flatnonzero(code == number) for number in range(3)]

    assert [values[rows].sum() for rows in members] == pytest.approx(groups.sums(values))
    assert [(values[rows] > 0.5).sum() for rows in members] == groups.counts(values > 0.5).tolist()
    assert [values[rows].min() for rows in members] == groups.least(values).tolist()
    assert [values[rows].max() for rows in members] == groups.largest(values).tolist()
    assert [0, 1, 2] == code[groups.rows].tolist()


def test_a_group_without_rows_has_nothing() -> None:
    """Its sum and count are 0, and its extremes infinite."""
    groups = RowGroups(np.zeros(8, dtype=np.int32), 2)
    values = np.ones(8)

    assert [8.0, 0.0] == groups.sums(values).tolist()
    assert [8, 0] == groups.counts(values > 0).tolist()
    assert [1.0, np.inf] == groups.least(values).tolist()
    assert [1.0, -np.inf] == groups.largest(values).tolist()


def test_no_rows_are_no_groups() -> None:
    """Such as of a model that was never asked."""
    groups = RowGroups(np.zeros(0, dtype=np.int32))

    assert 0 == groups.count
    assert [] == groups.sums(np.zeros(0)).tolist()
    assert [] == groups.least(np.zeros(0)).tolist()
    assert [] == groups.rows.tolist()
