"""A real model behind real vLLM on the lowest rungs of a ladder: its curve falls, and both forms of a run agree."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from gapbench.store import read_attempts, read_manifest, read_payload
from tests.vllm.ladder_runs import FORMS, PER_RUNG, half_right_at, read_ladder, run_ladder

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def runs(ladder_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two finished runs of the same model: each rung alike, and adaptively."""
    folder = tmp_path_factory.mktemp("ladder")
    return {form: run_ladder(ladder_url, folder, form) for form in FORMS}


def answers(run: Path) -> pd.DataFrame:
    """Return a run's final attempts by sample, each with its reply."""
    frame = read_attempts([run])
    replies = read_payload([run])[["sample_id", "attempt", "reply"]]
    return frame[frame["final"]].merge(replies, on=["sample_id", "attempt"]).set_index("sample_id")


def test_every_item_is_answered(runs: dict[str, Path]) -> None:
    """4 rungs of 25 items: each has a score, and none is lost to infrastructure."""
    rows = answers(runs["fixed"])

    assert [PER_RUNG] * 4 == rows.groupby("rung").size().tolist()
    assert rows["score"].notna().all()
    assert read_manifest(runs["adaptive"]).state == "complete"


def test_the_curve_falls_with_the_rung(runs: dict[str, Path]) -> None:
    """No rung is easier than the one below it, and the intervals of rungs 1 and 4 are far apart."""
    _, model = read_ladder(runs["fixed"])
    first, *_, last = model.curve

    assert [1, 2, 3, 4] == [point.rung for point in model.curve]
    assert all(below.accuracy >= above.accuracy for below, above in pairwise(model.curve))
    assert first.low > last.high + 0.2


@pytest.mark.parametrize("form", FORMS)
def test_the_interval_holds_the_rung_where_the_curve_is_one_half(runs: dict[str, Path], form: str) -> None:
    """The curve of the fixed run, taken as straight between rungs, against the threshold of each run."""
    _, fixed = read_ladder(runs["fixed"])
    ladder, model = read_ladder(runs[form])
    low, high = model.threshold.low, model.threshold.high

    assert (form == "adaptive") == ladder.is_adaptive
    assert low is not None
    assert high is not None
    assert low <= half_right_at(fixed.curve) <= high


def test_an_adaptive_run_asks_less(runs: dict[str, Path]) -> None:
    """Fewer questions than the fixed run's 100, most of them within a rung and a half of the threshold."""
    _, model = read_ladder(runs["adaptive"])
    rungs = answers(runs["adaptive"])["rung"]

    assert len(rungs) < 4 * PER_RUNG
    assert (rungs - model.threshold.rung).abs().le(1.5).mean() > 0.5


def test_the_same_question_gets_the_same_answer(runs: dict[str, Path]) -> None:
    """Temperature 0 is sent, and items that both runs asked have equal replies."""
    fixed, adaptive = answers(runs["fixed"]), answers(runs["adaptive"])
    shared = fixed.index.intersection(adaptive.index)

    assert {0} == {json.loads(sent)["temperature"] for sent in fixed["params_sent"]}
    assert len(shared) >= 8
    assert fixed.loc[shared, "reply"].to_dict() == adaptive.loc[shared, "reply"].to_dict()


def test_answers_have_the_form_that_the_task_asks_for(runs: dict[str, Path]) -> None:
    """One line for each quantity of the chain on rung 1, two in all, then the line that is scored."""
    replies = answers(runs["fixed"]).query("rung == 1")["reply"]

    assert replies.str.fullmatch(r"the \w+ \w+: \d+\nthe \w+ \w+: .+ = \d+\nAnswer: \d+").mean() >= 0.9


@pytest.mark.parametrize("form", FORMS)
def test_the_page_has_the_curve(runs: dict[str, Path], form: str) -> None:
    """Accuracy by rung, under the ladder's name."""
    page = (runs[form] / "report.html").read_text()

    assert "Accuracy by rung" in page
    assert "reasoning/arithmetic" in page
