"""Quality held equal: what the cheapest open model that is no worse costs, and how long a closed one was ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from gapbench.analysis.quality.gap import gap
from gapbench.report.equal_quality import describe_equal_quality, describe_lags
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
DEAR = {"cost": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 0}}
CHEAP = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 0}}
CHEAPEST = {"cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0}}


def rows(answers: Answers, total: int = 200, **right: int) -> list[Attempt]:
    return [row for name, count in right.items() for row in answers(name.replace("_", "-"), count, total)]


def matched(make_run: Make, answers: Answers, **right: int) -> dict[str, Any]:
    """Return the match of closed-a over 400 items, with ``right`` answers of each model per 200."""
    doubled = {name: 2 * count for name, count in right.items()}
    run = make_run(rows(answers, total=400, **doubled), closed_a=DEAR, open_b=CHEAP, open_c=CHEAPEST)
    return gap([run]).matched[0]


def test_the_cheapest_that_is_no_worse_is_named(make_run: Make, answers: Answers) -> None:
    """open-c costs a tenth of open-b and is far worse; open-b is as good for a tenth of closed-a's price."""
    found = matched(make_run, answers, closed_a=180, open_b=180, open_c=100)

    assert found["open"]["model"] == "open-b"
    assert found["closed"]["usd_per_task"] == pytest.approx(0.01)
    assert found["cost_ratio"] == pytest.approx(10)
    assert (found["passed"], found["candidates"], found["untold"]) == (1, 2, None)
    assert found["verdict"] == "equivalent within 1.7 points"
    assert "the cheapest open model no worse than closed-a" in describe_equal_quality(found)


def test_not_told_apart_is_not_no_worse(make_run: Make, answers: Answers) -> None:
    """Two of 200 behind: nothing is resolved, and the interval reaches beyond the margin, so nobody is named as good."""
    found = matched(make_run, answers, closed_a=180, open_b=178, open_c=100)

    assert (found["open"], found["passed"]) == (None, 0)
    assert found["untold"]["model"] == "open-b"
    assert found["untold"]["items_needed"] > 400
    said = describe_equal_quality(found)
    assert "whether an open model is no worse than closed-a is undecided" in said
    assert "open-b, gap +1.0 " in said
    assert "needs about" in said


def test_a_cheaper_one_that_is_not_told_yet_is_said_beside_the_one_that_is(
    make_run: Make, answers: Answers
) -> None:
    """open-b is as good; open-c, a tenth of its price, may be."""
    found = matched(make_run, answers, closed_a=180, open_b=180, open_c=179)

    assert (found["open"]["model"], found["untold"]["model"]) == ("open-b", "open-c")
    assert "Cheaper, but undecided: open-c" in describe_equal_quality(found)


def test_behind_by_less_than_the_margin_is_no_worse(make_run: Make, answers: Answers) -> None:
    """A gap whose interval ends at -5 is far below the margin, though not within it on the other side."""
    found = matched(make_run, answers, closed_a=150, open_b=170, open_c=100)

    assert (found["open"]["model"], found["verdict"]) == ("open-b", "open ahead")


@pytest.mark.parametrize("outcome", ["unparsed", "wrong"])
def test_nothing_right_on_both_sides_matches_no_quality(
    make_run: Make, answers: Answers, outcome: Literal["unparsed", "wrong"]
) -> None:
    """Where no answer could be read, both stand at 0 %: that shows nothing of the open model."""
    listed = [
        dataclasses.replace(row, outcome=outcome, score=0.0) for row in rows(answers, closed_a=0, open_b=0)
    ]
    found = gap([make_run(listed, closed_a=DEAR, open_b=CHEAP)])

    assert found.matched[0]["open"] is None
    assert "no right answer here, so there is no quality to match" in describe_equal_quality(found.matched[0])
    assert "equivalent" not in found.headline()


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
    assert (
        describe_equal_quality(found) == "Matched quality: no open model with a price is as good as closed-a."
    )


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
    assert (
        "closed-a (2025-06-01) was the first closed model here at or above open-b; "
        "it came out 6 months before open-b and 17 months before this run."
    ) in describe_lags([found])[0]


