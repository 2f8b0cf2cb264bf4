"""A run whose answers come from batches: its rows, its files, and what is sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.errors import RunnerError
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.store import read_attempts
from gapbench.store.batch_journal import batches_out, read_batches
from gapbench.values import Score
from gapbench.values.batches import BatchLimits
from tests.batch_provider import BatchProvider, Killed, StoredBatch, answer, fail, lost
from tests.batched_runs import BATCHED, FAST, QUICK, finals, run_batched, settings
from tests.makers import plan


def test_a_batched_run_ends_like_a_live_one(tmp_path: Path) -> None:
    """Four sums in one batch, results in reverse order: four right answers, each under its own sample."""
    provider = BatchProvider()
    manifest, _ = run_batched(tmp_path, provider)
    rows = finals(tmp_path)

    assert "complete" == manifest.state
    assert 1 == len(provider.batches)
    assert ["1", "2", "3", "4"] == list(rows["answer"])
    assert {"correct"} == set(rows["outcome"])


def test_rows_of_a_batch_have_no_times_and_say_how_they_came(tmp_path: Path) -> None:
    run_batched(tmp_path, BatchProvider())
    rows = finals(tmp_path)

    times = [name for name in rows.columns if name.endswith("_s") and name != "chunk_s"]
    assert rows[times].isna().all().all()
    assert [0] * 4 == [len(chunks) for chunks in rows["chunk_s"]]
    assert {("batch", "batch")} == set(zip(rows["transport"], rows["service_tier"], strict=True))
    assert {pd.Timestamp("2026-11-30T01:02:03Z")} == set(rows["started_at"])


def test_batches_are_cut_by_count_and_by_bytes(tmp_path: Path) -> None:
    """Each prompt has 14 characters: 3 of at most 3 requests and 42 bytes; then 1."""
    for limits in (BatchLimits(3, 1000), BatchLimits(100, 3 * len("What is 0 + 1?"))):
        provider = BatchProvider(limits)
        run_batched(tmp_path / str(limits.requests), provider)
        assert [3, 1] == [len(batch.requests) for batch in provider.batches]


def test_a_request_that_no_batch_holds_is_a_row(tmp_path: Path) -> None:
    provider = BatchProvider(BatchLimits(100, 13))
    manifest, _ = run_batched(tmp_path, provider, made=plan(BATCHED, count=1))

    assert [] == provider.batches
    assert ["bad_request"] == list(finals(tmp_path)["failure_kind"])
    assert "complete" == manifest.state


def test_failed_and_missing_results_are_sent_again_in_a_new_batch(tmp_path: Path) -> None:
    """Of four, one fails and one is missing at first: two more attempts, six rows."""

    def replies(batch: StoredBatch) -> Any:
        if batch.batch_id == "batch_1":
            first, second, *_ = batch.requests
            return [answer(first), fail(second)]
        return [answer(request) for request in batch.requests]

    provider = BatchProvider(replies=replies)
    made = plan(BATCHED, count=3)
    manifest, watch = run_batched(tmp_path, provider, made=made)

    rows = read_attempts([tmp_path])
    assert [3, 2] == [len(batch.requests) for batch in provider.batches]
    assert (3 + 2, 3, 2) == (len(rows), rows["final"].sum(), (rows["failure_kind"] == "server").sum())
    assert {"correct"} == set(finals(tmp_path)["outcome"])
    assert "complete" == manifest.state
    assert any("1 request without a result" in line for line in watch.lines)


def test_a_request_is_not_sent_more_often_than_the_retries_allow(tmp_path: Path) -> None:
    """Three attempts at each of two requests, in three batches."""
    provider = BatchProvider(replies=lambda batch: [fail(request) for request in batch.requests])
    run_batched(tmp_path, provider, made=plan(BATCHED, count=2))

    assert [2, 2, 2] == [len(batch.requests) for batch in provider.batches]
    assert ["infra", "infra"] == list(finals(tmp_path)["outcome"])


def test_failed_requests_can_be_sent_again_live(tmp_path: Path) -> None:
    """The live attempt is priced at its own tier, and has no times either: they belong to no load."""
    provider = BatchProvider(replies=lambda batch: [fail(request) for request in batch.requests])
    manifest, _ = run_batched(tmp_path, provider, settings(retry_by="live"), plan(BATCHED, count=2))
    rows = finals(tmp_path)

    assert 1 == len(provider.batches)
    assert "complete" == manifest.state
    assert [("correct", 2)] * 2 == list(zip(rows["outcome"], rows["attempt"], strict=True))
    assert rows["service_tier"].isna().all()
    assert rows["done_s"].isna().all()
    assert manifest.cells[0].wall_s is None


def test_duplicates_and_unknown_results_make_no_rows(tmp_path: Path) -> None:
    def replies(batch: StoredBatch) -> Any:
        found = [answer(request) for request in batch.requests]
        stranger = replace(found[0], custom_id="somebody-else")
        return [*found, found[0], stranger]

    run_batched(tmp_path, BatchProvider(replies=replies))
    (record,) = read_batches(tmp_path).values()

    assert 4 == len(read_attempts([tmp_path]))
    assert (1, 1, ["somebody-else"]) == (record.duplicates, record.unknown, record.unknown_ids)


def test_submitting_only_leaves_the_batches_out_and_fetching_reads_them(tmp_path: Path) -> None:
    provider = BatchProvider(reads=1)
    manifest, _ = run_batched(tmp_path, provider, settings(until="submitted"))
    assert ("stopped", "1 batch is out") == (manifest.state, manifest.reason)
    assert 0 == len(read_attempts([tmp_path]))

    fetch = settings(until="read", sends_unsent=False, sends_live=False)
    manifest, _ = run_batched(tmp_path, provider, fetch, resume=True)
    assert ("stopped", "1 batch is out") == (manifest.state, manifest.reason)

    manifest, _ = run_batched(tmp_path, provider, fetch, resume=True)
    assert ("complete", None) == (manifest.state, manifest.reason)
    assert 1 == len(provider.batches)


def test_an_interruption_leaves_the_batches_running(tmp_path: Path) -> None:
    """Ctrl-C at the first of four rows, in batches of two: resumed, the rest is read, and nothing is submitted."""
    provider = BatchProvider(BatchLimits(2, 1000))
    manifest, _ = run_batched(tmp_path, provider, halt_after=1)
    assert "interrupted" == manifest.state
    assert 1 <= len(batches_out(tmp_path)) <= 2

    manifest, _ = run_batched(tmp_path, provider, resume=True)
    assert "complete" == manifest.state
    assert 2 == len(provider.batches)
    assert 4 == len(read_attempts([tmp_path]))


def test_a_submission_whose_answer_is_lost_is_adopted(tmp_path: Path) -> None:
    provider = BatchProvider()

    def cut(step: str) -> None:
        if step == "create:after":
            raise lost()

    provider.fault = cut
    manifest, watch = run_batched(tmp_path, provider)

    assert 1 == len(provider.batches)
    assert "complete" == manifest.state
    assert any("batch_1 was found at the provider and is adopted" in line for line in watch.lines)


def test_a_batch_that_may_be_the_lost_one_is_waited_for(tmp_path: Path) -> None:
    """The provider tells labels at the end: an unknown batch of the right size runs, so nothing is submitted again."""
    provider = BatchProvider(reads=3, hides_labels=True)

    def cut(step: str) -> None:
        if step == "create:after":
            raise lost()

    provider.fault = cut
    manifest, _ = run_batched(tmp_path, provider)

    assert ("complete", 1) == (manifest.state, len(provider.batches))
    assert provider.calls.count("find") >= 3


def test_a_submission_that_never_arrived_is_made_again(tmp_path: Path) -> None:
    provider = BatchProvider()

    def cut(step: str) -> None:
        if provider.calls == ["create:before"]:
            raise lost()

    provider.fault = cut
    manifest, _ = run_batched(tmp_path, provider)

    assert 1 == len(provider.batches)
    assert ["refused", "collected"] == [record.closed_by for record in read_batches(tmp_path).values()]
    assert "complete" == manifest.state


def test_a_refused_submission_fails_the_model_and_pays_nothing(tmp_path: Path) -> None:
    provider = BatchProvider()

    def refuse(step: str) -> None:
        raise RunnerError("auth", "no such key", http_status=401)

    provider.fault = refuse
    manifest, _ = run_batched(tmp_path, provider)
    (failure,) = manifest.failures
    assert "failed" == manifest.state
    assert "no such key" in failure.message
    assert [] == batches_out(tmp_path)


def test_a_cancelled_batch_is_not_sent_again_by_itself(tmp_path: Path) -> None:
    provider = BatchProvider(reads=1)
    run_batched(tmp_path, provider, settings(until="submitted"))
    provider.batches[0].state_raw, provider.batches[0].reads_left = "cancelled", 0
    manifest, _ = run_batched(
        tmp_path, provider, settings(until="read", sends_unsent=False, sends_live=False), resume=True
    )
    assert ("stopped", "4 requests of batched models not sent") == (manifest.state, manifest.reason)

    manifest, _ = run_batched(tmp_path, provider, resume=True)
    assert ("complete", 2) == (manifest.state, len(provider.batches))


def _troubled() -> BatchProvider:
    """Return a provider that answers in disorder, fails one request once, loses one once, and repeats one."""

    def replies(batch: StoredBatch) -> Any:
        found = [answer(request) for request in reversed(batch.requests)]
        if batch.batch_id == "batch_1":
            return [fail(batch.requests[0]), found[0], found[0]]
        return [] if batch.batch_id == "batch_2" else found

    return BatchProvider(BatchLimits(2, 1000), replies=replies)


def kill_at(provider: BatchProvider, number: int) -> BatchSettings:
    """Return settings of a run that dies at its provider's or its journal's step with this number."""

    def step(name: str) -> None:
        if len(provider.calls) == number:
            raise Killed(name)

    def sync(_handle: int) -> None:
        provider.step("journal")

    provider.fault = step
    return replace(QUICK, sync_file=sync)


def test_a_kill_at_any_step_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    """The process dies at each step in turn: one final row for each of 3 requests, and 5 attempts as in a quiet run."""
    quiet = _troubled()
    made = plan(BATCHED, count=3)
    run_batched(tmp_path / "quiet", quiet, replace(FAST, batches=kill_at(quiet, 0)), made)
    assert [2, 1, 2] == [len(batch.requests) for batch in quiet.batches]
    for number in range(1, len(quiet.calls) + 1):
        provider, folder = _troubled(), tmp_path / str(number)
        with pytest.raises((Killed, BaseExceptionGroup)):
            run_batched(folder, provider, replace(FAST, batches=kill_at(provider, number)), made)
        manifest, _ = run_batched(folder, provider, made=made, resume=True)

        assert "complete" == manifest.state, number
        assert ["s0", "s1", "s2"] == list(finals(folder)["sample_id"]), number
        # What failed may be sent again before the second batch is read; it is the same attempt.
        assert 2 + 1 + 2 == sum(len(batch.requests) for batch in provider.batches), number
        every = read_attempts([folder])
        assert not every.duplicated(["cell_id", "sample_id", "repeat", "attempt"]).any(), number


def test_what_failed_in_a_cancelled_batch_is_not_sent_again_by_itself(tmp_path: Path) -> None:
    """Of four, one failed and three were cancelled: nothing is submitted until the run is resumed."""

    def replies(batch: StoredBatch) -> Any:
        if batch.batch_id == "batch_1":
            first, *others = batch.requests
            return [fail(first), *(fail(request, "cancelled") for request in others)]
        return [answer(request) for request in batch.requests]

    provider = BatchProvider(reads=1, replies=replies)
    run_batched(tmp_path, provider, settings(until="submitted"))
    provider.batches[0].state_raw, provider.batches[0].reads_left = "cancelled", 0
    fetch = settings(until="read", sends_unsent=False, sends_live=False)
    manifest, _ = run_batched(tmp_path, provider, fetch, resume=True)
    assert ("stopped", 1) == (manifest.state, len(provider.batches))

    manifest, _ = run_batched(tmp_path, provider, resume=True)
    assert ("complete", [4, 4]) == (manifest.state, [len(batch.requests) for batch in provider.batches])


def test_a_download_that_breaks_off_keeps_what_was_delivered(tmp_path: Path) -> None:
    """One of four lines came, and its slow score was not there yet: the rest is read later, and every row is there."""
    provider = BatchProvider()

    def cut(step: str) -> None:
        if step == "results:line" and provider.calls.count(step) == 2:
            raise lost()

    provider.fault = cut
    scorer = CellScorer(lambda *_: Score(1.0, "correct"), is_slow=True)
    manifest, _ = run_batched(tmp_path, provider, replace(FAST, make_scorer=lambda *_: scorer))

    assert ("complete", None) == (manifest.state, manifest.reason)
    assert ["correct"] * 4 == list(finals(tmp_path)["outcome"])
    assert 1 == len(provider.batches)


@pytest.mark.parametrize("ended", [lost, lambda: Killed("results:end")])
def test_a_batch_whose_rows_are_all_there_is_closed_however_its_reading_ended(
    tmp_path: Path, ended: Callable[[], BaseException]
) -> None:
    """The last line had come, and the file of errors had not; or the process was killed there. Nothing stays out."""
    provider = BatchProvider()

    def cut(step: str) -> None:
        if step == "results:end" and provider.calls.count(step) == 1:
            raise ended()

    provider.fault = cut
    try:
        manifest, _ = run_batched(tmp_path, provider)
    except (Killed, BaseExceptionGroup):
        manifest, _ = run_batched(tmp_path, provider, resume=True)

    assert ("complete", None) == (manifest.state, manifest.reason)
    assert ["correct"] * 4 == list(finals(tmp_path)["outcome"])
    assert (1, 4) == (len(provider.batches), len(read_attempts([tmp_path])))


def test_an_unknown_id_with_half_of_a_character_is_set_aside(tmp_path: Path) -> None:
    """JSON can name such a text, and no file can hold it."""
    provider = BatchProvider()
    provider.replies = lambda batch: [
        *map(answer, batch.requests),
        replace(answer(batch.requests[0]), custom_id="\ud800"),
    ]
    manifest, watch = run_batched(tmp_path, provider)

    assert "complete" == manifest.state
    assert "1 result of unknown requests set aside (?)" in "".join(watch.lines)
