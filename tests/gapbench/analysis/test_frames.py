"""What is derived from an attempt on reading."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gapbench.analysis.frames import group_codes, group_rows, load_runs
from gapbench.errors import InputError, ResultsError
from gapbench.store.json_records import to_json_value
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


def test_times_are_differences_of_instants(make_run: Make, attempt: Attempts) -> None:
    """Due at 1, sent at 3, first text at 4, first answer at 6, done at 8 s, with 100 characters."""
    run = make_run(
        [
            attempt(
                scheduled_s=1.0,
                sent_s=3.0,
                first_token_s=4.0,
                first_answer_s=6.0,
                done_s=8.0,
                output_chars=100,
            )
        ]
    )
    row = load_runs([run]).frame.iloc[0]

    assert (row["queue_s"], row["ttft_s"], row["answer_ttft_s"]) == (2.0, 1.0, 3.0)
    assert (row["latency_s"], row["response_s"]) == (5.0, 7.0)
    assert row["answer_chars_per_s"] == 20.0


def test_what_did_not_happen_is_unknown(make_run: Make, attempt: Attempts) -> None:
    """A request that was never sent has no latency, and its response time is not 0."""
    run = make_run(
        [attempt(outcome="infra", sent_s=None, first_answer_s=None, last_token_s=None, output_chars=0)]
    )
    row = load_runs([run]).frame.iloc[0]

    for name in ("queue_s", "ttft_s", "latency_s", "response_s", "answer_chars_per_s"):
        assert math.isnan(row[name]), name


def test_our_own_cache_has_no_times(make_run: Make, attempt: Attempts) -> None:
    """An answer from our cache says nothing of the provider's speed."""
    row = load_runs([make_run([attempt(from_cache=True)])]).frame.iloc[0]

    assert math.isnan(row["latency_s"])
    assert math.isnan(row["response_s"])


def test_time_per_token_needs_the_servers_counts(make_run: Make, attempt: Attempts) -> None:
    """Chunks at 1, 2 and 5 s holding 1, 5 and 9 tokens: 4 s over 8 tokens; without counts unknown."""
    run = make_run(
        [
            attempt(sample_id="a", chunk_s=(1.0, 2.0, 5.0), chunk_tokens=(1, 5, 9)),
            attempt(sample_id="b", chunk_s=(1.0, 2.0, 5.0), chunk_tokens=None),
        ]
    )
    frame = load_runs([run], chunks=True).frame

    assert frame["tpot_s"].iloc[0] == 0.5
    assert math.isnan(frame["tpot_s"].iloc[1])


def test_only_final_measured_rows_are_requests(make_run: Make, attempt: Attempts) -> None:
    """A retry and a warm-up are rows, and no requests of their own."""
    run = make_run(
        [
            attempt(sample_id="a", final=False, outcome="infra"),
            attempt(sample_id="a", attempt=2),
            attempt(sample_id="b", phase="warmup", repeat=-1),
        ]
    )

    assert len(load_runs([run]).frame) == 3
    assert load_runs([run]).measured_attempts["attempt"].tolist() == [2]


def test_unscored_and_failed_rows_do_not_count(make_run: Make, attempt: Attempts) -> None:
    """Every outcome but infra and unscored has a score that counts."""
    outcomes = ["correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored"]
    run = make_run([attempt(sample_id=str(k), outcome=outcome) for k, outcome in enumerate(outcomes)])

    assert load_runs([run]).frame["scored"].tolist() == [True] * 5 + [False] * 2


def test_loads_have_short_names(make_run: Make, attempt: Attempts) -> None:
    """Sixteen in flight is c16, two and a half a second r2.5."""
    run = make_run(
        [
            attempt(load_value=16.0),
            attempt(load_kind="rate", load_value=2.5, cell_id="closed-a|reasoning/sums|r2.5"),
        ]
    )

    assert load_runs([run]).frame["load"].tolist() == ["c16", "r2.5"]


def test_only_the_columns_that_are_used_are_held(make_run: Make, attempt: Attempts) -> None:
    """Waiting is 1.5 - 0.5 = 1 s; the two instants it is made of are let go, and what every table needs is there."""
    frame = load_runs([make_run([attempt(scheduled_s=0.5, sent_s=1.5)])], columns=["queue_s", "score"]).frame

    assert set(frame) == {"queue_s", "score", "run_id", "phase", "simulated"}
    assert frame["queue_s"].tolist() == [1.0]


def test_no_run_is_an_error_that_says_what_would_do() -> None:
    """Nothing named is the user's mistake."""
    with pytest.raises(ResultsError, match="bench list runs"):
        load_runs([])


