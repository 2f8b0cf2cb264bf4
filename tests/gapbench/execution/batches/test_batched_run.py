"""A run in batches: each planned request ends in one final row, whatever the provider returns and whoever is killed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.errors import RunnerError
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.run import RunSettings
from gapbench.store import RunManifest, read_attempts
from gapbench.store.batch_journal import batches_out, read_batches
from gapbench.suite.plan import Plan
from gapbench.values import Score
from gapbench.values.batches import BatchLimits
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.batch_provider import BatchProvider, BatchRunner, Killed, StoredBatch, answer, fail, lost
from tests.gapbench.execution.test_run import ANSWERS, Watch, go
from tests.makers import ScriptedRunner, model, plan

QUICK = BatchSettings(poll_s=0.0, max_poll_s=0.0, settle_s=0.0)
FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)), batches=QUICK)
BATCHED = model(batch=True)


def settings(**changes: Any) -> RunSettings:
    return replace(FAST, batches=replace(QUICK, **changes))


def run_batched(
    folder: Path, provider: BatchProvider, given: RunSettings = FAST, made: Plan | None = None, **how: Any
) -> tuple[RunManifest, Watch]:
    return go(folder, made or plan(BATCHED), {"m": BatchRunner(BATCHED, provider, ANSWERS)}, given, **how)


def finals(folder: Path) -> pd.DataFrame:
    rows = read_attempts([folder])
    return rows[rows["final"]].sort_values("sample_id")


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


def test_the_bound_of_a_batch_is_reserved_before_it_is_submitted(tmp_path: Path) -> None:
    """At most 10 dollars and at most 4 a request: batches of 2; each answer costs 1: 2 batches, 4 dollars."""
    provider = BatchProvider()
    given = replace(
        settings(bound_usd=lambda *_: Decimal(4)), max_usd=Decimal(10), price_attempt=lambda _: Decimal(1)
    )
    manifest, _ = run_batched(tmp_path, provider, given)

    assert [2, 2] == [len(batch.requests) for batch in provider.batches]
    assert "complete" == manifest.state


def test_a_run_stops_where_no_further_request_is_within_the_limit(tmp_path: Path) -> None:
    """At most 6 dollars, at most 4 a request, 1 each: one by one until 3 are spent and 3 are left."""
    given = replace(
        settings(bound_usd=lambda *_: Decimal(4)), max_usd=Decimal(6), price_attempt=lambda _: Decimal(1)
    )
    manifest, _ = run_batched(tmp_path, BatchProvider(), given)

    assert "stopped" == manifest.state
    assert "--max-usd 6 reached: $3.0000 spent" in str(manifest.reason)
    assert 3 == len(finals(tmp_path))


def two_models(
    folder: Path, providers: dict[str, BatchProvider], given: RunSettings, **how: Any
) -> tuple[RunManifest, Watch]:
    """Run two batched models over four sums each."""
    models = [model(name, batch=True) for name in providers]
    runners: dict[str, ScriptedRunner] = {
        each.id: BatchRunner(each, providers[each.id], ANSWERS) for each in models
    }
    return go(folder, plan(*models), runners, given, **how)


def test_a_model_waits_for_the_dollars_that_are_reserved_for_another(tmp_path: Path) -> None:
    """At most 18 dollars, at most 4 a request, 1 each: the first takes 16, and its 4 answers leave 14 for the second."""
    providers = {"a": BatchProvider(reads=1), "b": BatchProvider()}
    given = replace(
        settings(bound_usd=lambda *_: Decimal(4)), max_usd=Decimal(18), price_attempt=lambda _: Decimal(1)
    )
    manifest, watch = two_models(tmp_path, providers, given)

    assert ("complete", [4], [3, 1]) == (
        manifest.state,
        *([len(batch.requests) for batch in provider.batches] for provider in providers.values()),
    )
    assert 1 == sum(
        "$16.0000 reserved for batches that are out; the rest waits" in line for line in watch.lines
    )


def test_a_model_does_not_wait_for_one_that_cannot_be_read(tmp_path: Path) -> None:
    """The first one's provider refuses to be read: its dollars stay reserved, and the run stops."""

    def refuse(step: str) -> None:
        if step == "read":
            raise RunnerError("auth", "no such key", http_status=401)

    providers = {"a": BatchProvider(fault=refuse), "b": BatchProvider()}
    given = replace(
        settings(bound_usd=lambda *_: Decimal(4)), max_usd=Decimal(18), price_attempt=lambda _: Decimal(1)
    )
    manifest, _ = two_models(tmp_path, providers, given)

    assert [] == providers["b"].batches
    assert "$16.0000 reserved for batches that are out" in str(manifest.reason)


