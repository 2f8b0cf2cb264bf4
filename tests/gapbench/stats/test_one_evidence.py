"""P-value, interval and verdict of a comparison agree, whatever the data: they come from one test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from gapbench.analysis.quality.gap_metrics import NO_RIGHT_ANSWER, metric_rows
from gapbench.analysis.quality.gap_row import NOT_DISTINGUISHABLE, Comparison, GapRow, decide
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.stats import Floats, Ints, compare_quotients, paired_difference, quantile_difference, shift

MARGIN = 1.7
KINDS = (
    "binary", "rare", "partial", "spiked", "few partial", "all equal", "constant", "constant partial", "one-sided",
    "one-sided partial", "opposite",
)  # fmt: skip


def scores(kind: str, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the scores of two models."""
    first, second = rng.random((2, n))
    tilt = rng.choice([0.0, 0.1, 0.3])
    if kind == "binary":
        return (first < 0.6 + tilt).astype(float), (second < 0.6).astype(float)
    if kind == "rare":
        return (first < 0.97).astype(float), (second < 0.97 - tilt).astype(float)
    if kind == "partial":
        return np.clip(first + tilt, 0, 1), second
    if kind == "spiked":
        return np.round(np.clip(first * 2 - 0.5 + tilt, 0, 1), 1), np.round(
            np.clip(second * 2 - 0.5, 0, 1), 1
        )
    if kind == "few partial":
        return np.where(first < 0.1 + tilt, 0.4, 1.0), np.where(second < 0.1, 0.4, 1.0)
    if kind == "all equal":
        return first.round(1), first.round(1)
    if kind == "constant":
        return np.ones(n), np.zeros(n)
    if kind == "constant partial":
        return np.full(n, 0.8), np.full(n, 0.8 - tilt)
    if kind == "one-sided":
        return np.ones(n), (second < 0.8).astype(float)
    if kind == "one-sided partial":
        return np.ones(n), np.where(second < 0.2, 0.7, 1.0)
    return (np.arange(n) % 2).astype(float), (np.arange(1, n + 1) % 2).astype(float)


def clusters(n: int, rng: np.random.Generator) -> Ints:
    """Return one cluster for each item, even or uneven clusters, or one for all."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return np.arange(n)
    if kind == 1:
        return np.arange(n) // 5
    return np.sort(rng.integers(0, max(1, n // 4), n)) if kind == 2 else np.zeros(n, dtype=np.int64)


def cases(kind: str) -> Iterator[tuple[Floats, Floats, Ints, np.random.Generator]]:
    """Yield scores and clusters of many sizes, tiny ones included."""
    for number, n in enumerate((1, 2, 3, 5, 7, 12, 30, 31, 150)):
        rng = np.random.default_rng([number, KINDS.index(kind)])
        first, second = scores(kind, n, rng)
        yield first, second, clusters(n, rng), rng


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_of_scores_is_significant_exactly_if_its_interval_excludes_zero(kind: str) -> None:
    """At every level, before and after a shift by a known bias, and the estimate lies in its interval."""
    for first, second, codes, rng in cases(kind):
        found = paired_difference(first, second, codes, resamples=200)
        for difference in (found, shift(found, float(rng.normal(0, 0.02)))):
            for level in (0.05, 0.0125, 0.2):
                low, high = difference.interval(1 - level)
                assert (difference.p_value < level) == (low > 0 or high < 0), (difference, level)
                assert low <= difference.estimate <= high
            assert (difference.low, difference.high) == difference.interval(0.95)


@pytest.mark.parametrize("kind", KINDS)
def test_wider_confidence_gives_a_wider_interval(kind: str) -> None:
    """Each interval holds the ones of lower confidence."""
    for first, second, codes, _ in cases(kind):
        found = paired_difference(first, second, codes, resamples=200)
        bounds = [found.interval(confidence) for confidence in (0.5, 0.8, 0.95, 0.99)]

        assert all(
            outer[0] <= inner[0] + 1e-9 and inner[1] <= outer[1] + 1e-9
            for inner, outer in itertools.pairwise(bounds)
        )


@pytest.mark.parametrize("swapped", KINDS)
def test_the_other_way_round_the_gap_has_the_other_sign(swapped: str) -> None:
    """Interval mirrored, p-value equal. Resampled gaps are left out: they agree up to the draws."""
    for first, second, codes, _ in cases(swapped):
        one, other = (
            paired_difference(*pair, codes, resamples=200) for pair in ((first, second), (second, first))
        )

        if one.method == "bootstrap-t":
            continue
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-6)
        assert one.p_value == pytest.approx(other.p_value, abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.5, 1.5])
@pytest.mark.parametrize("ratio", [1.0, 1.05, 2.0])
def test_times_and_dollars_agree_with_their_intervals_too(spread: float, ratio: float) -> None:
    """Skewed, nearly constant and constant values, few and many."""
    for first, second, codes, rng in cases("binary"):
        n = len(first)
        one, other = ratio * np.exp(rng.normal(0, spread, n)), np.exp(rng.normal(0, spread, n))
        times = quantile_difference(one, other, codes, 0.5, resamples=200)
        assert (times.p_value < 0.05) == (times.low > 0 or times.high < 0), times
        found = compare_quotients((one, first), (other, second), codes)
        if found.p_value is None:
            assert found.low is found.ratio_low is None
            continue
        assert found.evidence is not None
        for level in (0.05, 0.01):
            low, high = found.evidence.interval(1 - level)
            ratio_low, ratio_high = found.evidence.ratio_interval(1 - level)
            assert (found.p_value < level) == (low > 0 or high < 0) == (ratio_low > 1 or ratio_high < 1), (
                found
            )


def requests(columns: dict[str, Floats], codes: Ints, categories: Ints) -> ModelRequests:
    """Return one model's requests."""
    item = np.arange(len(codes))
    zeros = np.zeros(len(codes), dtype=np.int64)
    names = {"task": ["reasoning/sums"], "load": ["c8"]}
    nothing = np.zeros(len(codes), dtype=bool)
    return ModelRequests(
        {
            "item": item, "prompt": item, "cluster": codes, "sample": item, "category": categories, "task": zeros,
            "load": zeros, "infra": nothing, "is_episode": nothing, "is_picked": nothing,
        },
        {}, names, columns, samples=1,
    )  # fmt: skip


