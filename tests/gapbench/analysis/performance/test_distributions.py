"""Distributions of times and Pareto fronts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gapbench.analysis.performance.distributions import latency_quantiles, pareto_front
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


def test_quantiles_are_of_the_time_from_the_schedule(make_run: Make, attempt: Attempts) -> None:
    """Done after 1, 2 and 3 s, scheduled at 0: the median of response is 2 s."""
    run = make_run(
        [attempt(sample_id=str(n), scheduled_s=0.0, sent_s=0.5, done_s=float(n)) for n in (1, 2, 3)]
    )

    frame = latency_quantiles([run], [0.5])

    found = frame[frame["metric"] == "response_s"].iloc[0]
    assert (2.0, 3) == (found["value_s"], found["n"])


def test_failed_requests_have_no_time(make_run: Make, attempt: Attempts) -> None:
    """A model that answered nothing has no row."""
    run = make_run([attempt(outcome="infra")])

    assert latency_quantiles([run]).empty


@pytest.mark.parametrize(
    ("costs", "accuracies", "expected"),
    [
        ([1.0, 2.0], [0.5, 0.9], [True, True]),  # cheaper, and better: each has its place
        ([1.0, 2.0], [0.9, 0.5], [True, False]),  # the second is dearer and worse
        ([1.0, 1.0], [0.9, 0.9], [True, True]),  # equals do not beat each other
        ([1.0, 1.0], [0.9, 0.8], [True, False]),  # as dear and worse
        ([None, 2.0], [0.9, 0.5], [False, True]),  # an unknown price beats nobody
    ],
)
def test_the_front_is_what_nobody_beats(
    costs: list[float | None], accuracies: list[float], expected: list[bool]
) -> None:
    """On both counts at once."""
    frame = pd.DataFrame({"cost": pd.Series(costs, dtype=float), "accuracy": accuracies})

    assert expected == pareto_front(frame, "cost")
