"""The rule that stops a task of which nearly all first answers cannot be used (finding 15), and its error rate."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import pytest

from gapbench.execution.limits import unusable_answers
from gapbench.execution.limits.unusable_answers import FIRST_ANSWERS, TRIPS_AT, UnusableAnswers
from gapbench.values import Outcome
from tests.makers import ATTEMPT


def watched(*outcomes: Outcome) -> UnusableAnswers:
    """Return a watch that has seen these outcomes."""
    watch = UnusableAnswers()
    for outcome in outcomes:
        watch.record(replace(ATTEMPT, outcome=outcome, score=0.0))
    return watch


def probability(share: float) -> float:
    """Return P(X >= 19) of 20 draws, the sum of two binomial terms."""
    return sum(comb(20, k) * share**k * (1 - share) ** (20 - k) for k in (19, 20))


@pytest.mark.parametrize(
    ("share", "stated"), [(0.5, "0.00002"), (0.7, "0.0076"), (0.8, "0.069"), (0.9, "0.39"), (0.95, "0.74"), (0.99, "0.98"), (1.0, "1")]
)  # fmt: skip
def test_the_stated_error_rates_are_the_binomial_ones(share: float, stated: str) -> None:
    """Each row of the module's table, to its last digit; the table is in its docstring."""
    places = len(stated.partition(".")[2])

    assert (20, 19) == (FIRST_ANSWERS, TRIPS_AT)
    assert float(stated) == round(probability(share), places)
    assert f"{share:.2f}  {stated}\n" in str(unusable_answers.__doc__)


def test_nineteen_of_twenty_trip_and_eighteen_do_not() -> None:
    """The 19th unusable answer trips it, whatever the order."""
    outcomes: list[Outcome] = ["unparsed"] * 18
    assert not watched(*outcomes, "correct", "wrong").is_tripped
    assert watched("correct", *outcomes, "refused").is_tripped


def test_it_looks_once() -> None:
    """Two good answers among the first 20: later ones do not count."""
    assert not watched("correct", "correct", *["unparsed"] * 40).is_tripped  # type: ignore[arg-type]  # a list of one word


def test_an_answer_that_is_held_counts_once() -> None:
    """Two with a program, then 18 without: 20 answers. One of the two turns out to be unparsed, which makes 19."""
    watch = UnusableAnswers()
    held = [replace(ATTEMPT, sample_id=f"held {number}") for number in range(2)]
    for row in held:
        watch.record_held(row)
    for number in range(30):
        watch.record(replace(ATTEMPT, sample_id=f"s{number}", outcome="unparsed", score=0.0))
    watch.record(replace(held[0], outcome="correct"))
    assert not watch.is_tripped
    watch.record(replace(held[1], outcome="unparsed", score=0.0))

    assert "19 of the first 20 answers cannot be used (19 unparsed)" == watch.describe()


def test_the_kinds_are_said() -> None:
    """As the user reads them."""
    watch = watched(*["unparsed"] * 15, *["truncated"] * 4)  # type: ignore[arg-type]  # as above

    assert "19 of the first 19 answers cannot be used (15 unparsed, 4 truncated)" == watch.describe()


def test_an_endpoint_in_trouble_gives_no_answer() -> None:
    """Failures that retries may cure are not counted; a request that the server refuses is."""
    watch = UnusableAnswers()
    for kind in ("timeout", "server", "auth") * 10:
        watch.record(replace(ATTEMPT, outcome="infra", failure_kind=kind, score=None))
    assert not watch.is_tripped

    for _ in range(19):
        watch.record(replace(ATTEMPT, outcome="infra", failure_kind="bad_request", score=None))
    assert watch.is_tripped


@pytest.mark.parametrize("scorer", [None, "none", "judge", "lm_eval"])
def test_answers_without_a_score_of_their_own_do_not_count(scorer: str | None) -> None:
    """No scorer, a judge later, or one score for several parts: nothing is known of them yet."""
    watch = UnusableAnswers()
    for _ in range(30):
        watch.record(replace(ATTEMPT, outcome="unscored", scorer=scorer, score=None))

    assert not watch.is_tripped


def test_an_overruled_rule_stays_silent() -> None:
    """The user wanted the rest all the same."""
    watch = watched(*["unparsed"] * 20)  # type: ignore[arg-type]  # as above
    watch.is_overruled = True

    assert not watch.is_tripped
