"""Ratings from comparisons."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from gapbench.analysis.quality.arena import rate_models
from gapbench.report.arena import arena_table
from gapbench.values import Attempt, canonical_json
from tests.run_folders import make_attempt, write_run

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]


def judged(run: Path, verdicts: list[tuple[str, str, str, str]]) -> None:
    """Write what a judge said: sample, first, second, winner."""
    rows = [
        make_attempt(
            model_id="jury", task="arena", category="judge", outcome="unscored" if winner else "unparsed", answer=winner or None,
            sample_id=canonical_json(["reasoning/sums", sample, 0, first, second]), simulated=True,
        )
        for sample, first, second, winner in verdicts
    ]  # fmt: skip
    write_run(run / "arena-jury-00000000", rows)


@pytest.fixture
def run(make_run: Make, answers: Answers) -> Path:
    """Closed right on 30 of 40, open on 20: ten decided, all for closed."""
    return make_run([*answers("closed-a", 30, 40), *answers("open-b", 20, 40)])


def test_without_a_judge_the_higher_score_wins(run: Path) -> None:
    """10 wins, 30 ties, no loss: (10 + 15) / 40 = 62.5 %, which is 400 log10(0.625 / 0.375) Elo."""
    found = rate_models([run])
    best = found.frame.iloc[0]

    assert ("closed-a", 10, 30, 0) == tuple(best[["model_id", "wins", "ties", "losses"]])
    assert best["win_rate"] == pytest.approx(0.625)
    assert found.gap is not None
    assert found.gap["elo"] == pytest.approx(400 * math.log10(0.625 / 0.375), rel=0.01)
    assert found.gap["elo_low"] < found.gap["elo"] < found.gap["elo_high"]


def test_the_judge_decides_where_there_is_one(run: Path) -> None:
    """Three of four samples for open, in both orders."""
    verdicts = [
        (sample, *pair, "tie" if sample == "3" else ("second", "first")[pair.index("open-b") == 0])
        for sample in "0123"
        for pair in (("closed-a", "open-b"), ("open-b", "closed-a"))
    ]
    judged(run, verdicts)
    found = rate_models([run])

    assert ("judge", ("jury",)) == (found.preference, found.judges)
    assert ("open-b", 6, 2, 0) == tuple(found.frame.iloc[0][["model_id", "wins", "ties", "losses"]])
    assert 0.0 == found.contradicted_share
    assert "score" == rate_models([run], "score").preference


def test_a_judge_that_always_picks_the_first_is_found_out(run: Path) -> None:
    """Turned, it names the other: contradicted on every pair, no gap, all of it the advantage of being first."""
    judged(
        run,
        [
            (str(k), *pair, "first")
            for k in range(8)
            for pair in (("closed-a", "open-b"), ("open-b", "closed-a"))
        ],
    )
    found = rate_models([run])

    assert 1.0 == found.contradicted_share
    assert found.gap is not None
    assert found.gap["elo"] == pytest.approx(0.0, abs=1.0)


def test_a_simulated_judge_is_said(run: Path) -> None:
    """Though the answers are not simulated."""
    judged(
        run,
        [
            ("1", "closed-a", "open-b", "first"),
            ("1", "open-b", "closed-a", "first"),
            ("2", "closed-a", "open-b", ""),
        ],
    )
    found = rate_models([run])

    assert (True, 1) == (found.simulated, found.unreadable_verdicts)


@pytest.mark.parametrize(
    ("question_id", "verdict"),
    [
        ("q1", "first"),
        ('"q1"', "first"),
        ("{}", "first"),
        ("17", "first"),
        ("[]", "first"),
        ('["reasoning/sums","1",0,"closed-a"]', "first"),
        ('["reasoning/sums",["1"],0,"closed-a","open-b"]', "first"),
        ('["reasoning/sums","1",0,"closed-a","open-b"]', "third"),
    ],
)
def test_a_verdict_of_another_form_is_one_that_could_not_be_read(
    run: Path, question_id: str, verdict: str
) -> None:
    """Beside one that can be read: a run may come from others."""
    judged(run, [("1", "closed-a", "open-b", "first"), ("2", "closed-a", "open-b", "second")])
    strange = make_attempt(
        model_id="jury", task="arena", category="judge", outcome="unscored", answer=verdict, sample_id=question_id
    )  # fmt: skip
    write_run(run / "arena-jury-00000001", [strange])

    assert 1 == rate_models([run]).unreadable_verdicts


def test_one_model_has_no_rating(make_run: Make, answers: Answers) -> None:
    """A sentence, and an empty table."""
    found = rate_models([make_run(answers("closed-a", 3, 5))])

    assert found.frame.empty
    assert "nothing to rate" in found.warnings[0]


def test_the_json_is_plain(run: Path) -> None:
    """It goes through a strict encoder, and names its shape."""
    said = orjson.loads(orjson.dumps(rate_models([run]).to_json()))

    assert {"schema", "rows", "gap", "preference", "judges", "simulated"} <= set(said)


def test_being_first_that_tells_every_winner_is_one_note(run: Path) -> None:
    """Its Elo has no finite value, so none is said, and the ratings are not corrected for it."""
    pairs = (("closed-a", "open-b"), ("open-b", "closed-a"))
    judged(run, [(str(k), *pair, "first") for k in range(8) for pair in pairs])
    found = rate_models([run])

    assert found.first_elo is None
    assert ["being shown first alone separates the winners from the losers"] == [
        said.split(",")[0] for said in found.warnings
    ]


def test_the_share_won_and_the_win_rate_of_the_gap_have_two_names(run: Path) -> None:
    """The table counts battles; the sentence reads Elo."""
    shown = io.StringIO()
    Console(file=shown, width=120).print(arena_table(rate_models([run])))

    assert "won %" in shown.getvalue()
    assert 1 == shown.getvalue().count("win rate")
