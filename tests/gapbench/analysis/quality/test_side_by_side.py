"""Models that were asked at the same time: who, and what the reader is told."""

from __future__ import annotations

from gapbench.analysis.quality.side_by_side import describe_company, different_company


def test_who_was_asked_side_by_side_is_one_sentence() -> None:
    """Two of three."""
    rows = [{"model": "a", "beside": ["b"]}, {"model": "b", "beside": ["a"]}, {"model": "c", "beside": []}]
    said = describe_company(rows)

    assert said is not None
    assert said.startswith("Asked side by side: a, b. ")
    assert describe_company(rows[2:]) is None


def test_one_alone_and_one_in_company_is_a_difference() -> None:
    """Either way round; two alike are none."""
    beside = {"a": ["x"], "b": ["x"], "c": [], "d": []}

    expected = ["a was asked while other models were, c alone: compare their times with care."]
    assert expected == list(different_company("a", "c", beside)) == list(different_company("c", "a", beside))
    assert [] == [*different_company("a", "b", beside), *different_company("c", "d", beside)]