def test_an_unknown_model_is_named(make_run: Make, attempt: Attempts) -> None:
    """The error lists the models there are."""
    with pytest.raises(ResultsError, match="closed-a"):
        load_runs([make_run([attempt()])]).model("unknown-model")


def test_groups_keep_unknown_values_together(make_run: Make, attempt: Attempts) -> None:
    """Rows without a served model are one group, not lost."""
    run = make_run([attempt(sample_id=str(k), model_served=None if k < 2 else "m") for k in range(3)])
    frame = load_runs([run]).frame

    assert sorted(sorted(rows.tolist()) for rows in group_rows(frame, ["model_served"])) == [[0, 1], [2]]
    assert len(np.unique(group_codes(frame, ["sample_id", "model_served"]))) == 3


def test_codes_are_as_if_sorted(make_run: Make, attempt: Attempts) -> None:
    """By first appearance of model, then of sample: (b, 2) (b, 1) (a, 1) (b, 2) are 0, 1, 2, 0."""
    rows = [("closed-b", "2"), ("closed-b", "1"), ("closed-a", "1"), ("closed-b", "2")]
    run = make_run([attempt(model_id=model, sample_id=sample) for model, sample in rows])

    assert group_codes(load_runs([run]).frame, ["model_id", "task", "sample_id"]).tolist() == [0, 1, 2, 0]


def test_plain_values_are_jsons() -> None:
    """NaN and infinity are null, numpy numbers are numbers."""
    assert to_json_value(np.float64("nan")) is None
    assert to_json_value(float("inf")) is None
    assert to_json_value(np.int64(3)) == 3


def test_a_path_a_text_a_list_and_a_folder_of_runs_are_read(
    make_run: Make, attempt: Attempts, tmp_path: Path
) -> None:
    """As a user in a notebook would name them."""
    one, other = (make_run([attempt()], name=name) for name in ("run-1", "run-2"))

    for named in (one, str(one), [one], [str(one)]):
        assert load_runs(named).folders == (one,)
    for named in (tmp_path, str(tmp_path), [one, other]):
        assert load_runs(named).folders == (one, other)


def test_a_folder_without_runs_is_said_in_one_line(tmp_path: Path) -> None:
    """A name that is no run, and a folder that holds none."""
    for named in (tmp_path, str(tmp_path / "none"), [tmp_path]):
        with pytest.raises(ResultsError):
            load_runs(named)


def test_every_stored_column_can_be_asked_for(make_run: Make, attempt: Attempts) -> None:
    """Finding 33: ``answer`` and ``finish_reason`` were dropped without a word."""
    run = make_run([attempt(answer="7", finish_reason="stop")])
    frame = load_runs([run], columns=ATTEMPT_SCHEMA.names).frame

    assert set(ATTEMPT_SCHEMA.names) == set(frame)
    assert ("7", "stop") == (frame["answer"].iloc[0], frame["finish_reason"].iloc[0])


def test_an_unknown_column_is_refused_with_near_names(make_run: Make, attempt: Attempts) -> None:
    """Finding 33: a typing error names what was meant, and anything else says where the list is."""
    run = make_run([attempt()])

    with pytest.raises(InputError, match=r"no column 'finish_reson'; did you mean 'finish_reason'"):
        load_runs([run], columns=["finish_reson"])
    with pytest.raises(InputError, match=r"no column 'xyzzy'; `bench schema` lists them"):
        load_runs([run], columns=["score", "xyzzy"])


def test_loaded_runs_are_shown_in_one_line(make_run: Make, attempt: Attempts) -> None:
    """Finding 34: it was 42,488 characters."""
    assert "<Runs: 1 run, 1 model, 1 attempt>" == repr(load_runs([make_run([attempt()])]))


def test_a_pattern_names_runs(make_run: Make, attempt: Attempts, tmp_path: Path) -> None:
    """In order of name; a pattern that matches nothing, or only files, is an error."""
    runs = tuple(make_run([attempt()], name=name) for name in ("night-1", "night-2"))
    make_run([attempt()], name="day-1")
    (tmp_path / "night-notes.txt").touch()

    assert runs == load_runs(str(tmp_path / "night-*")).folders
    with pytest.raises(ResultsError, match="no run matches"):
        load_runs(str(tmp_path / "week-*"))


def test_models_keep_the_order_of_the_suite(make_run: Make, attempt: Attempts) -> None:
    """Asked side by side, the model that is listed second answered first."""
    rows = [attempt(model_id=name, sample_id=sample) for name, sample in (("b", "1"), ("a", "1"), ("b", "2"))]

    runs = load_runs([make_run(rows)])

    assert ["a", "b"] == [entry.id for entry in runs.manifests[0].models]
    assert ["a", "b"] == list(runs.tally["model_id"].unique())
