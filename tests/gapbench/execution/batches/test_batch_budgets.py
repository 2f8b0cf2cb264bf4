"""Batches and `--max-usd`: what is out is reserved before more is submitted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from gapbench.errors import RunnerError
from gapbench.execution.run import RunSettings
from gapbench.store import RunManifest
from gapbench.store.batch_journal import batches_out
from tests.batch_provider import BatchProvider, BatchRunner
from tests.batched_runs import finals, run_batched, settings
from tests.gapbench.execution.test_run import ANSWERS, Watch, go
from tests.makers import ScriptedRunner, model, plan


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