def test_what_is_out_is_reserved_before_any_model_submits_more(tmp_path: Path) -> None:
    """16 of 18 dollars were reserved for the second model; resumed, the first may not submit beside it."""

    def full(step: str) -> None:
        if step == "create:before":
            raise RunnerError("bad_request", "not now", http_status=400)

    providers = {"a": BatchProvider(fault=full), "b": BatchProvider(reads=3)}
    given = replace(settings(bound_usd=lambda *_: Decimal(4), until="submitted"), max_usd=Decimal(18))
    two_models(tmp_path, providers, given)
    assert [0, 1] == [len(provider.batches) for provider in providers.values()]

    providers["a"].fault = lambda _: None
    two_models(tmp_path, providers, given, resume=True)
    assert [0, 1] == [len(provider.batches) for provider in providers.values()]


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


def test_live_models_are_asked_while_batches_are_out(tmp_path: Path) -> None:
    provider = BatchProvider()
    live = BatchRunner(model("live"), BatchProvider(), ANSWERS)
    runners: Any = {"m": BatchRunner(BATCHED, provider, ANSWERS), "live": live}
    manifest, _ = go(tmp_path, plan(BATCHED, model("live")), runners, FAST)
    rows = finals(tmp_path)

    assert "complete" == manifest.state
    assert 4 == len(live.calls)
    assert {"batch", None} == {None if pd.isna(one) else one for one in rows["transport"]}
    assert rows.loc[rows["model_id"] == "live", "done_s"].notna().all()


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


def test_a_spent_budget_does_not_keep_paid_answers_from_being_read(tmp_path: Path) -> None:
    """4 dollars are spent of 4 when the batch has ended: its rows are made all the same."""
    provider = BatchProvider(reads=1)
    priced = replace(settings(until="submitted"), price_attempt=lambda _: Decimal(1))
    run_batched(tmp_path, provider, priced)
    fetch = replace(settings(until="read", sends_unsent=False, sends_live=False), max_usd=Decimal(1))
    fetch = replace(fetch, price_attempt=lambda _: Decimal(1))
    run_batched(tmp_path, provider, fetch, resume=True)
    run_batched(tmp_path, provider, fetch, resume=True)

    assert 4 == len(finals(tmp_path))
    assert [] == batches_out(tmp_path)


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


def test_batches_on_this_machine_wait_for_live_models_and_for_each_other(tmp_path: Path) -> None:
    """Both models share its GPUs: each is submitted when what came before has ended."""
    steps: list[str] = []
    providers = {name: BatchProvider(reads=2, runs_here=True) for name in ("m", "n")}
    for name, provider in providers.items():

        def note(step: str, name: str = name) -> None:
            steps.append(f"{name} {step}")

        provider.fault = note

    class Live(BatchRunner):
        async def stream(self, call: Any) -> Any:
            steps.append("live")
            async for chunk in super().stream(call):
                yield chunk

    models = [model(name, batch=True) for name in providers]
    runners: Any = {one.id: BatchRunner(one, providers[one.id], ANSWERS) for one in models}
    runners["live"] = Live(model("live"), BatchProvider(), ANSWERS)
    manifest, _ = go(tmp_path, plan(*models, model("live")), runners, FAST)
    last_live = len(steps) - 1 - steps[::-1].index("live")

    assert "complete" == manifest.state
    assert last_live < steps.index("m create:before")
    assert steps.index("m results:line") < steps.index("n create:before")


def test_a_busy_machine_is_waited_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """It is busy 20 times, more often than a vendor may refuse: then one batch is submitted, and nothing was refused."""
    looks = iter(range(100))
    provider = BatchProvider(runs_here=True, busy=lambda: "it is busy" if next(looks) < 20 else None)
    manifest, watch = run_batched(tmp_path, provider)

    assert ("complete", 1) == (manifest.state, len(provider.batches))
    assert ["collected"] == [record.closed_by for record in read_batches(tmp_path).values()]
    assert ["m: it is busy; waiting for its end"] == [line for line in watch.lines if "busy" in line]


def test_submitting_only_does_not_wait_for_a_busy_machine(tmp_path: Path) -> None:
    provider = BatchProvider(runs_here=True, busy=lambda: "it is busy")
    manifest, watch = run_batched(tmp_path, provider, settings(until="submitted"))

    assert ("stopped", "4 requests of batched models not sent") == (manifest.state, manifest.reason)
    assert "m: it is busy; `bench run --resume` submits the rest" in watch.lines


def test_live_models_wait_for_a_batch_that_still_runs_on_their_machine(tmp_path: Path) -> None:
    """An earlier session left it running: the first live request goes out when the batch has ended."""
    provider = BatchProvider(reads=3, runs_here=True)
    ended: list[bool] = []

    class Live(BatchRunner):
        async def stream(self, call: Any) -> Any:
            ended.append(provider.batches[0].is_ended)
            async for chunk in super().stream(call):
                yield chunk

    runners: Any = {
        "m": BatchRunner(BATCHED, provider, ANSWERS),
        "live": Live(model("live"), BatchProvider(), ANSWERS),
    }
    made = plan(BATCHED, model("live"))
    go(tmp_path, made, runners, settings(until="submitted", sends_live=False))
    assert [] == ended
    manifest, watch = go(tmp_path, made, runners, FAST, resume=True)

    assert "complete" == manifest.state
    assert [True] * 4 == ended
    assert 1 == sum("live models wait for its end" in line for line in watch.lines)
