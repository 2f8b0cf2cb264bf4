"""Runs beside their baselines."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapbench.analysis.regression.compare import Comparison, compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.values import Attempt
from tests.run_folders import make_attempt

MakeRun = Callable[..., Path]
ITEMS = 300
_numbers = itertools.count()


def rows(run_id: str, right: Callable[[int], bool], **given: Any) -> list[Attempt]:
    """Return 300 answered requests, right where told."""
    return [
        make_attempt(
            run_id=run_id,
            sample_id=str(n),
            outcome="correct" if right(n) else "wrong",
            score=float(right(n)),
            **{name: value(n) if callable(value) else value for name, value in given.items()},
        )
        for n in range(ITEMS)
    ]


def against(make_run: MakeRun, base: list[Attempt], new: list[Attempt], *rules: str) -> Comparison:
    number = next(_numbers)
    runs = (make_run(base, f"base-{number}"), make_run(new, f"new-{number}"))
    return compare_runs([runs[0]], [runs[1]], [RegressionRule.parse(rule) for rule in rules])


OTHER: dict[str, Any] = {"task": "math/others"}


def some(run_id: str, count: int = 50, **given: Any) -> list[Attempt]:
    """Return right answers, each under an id of its own."""
    return [make_attempt(run_id=run_id, sample_id=f"n{n}", **given) for n in range(count)]