def table(kind: str, number: int) -> list[GapRow]:
    """Return a decided table of three categories and all together, with times and dollars."""
    rng = np.random.default_rng([number, KINDS.index(kind), 7])
    n = int(rng.choice([6, 30, 90, 240]))
    codes, categories = clusters(n, rng), rng.integers(0, 3, n)
    sides = [
        requests(
            {
                "score": values, "correct": (values == 1).astype(float), "response_s": rng.lognormal(0, 0.5, n),
                "answer_chars_per_s": rng.lognormal(3, 0.5, n), "usd": rng.lognormal(-5, 1, n) * rng.choice([1, 2]),
            },
            codes, categories,
        )
        for values in scores(kind, n, rng)
    ]  # fmt: skip
    pairs = ModelPairs(sides[0], sides[1], 0, 0, 0)
    scopes = {"a": 0, "b": 1, "c": 2, "overall": None}
    rows = [
        row
        for name, code in scopes.items()
        for row in metric_rows(Comparison(name, "closed", "open", False), pairs.in_category(code), 0.01)
    ]
    return decide(rows, MARGIN)


@pytest.mark.parametrize("kind", KINDS)
def test_every_verdict_of_a_table_is_what_its_row_shows(kind: str) -> None:
    """Ahead exactly if the printed interval excludes zero and the printed p-value is below 5 %; never both."""
    for number in range(3):
        for row in table(kind, number):
            verdict = str(row.verdict)
            if row.ci_low is None or row.ci_high is None or verdict == NO_RIGHT_ANSWER:
                assert verdict not in {"closed ahead", "open ahead"}
                continue
            excludes = row.ci_low > 0 or row.ci_high < 0
            inside = row.is_accuracy and -MARGIN < row.ci_low and row.ci_high < MARGIN
            assert row.p_value is not None
            assert (row.p_value < 0.05) == excludes, row
            if "equivalent" in verdict or (inside and not excludes):
                assert inside, row
                assert "equivalent" in verdict, row
            else:
                assert ("ahead" if excludes else NOT_DISTINGUISHABLE) in verdict, row
            if "ahead" in verdict:
                assert ((row.ci_low > 0) == (row.better == "higher")) == verdict.startswith("closed")
            assert row.gap_points is not None
            assert row.ci_low - 1e-9 <= row.gap_points <= row.ci_high + 1e-9
            assert row.confidence is not None
            if row.category == "overall" and row.is_accuracy:
                assert row.confidence == 0.95
                assert row.p_value == row.p_value_raw
