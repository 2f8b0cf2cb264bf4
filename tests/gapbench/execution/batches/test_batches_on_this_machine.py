"""Batches that this machine answers wait for live models and for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.store.batch_journal import read_batches
from tests.batch_provider import BatchProvider, BatchRunner
from tests.batched_runs import BATCHED, FAST, finals, run_batched, settings
from tests.gapbench.execution.test_run import ANSWERS, go
from tests.makers import model, plan


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