@pytest.mark.parametrize(
    ("released", "words"),
    [("2025-05-23", "0.3 months after open-b"), ("2025-06-01", "at the same time as open-b")],
)
def test_a_closed_model_may_have_come_after(
    make_run: Make, answers: Answers, released: str, words: str
) -> None:
    """No time is negative in a sentence."""
    run = make_run(
        rows(answers, closed_a=150, open_b=140),
        closed_a={"released": "2025-06-01"},
        open_b={"released": released},
    )

    assert f"it came out {words} and 17 months before this run" in describe_lags(gap([run]).lag)[0]


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


def test_several_open_models_are_tested_at_a_stricter_level(make_run: Make, answers: Answers) -> None:
    """250 pairs that all agree: t^2 / (249 + t^2) is 1.5 points at 5 % and 2.0 at 2.5 %; the margin is 1.7."""
    alone = make_run(
        rows(answers, total=250, closed_a=200, open_b=200), name="alone", closed_a=DEAR, open_b=CHEAP
    )
    both = make_run(
        rows(answers, total=250, closed_a=200, open_b=200, open_c=100),
        name="both", closed_a=DEAR, open_b=CHEAP, open_c=CHEAPEST,
    )  # fmt: skip
    first, second = (gap([run]).matched[0] for run in (alone, both))

    assert (first["verdict"], second["verdict"]) == ("equivalent within 1.7 points", None)
    assert first["ci_high"] == pytest.approx(1.53, abs=0.03)
    assert second["untold"]["ci_high"] == pytest.approx(2.0, abs=0.03)


def test_no_worse_is_said_exactly_if_the_interval_shows_it(make_run: Make, answers: Answers) -> None:
    """The printed upper bound is below the margin, for every count of wins."""
    for number, right in enumerate(range(120, 190, 7)):
        run = make_run(
            rows(answers, closed_a=150, open_b=right), name=f"r{number}", closed_a=DEAR, open_b=CHEAP
        )
        found = gap([run]).matched[0]
        shown = found if found["open"] is not None else found["untold"]

        assert (found["open"] is not None) == (shown is not None and shown["ci_high"] < 1.7)


def test_nothing_shared_is_not_called_no_model_as_good(make_run: Make, answers: Answers) -> None:
    """Other items on each side: no open model was tested, so none is called worse."""
    listed = [*answers("closed-a", 50, 100), *answers("open-b", 50, 100, start=100)]
    found = gap([make_run(listed, closed_a=DEAR, open_b=CHEAP)])

    assert found.matched[0]["candidates"] == 0
    assert describe_equal_quality(found.matched[0]) == (
        "Matched quality: nothing to compare with closed-a: no open model has a scored answer to a request that "
        "closed-a answered too."
    )


@pytest.mark.parametrize(
    ("silent", "reason"),
    [("open-b", "no open model has a scored answer"), ("closed-a", "closed-a has no scored answer")],
)
def test_a_model_that_never_answered_is_named(
    make_run: Make, answers: Answers, silent: str, reason: str
) -> None:
    """All requests of one side failed."""
    listed = [
        dataclasses.replace(row, outcome="infra", score=None) if row.model_id == silent else row
        for row in rows(answers, closed_a=150, open_b=150)
    ]
    found = gap([make_run(listed, closed_a=DEAR, open_b=CHEAP)])

    assert (
        describe_equal_quality(found.matched[0])
        == f"Matched quality: nothing to compare with closed-a: {reason}."
    )


def test_an_open_model_without_a_price_is_named(make_run: Make, answers: Answers) -> None:
    """Compared in quality, it has no dollars to match."""
    run = make_run(rows(answers, closed_a=150, open_b=150), closed_a=DEAR, open_b={"runner": "vllm"})

    assert describe_equal_quality(gap([run]).matched[0]).endswith(
        "no open model that can be compared has a price."
    )


def test_categories_of_one_lag_share_a_sentence(make_run: Make, answers: Answers) -> None:
    """Two categories and overall: the same models and months are named once."""
    run = make_run(
        [
            *rows(answers, closed_a=150, open_b=140),
            *answers("closed-a", 150, 200, task="coding/sort", category="coding"),
            *answers("open-b", 140, 200, task="coding/sort", category="coding"),
        ],
        closed_a={"released": "2025-06-01"},
        open_b={"released": "2025-12-01"},
    )
    said = describe_lags(gap([run]).lag)

    assert 1 == len(said)
    assert said[0].startswith("Lag, reasoning, coding and overall: closed-a (2025-06-01) was")
