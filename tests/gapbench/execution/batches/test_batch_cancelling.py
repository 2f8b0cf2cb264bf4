"""What `bench batch cancel` does with each batch: what may be paid for is never given up, and none keeps the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import RunnerError
from gapbench.execution.batches.batch_cancelling import cancel_batches
from gapbench.store.batch_journal import BatchJournal, batches_out, read_batches
from gapbench.values.batches import BatchLimits
from tests.batch_provider import BatchProvider, BatchRunner, Killed, fail, lost
from tests.batched_runs import BATCHED, run_batched, settings
from tests.makers import plan

SUBMIT = settings(until="submitted")
FETCH = settings(until="read", sends_unsent=False, sends_live=False)


def cancel(folder: Path, provider: BatchProvider, settle_s: float = 0.0) -> tuple[bool, list[str]]:
    """Cancel what is out, and return whether all is done and what was said."""
    lines: list[str] = []
    work = cancel_batches(
        BatchJournal.open(folder), BATCHED, BatchRunner(BATCHED, provider), settle_s, lines.append
    )
    return asyncio.run(work), lines


def submit_and_die(folder: Path, provider: BatchProvider, step: str) -> None:
    """Submit, and be killed at a step of it."""

    def die(name: str) -> None:
        if name == step:
            raise Killed(name)

    provider.fault = die
    with pytest.raises((Killed, BaseExceptionGroup)):
        run_batched(folder, provider, SUBMIT)
    provider.fault = lambda _: None


def state(folder: Path) -> list[tuple[str | None, bool]]:
    """Return by what each batch was closed, and whether the user asked for its end."""
    return [(record.closed_by, record.is_cancel_asked) for record in read_batches(folder).values()]


def test_a_running_batch_without_a_name_is_not_given_up(tmp_path: Path) -> None:
    """It may be the lost one and is billed: the record stays open, the batch is adopted at its end, and paid once."""
    provider = BatchProvider(reads=2, hides_labels=True)
    submit_and_die(tmp_path, provider, "create:after")
    is_done, (said,) = cancel(tmp_path, provider)
    assert (False, 1) == (is_done, len(batches_out(tmp_path)))
    assert "run-1: not confirmed yet" in said.replace(batches_out(tmp_path)[0].label, "run-1")

    manifest, _ = run_batched(tmp_path, provider, resume=True)
    assert ("complete", 1, 4) == (manifest.state, len(provider.batches), len(provider.billed))


def test_a_batch_that_the_list_does_not_show_yet_is_not_given_up(tmp_path: Path) -> None:
    """Its submission was seconds ago; a minute later it is certain that it never arrived."""
    provider = BatchProvider()
    submit_and_die(tmp_path, provider, "create:before")

    assert cancel(tmp_path, provider, settle_s=60.0)[0] is False
    assert [(None, False)] == state(tmp_path)
    assert cancel(tmp_path, provider, settle_s=0.0)[0] is True
    assert [("refused", False)] == state(tmp_path)


def test_a_lost_batch_that_is_found_is_cancelled_with_those_that_ask_the_same(tmp_path: Path) -> None:
    """Two batches of one label: the older is adopted, and both end."""
    provider = BatchProvider(reads=9)
    submit_and_die(tmp_path, provider, "create:after")
    provider.batches.append(replace(provider.batches[0], batch_id="batch_2"))
    is_done, lines = cancel(tmp_path, provider)

    assert is_done
    assert ["cancelled", "cancelled"] == [batch.state_raw for batch in provider.batches]
    assert "batch_1" == read_batches(tmp_path)[provider.batches[0].label].batch_id
    assert any("batch_2 asks the same again and is cancelled" in line for line in lines)


def test_a_batch_that_has_ended_does_not_keep_the_others(tmp_path: Path) -> None:
    """The first of two has ended: it is not marked as cancelled, and can still be read."""
    provider = BatchProvider(BatchLimits(2, 1000), reads=9)
    run_batched(tmp_path, provider, SUBMIT)
    provider.batches[0].is_ended = True
    is_done, (first, second) = cancel(tmp_path, provider)

    assert is_done
    assert "batch_1: has ended (completed); `bench batch fetch` reads it" in first
    assert "batch_2: " in second
    assert [(None, False), (None, True)] == state(tmp_path)


def test_a_batch_that_ends_before_it_can_be_cancelled_is_read(tmp_path: Path) -> None:
    """The vendor refuses to cancel it: what failed in it is sent again, for it was not cancelled."""
    provider = BatchProvider(reads=9)
    run_batched(tmp_path, provider, SUBMIT)

    def end(step: str) -> None:
        if step == "cancel":
            provider.batches[0].is_ended = True

    provider.fault = end
    _, (said,) = cancel(tmp_path, provider)

    assert "has ended (completed)" in said
    assert [(None, False)] == state(tmp_path)


def test_a_batch_that_cannot_be_cancelled_does_not_keep_the_others(tmp_path: Path) -> None:
    """The vendor fails at the first of two: it is told, and the second is cancelled."""
    provider = BatchProvider(BatchLimits(2, 1000), reads=9)
    run_batched(tmp_path, provider, SUBMIT)

    def break_once(step: str) -> None:
        if step == "cancel" and provider.calls.count("cancel") == 1:
            raise RunnerError("server", "out of order", http_status=500)

    provider.fault = break_once
    is_done, (first, second) = cancel(tmp_path, provider)

    assert not is_done
    assert "batch_1: not cancelled: out of order" in first
    assert "in_progress" in second
    assert ["completed", "cancelled"] == [batch.state_raw for batch in provider.batches]


def test_results_that_are_gone_are_given_up_and_paid_for(tmp_path: Path) -> None:
    """Four answers of at most a dollar are lost: of 10 dollars 4 count as spent, and --resume asks four again."""
    provider = BatchProvider(has_results=False)
    bounded = replace(settings(until="submitted", bound_usd=lambda *_: Decimal(1)), max_usd=Decimal(10))
    run_batched(tmp_path, provider, bounded)
    is_done, (said,) = cancel(tmp_path, provider)
    assert is_done
    assert "paid for and is lost" in said
    assert [("lost", False)] == state(tmp_path)

    provider.has_results = True
    for limit, batches in ((Decimal(4), 1), (Decimal(10), 2)):
        again = replace(settings(bound_usd=lambda *_: Decimal(1)), max_usd=limit)
        manifest, _ = run_batched(tmp_path, provider, again, resume=True)
        assert batches == len(provider.batches)
    assert "complete" == manifest.state


def test_results_that_cannot_be_read_now_are_not_given_up(tmp_path: Path) -> None:
    """The connection is cut; results that the vendor has deleted are gone."""
    provider = BatchProvider()
    run_batched(tmp_path, provider, SUBMIT)
    error: Any = lost()

    def cut(step: str) -> None:
        if step == "results:start":
            raise error

    provider.fault = cut
    cancel(tmp_path, provider)
    assert [(None, False)] == state(tmp_path)
    error = RunnerError("not_found", "no such file", http_status=404)
    cancel(tmp_path, provider)
    assert [("lost", False)] == state(tmp_path)


def test_what_failed_in_a_batch_that_had_ended_is_sent_again_when_it_is_read(tmp_path: Path) -> None:
    """Cancel came too late, so the two that failed are in a new batch."""
    provider = BatchProvider(replies=lambda batch: [fail(request) for request in batch.requests])
    made = plan(BATCHED, count=2)
    run_batched(tmp_path, provider, SUBMIT, made)
    provider.batches[0].is_ended = True
    cancel(tmp_path, provider)
    run_batched(tmp_path, provider, FETCH, made, resume=True)

    assert [2, 2] == [len(batch.requests) for batch in provider.batches]
