"""Quality held equal: what the cheapest open model that is no worse costs, and how long a closed one was ahead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.gap import gap
from harness.report.text import lag_line, matched_line
from harness.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
DEAR = {"cost": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 0}}
CHEAP = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 0}}
CHEAPEST = {"cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0}}


def rows(answers: Answers, **right: int) -> list[Attempt]:
    return [row for name, count in right.items() for row in answers(name.replace("_", "-"), count, 200)]


def matched(make_run: Make, answers: Answers, **right: int) -> dict[str, Any]:
    run = make_run(rows(answers, **right), closed_a=DEAR, open_b=CHEAP, open_c=CHEAPEST)
    return gap([run]).matched[0]


def test_the_cheapest_that_is_no_worse_is_named(make_run: Make, answers: Answers) -> None:
    """open-c costs a tenth of open-b and is far worse; open-b is as good for a tenth of closed-a's price."""
    found = matched(make_run, answers, closed_a=180, open_b=178, open_c=100)

    assert found["open"]["model"] == "open-b"
    assert found["closed"]["usd_per_task"] == pytest.approx(0.01)
    assert found["cost_ratio"] == pytest.approx(10)
    assert (found["passed"], found["candidates"]) == (1, 2)
    assert found["verdict"] == "not distinguishable"
    assert "the cheapest open model no worse than closed-a is open-b" in matched_line(found)


def test_an_open_model_that_is_better_passes(make_run: Make, answers: Answers) -> None:
    """Both pass, so the cheaper is named."""
    found = matched(make_run, answers, closed_a=100, open_b=180, open_c=179)

    assert (found["open"]["model"], found["verdict"]) == ("open-c", "open ahead")


def test_none_may_pass(make_run: Make, answers: Answers) -> None:
    """All open models are worse: there is no matched one, and the closed one's own price stands."""
    found = matched(make_run, answers, closed_a=190, open_b=100, open_c=90)

    assert found["open"] is None
    assert (found["passed"], found["candidates"]) == (0, 2)
    assert found["closed"]["usd_per_task"] == pytest.approx(0.01)
    assert matched_line(found) == "Matched quality: no open model with a price is as good as closed-a."


def test_a_lag_by_hand(make_run: Make, answers: Answers) -> None:
    """closed-a of 2025-06-01 was as good as open-b of 2025-12-01: 183 days are 6.0 months, 518 to the run 17.0."""
    run = make_run(
        rows(answers, closed_a=150, closed_d=180, open_b=140),
        closed_a={"released": "2025-06-01"},
        closed_d={"released": "2026-06-01"},
        open_b={"released": "2025-12-01"},
    )
    found = gap([run]).lag[0]

    assert found["closed"]["model"] == "closed-a"
    assert (found["lag_release_months"], found["lag_months"]) == (6.0, 17.0)
    assert "closed-a (2025-06-01) was the first closed model here at or above open-b, 6 months" in lag_line(
        found
    )


def test_no_lag_without_dates_or_a_better_closed_model(make_run: Make, answers: Answers) -> None:
    """Unknown is no row, never zero."""
    assert gap([make_run(rows(answers, closed_a=150, open_b=140), name="undated")]).lag == []
    dated = make_run(
        rows(answers, closed_a=130, open_b=140), name="below", closed_a={"released": "2025-06-01"}
    )
    assert gap([dated]).lag == []


def test_conditions_tell_what_each_was_asked(make_run: Make, answers: Answers) -> None:
    """Equal prompts have equal fingerprints; settings, shares and days are there for each model."""
    one, other = gap([make_run(rows(answers, closed_a=150, open_b=140))]).conditions

    assert one["prompts"] == other["prompts"]
    assert one["asked"]["max_tokens"] == ["256"]
    assert (one["requests"], one["truncated"], one["infra"]) == (200, 0.0, 0.0)
    assert (one["first_day"], one["last_day"]) == ("2026-11-01", "2026-11-01")


def test_other_prompts_have_another_fingerprint(make_run: Make, answers: Answers) -> None:
    """One prompt less, another print."""
    run = make_run([*answers("closed-a", 150, 200), *answers("open-b", 140, 199)])
    one, other = gap([run]).conditions

    assert one["prompts"] != other["prompts"]
