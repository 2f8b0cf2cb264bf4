"""Turns of episodes among the attempt rows: no retries, each with its times, and one wait for the whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.run_pairs import RunRequests
from tests.run_folders import make_attempt, make_episode, write_run


def test_a_reply_within_an_episode_is_no_retry(tmp_path: Path) -> None:
    """Three replies: only the last counts as a request, and none was made again."""
    frame = load_runs(write_run(tmp_path / "run", make_episode(3))).frame

    assert frame["final"].tolist() == [False, False, True]
    assert frame["retried"].tolist() == [False, False, False]
    assert frame["timed"].tolist() == [True, True, True]


def test_a_failed_try_at_a_turn_is_a_retry_without_times(tmp_path: Path) -> None:
    """The second turn failed once and was made again."""
    first, last = make_episode(2)
    failed = make_attempt(
        attempt=2, turn=1, trajectory_id=first.trajectory_id, final=False, outcome="infra", scheduled_s=4.0
    )
    rows = [first, failed, dataclasses.replace(last, attempt=3)]
    frame = load_runs(write_run(tmp_path / "run", rows)).frame

    assert frame["retried"].tolist() == [False, True, False]
    assert frame["timed"].tolist() == [True, False, True]


def test_the_wait_of_an_episode_is_that_of_the_whole(tmp_path: Path) -> None:
    """Three turns of 2.5 s and two tools of 1.5 s: 10.5 s at the last row, and 2.5 s at the others."""
    frame = load_runs(write_run(tmp_path / "run", make_episode(3))).frame

    assert frame["response_s"].tolist() == [2.5, 2.5, 3 * 2.5 + 2 * 1.5]
    assert frame["ttft_s"].tolist() == [0.5, 0.5, 0.5]
    assert frame["complete_call_s"].iloc[0] == 1.5


def test_the_speed_of_an_episode_is_that_of_all_its_replies(tmp_path: Path) -> None:
    """400 characters in each of two replies of 2 s: 800 / 4."""
    frame = load_runs(write_run(tmp_path / "run", make_episode(2))).frame

    assert frame["answer_chars_per_s"].iloc[-1] == 2 * 400 / (2 * 2.0)


def test_an_episode_with_a_reply_of_our_own_cache_has_no_wait(tmp_path: Path) -> None:
    """Nobody knows how long that reply would have taken."""
    first, last = make_episode(2)
    rows = [dataclasses.replace(first, from_cache=True), last]

    assert load_runs(write_run(tmp_path / "run", rows)).frame["response_s"].isna().iloc[-1]


def test_the_summary_counts_episodes_as_requests_and_replies_as_times(tmp_path: Path) -> None:
    """Two episodes of three and one reply: two requests, four replies, 4 x 1,000 prompt tokens over two."""
    rows = [*make_episode(3, sample_id="a"), *make_episode(1, sample_id="b", scheduled_s=20.0)]
    row = summarize(write_run(tmp_path / "run", rows)).level("model").iloc[0]

    assert (row["n"], row["replies"], row["retries"]) == (2, 4, 0)
    assert row["input_tokens"] == (3 * 1000 + 1 * 1000) / 2
    assert row["ttft_p50_s"] == 0.5
    assert row["response_p50_s"] == pytest.approx((10.5 + 2.5) / 2)
    assert row["complete_call_p50_s"] == 1.5


def test_a_gap_over_repeated_episodes_states_its_noise(tmp_path: Path) -> None:
    """Closed solves every try of 4 tasks; open solves one of two tries of each: the variance within a task is 1/2."""
    rows = [
        row
        for sample in "abcd"
        for repeat in (0, 1)
        for model, outcome in (("closed-a", "correct"), ("open-a", "correct" if repeat else "wrong"))
        for row in make_episode(2, model_id=model, sample_id=sample, repeat=repeat, outcome=outcome)
    ]
    table = gap(write_run(tmp_path / "run", rows))
    quality = table.frame[table.frame["metric"] == "accuracy"].iloc[0]

    assert (quality["n_pairs"], quality["episodes"]) == (8, 8)
    assert quality["noise_floor_points"] == pytest.approx(100 * (0.5 / 8) ** 0.5)
    assert quality["icc"] == 0.0
    assert "noise floor" in table.headline()


def test_compare_takes_the_mean_first_token_of_an_episode(tmp_path: Path) -> None:
    """The first texts of three replies come after 0.5, 0.5 and 2.0 s: 1.0 s for the request."""
    first, second, last = make_episode(3)
    late = dataclasses.replace(last, first_token_s=(last.sent_s or 0.0) + 2.0)
    requests = RunRequests.from_runs(load_runs(write_run(tmp_path / "run", [first, second, late])))

    assert requests.by_model["closed-a"]["ttft_s"].tolist() == pytest.approx([(0.5 + 0.5 + 2.0) / 3])
