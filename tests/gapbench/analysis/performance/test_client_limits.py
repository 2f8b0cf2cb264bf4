"""Cells whose client was the limit, and caches that were not planned for, are marked where they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.client_limits import client_limits, unexpected_cache_hits
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.values import Attempt
from tests.run_folders import change_first_cell

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]


def test_a_late_event_loop_marks_the_cell(make_run: Make, answers: Answers) -> None:
    """30 ms against a median first token after 500 ms: the bound is 5 % of it, 25 ms."""
    run = change_first_cell(make_run(answers("closed-a", 5, 5)), lag_p99_s=0.030)

    assert "the event loop was 30 ms late (p99; bound 25)" in client_limits(load_runs([run])).values()


@pytest.mark.parametrize(
    ("lag_s", "said"),
    [(0.0254, "25.4 ms late (p99; bound 25.0)"), (0.02501, "25.01 ms late (p99; bound 25.00)")],
)
def test_a_lag_and_its_bound_are_told_apart(
    make_run: Make, answers: Answers, lag_s: float, said: str
) -> None:
    """Never 25 ms late with a bound of 25."""
    run = change_first_cell(make_run(answers("closed-a", 5, 5)), lag_p99_s=lag_s)

    assert f"the event loop was {said}" in client_limits(load_runs([run])).values()


def test_a_lag_within_the_bound_is_none(make_run: Make, answers: Answers) -> None:
    """20 ms against the same 25."""
    assert {} == client_limits(
        load_runs([change_first_cell(make_run(answers("closed-a", 5, 5)), lag_p99_s=0.020)])
    )


def test_a_busy_worker_marks_the_cell(make_run: Make, answers: Answers) -> None:
    """97 % of a core: no time was left to be on time in."""
    workers = [{"worker": 0, "cpu_share": 0.5}, {"worker": 1, "cpu_share": 0.97}]
    run = change_first_cell(make_run(answers("closed-a", 5, 5)), workers=workers)

    assert ["a worker used 97 % of a core"] == list(client_limits(load_runs([run])).values())


def test_a_load_above_the_calibrated_one_is_marked(make_run: Make, answers: Answers) -> None:
    """8 in flight where 4 streams could be trusted and 10 could not; all levels passed says nothing of more."""
    run = make_run(answers("closed-a", 5, 5))
    manifest = json.loads((run / "run.json").read_text())
    levels = [{"streams": 4, "is_trusted": True}, {"streams": 10, "is_trusted": False}]
    manifest["calibration"] = {"trusted_streams": 4, "levels": levels}
    (run / "run.json").write_text(json.dumps(manifest))

    assert ["8 in flight, and this machine's figures can be trusted up to 4"] == list(
        client_limits(load_runs([run])).values()
    )

    manifest["calibration"] = {"trusted_streams": 4, "levels": levels[:1]}
    (run / "run.json").write_text(json.dumps(manifest))

    assert {} == client_limits(load_runs([run]))


def test_the_summary_says_invalid_and_why(make_run: Make, answers: Answers) -> None:
    """In the row of the cell and of the model, and as a sentence."""
    found = summarize([change_first_cell(make_run(answers("closed-a", 5, 5)), lag_p99_s=0.2)])

    for level in ("cell", "model"):
        assert "the event loop was 200 ms late" in found.level(level).iloc[0]["invalid"]
    assert any("this client was the limit" in line for line in found.warnings)


def test_a_gap_of_times_has_no_verdict_where_the_client_was_late(make_run: Make, answers: Answers) -> None:
    """Times are invalid on that account; accuracy stands."""
    rows = [*answers("closed-a", 30, 40), *answers("open-b", 20, 40)]
    found = gap([change_first_cell(make_run(rows), lag_p99_s=0.2)])
    verdicts = found.frame.set_index("metric")["verdict"]

    assert "invalid: client was the limit" == verdicts["response_p50_s"] == verdicts["answer_chars_per_s_p50"]
    assert "invalid" not in verdicts["accuracy"]
    assert any("this client was the limit" in line for line in found.warnings)


def test_hits_on_salted_prompts_are_flagged(make_run: Make, answers: Answers) -> None:
    """Half of the input tokens came from a cache though the prompts were salted."""
    run = change_first_cell(make_run(answers("closed-a", 5, 5, cached_input_tokens=500)), salt="cell")

    assert (
        "50 % of the input tokens came from a cache according to the replies"
        in unexpected_cache_hits(load_runs([run])).values()
    )
    assert "50 %" in summarize([run]).level("cell").iloc[0]["unplanned_cache"]


def test_hits_on_prompts_without_salt_are_planned(make_run: Make, answers: Answers) -> None:
    """The share is shown and nothing is flagged."""
    run = make_run(answers("closed-a", 5, 5, cached_input_tokens=500))

    assert {} == unexpected_cache_hits(load_runs([run]))
    assert 0.5 == summarize([run]).level("cell").iloc[0]["cached_share"]


def test_the_servers_counters_are_asked_where_replies_do_not_say(make_run: Make, answers: Answers) -> None:
    """30 of 100 tokens queried in the cell were hits."""
    names = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total")
    run = change_first_cell(
        make_run(answers("closed-a", 5, 5)),
        salt="cell",
        counters_before=dict(zip(names, (10.0, 100.0), strict=True)),
        counters_after=dict(zip(names, (40.0, 200.0), strict=True)),
    )

    assert (
        "30 % of the input tokens came from a cache according to the server's counters"
        in unexpected_cache_hits(load_runs([run])).values()
    )


def test_throughput_stands_in_the_summary(make_run: Make, answers: Answers) -> None:
    """11 requests a second apart under concurrency: 10 s of window, 10 answers' first tokens and 9 whole ones in it."""
    row = summarize([make_run(answers("closed-a", 11, 11))]).level("cell").iloc[0]

    assert 10.0 == row["window_s"]
    assert 0.8 == row["completed_rps"]
    assert not pd.isna(row["output_tokens_per_s"])


def test_the_tries_of_a_search_are_left_out_of_a_models_figures(make_run: Make, answers: Answers) -> None:
    """5 requests under concurrency; the 3 of a search stand in their own cell alone."""
    tries = answers(
        "closed-a", 0, 3, start=50, load_kind="search", load_value=2.0, cell_id="closed-a|reasoning/sums|s2#1"
    )
    found = summarize([make_run([*answers("closed-a", 5, 5), *tries])])

    assert (5, 1.0) == (found.level("model").iloc[0]["n"], found.level("model").iloc[0]["accuracy"])
    assert ["c8", "s2#1"] == found.level("cell")["load"].tolist()


def test_a_run_that_was_stopped_before_its_first_answer_can_be_read(make_run: Make, answers: Answers) -> None:
    """It has no rows, and its cell was late: there is nothing to compare the lateness with, and nothing fails."""
    run = change_first_cell(make_run(answers("closed-a", 1, 1)), lag_p99_s=0.030)
    for part in run.glob("*.parquet"):
        part.unlink()

    assert "the event loop was 30 ms late (p99; bound 10)" in client_limits(load_runs([run])).values()
    assert [0] * 4 == list(summarize(load_runs([run])).frame["n"])
