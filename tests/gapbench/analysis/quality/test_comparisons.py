"""Which models the gap table compares, and that no model that was paid for is missing from it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gapbench.analysis.quality.gap import gap
from gapbench.errors import ResultsError
from gapbench.values import Attempt
from tests.two_models import command_output

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]


@pytest.fixture(name="three")
def _three(make_run: Make, answers: Answers) -> Path:
    """Return a run of two closed models, of which each is the best in one category, and an open one."""
    scores = {"closed-a": (55, 30), "closed-b": (40, 40), "open-c": (35, 20)}
    return make_run(
        [
            row
            for model, right in scores.items()
            for task, count in zip(("reasoning/sums", "coding/f"), right, strict=True)
            for row in answers(model, count, 60, task=task)
        ]
    )


def pairs_of(frame: pd.DataFrame, category: str) -> list[tuple[str, str]]:
    rows = frame[(frame["metric"] == "accuracy") & (frame["category"] == category)]
    return list(zip(rows["closed_model"], rows["open_model"], strict=True))


def test_every_model_has_a_row_over_all_requests(three: Path) -> None:
    """closed-a (85 of 120) is the best closed model in every category; closed-b has its row over all (finding 10)."""
    frame = gap([three]).frame

    assert [("closed-a", "open-c")] == pairs_of(frame, "coding") == pairs_of(frame, "reasoning")
    assert [("closed-a", "open-c"), ("closed-b", "open-c")] == pairs_of(frame, "overall")


def test_one_more_model_changes_no_level_of_the_headline(make_run: Make, answers: Answers) -> None:
    """Other models are families of their own, so the rows of the best two keep the level of their interval."""
    two = [*answers("closed-a", 55, 60), *answers("open-c", 35, 60)]
    alone = gap([make_run(two, "two")])
    more = gap([make_run([*two, *answers("closed-b", 20, 60)], "three")])
    levels = [list(table.main_rows()["confidence"].dropna()) for table in (alone, more)]

    assert levels[0] == levels[1]
    assert {"quality of other models", "speed of other models"} <= set(more.frame["family"])


def test_against_compares_models_of_one_side_and_names_the_one_ahead(three: Path) -> None:
    """closed-a is right 85 times and closed-b 80 times of 120, 55 and 40 of the 60 in reasoning (finding 10)."""
    frame = gap([three], against="closed-a").frame
    accuracy = frame[(frame["metric"] == "accuracy") & (frame["open_model"] == "closed-b")].set_index(
        "category"
    )

    assert [("closed-a", "closed-b"), ("closed-a", "open-c")] == pairs_of(frame, "overall")
    assert (85 / 120, 80 / 120) == tuple(accuracy.loc["overall", ["closed_value", "open_value"]])
    assert "closed-a ahead" == accuracy.loc["reasoning", "verdict"]


def test_against_an_unknown_model_lists_those_that_there_are(three: Path) -> None:
    """The error has the name and the choice."""
    with pytest.raises(ResultsError, match=r"no model 'gpt' .* closed-a, closed-b, open-c"):
        gap([three], against="gpt")


def test_the_command_refuses_two_tables_at_once(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--all-pairs and --against ask for different rows."""
    said = command_output(capsys, "gap", str(three), "--all-pairs", "--against", "closed-a", code=2)

    assert "give one of them" in said


def test_a_table_of_other_pairs_does_not_start_with_the_answer(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are corrected together, so that the intervals are others than those of the answer."""
    assert "Quality" not in command_output(capsys, "gap", str(three), "--against", "closed-a")
    assert "Quality" not in command_output(capsys, "gap", str(three), "--all-pairs")
    assert command_output(capsys, "gap", str(three)).startswith("Quality")


@pytest.mark.parametrize("seed", range(10))
def test_verdict_and_shown_interval_agree(make_run: Make, answers: Answers, seed: int) -> None:
    """In a table of every pair, *ahead* is said exactly where the shown interval excludes zero (finding 11)."""
    shape = random.Random(seed)
    names = ("closed-a", "closed-b", "closed-d", "open-c", "open-e")
    run = make_run([row for name in names for row in answers(name, shape.randint(50, 90), 100)])
    frame = gap([run], all_pairs=True).frame
    frame = frame[(frame["metric"] == "accuracy") & ~frame["verdict"].str.startswith("equivalent")]
    excludes_zero = (frame["ci_low"] > 0) | (frame["ci_high"] < 0)

    assert list(excludes_zero) == list(frame["verdict"].str.endswith("ahead"))
    assert (frame["confidence"] >= 0.95).all()
