"""Several worker processes send one cell: one clock, one schedule, every row once, and a death loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import psutil
import pytest

from gapbench import runner as runners
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.execution.workers.pool import worker_count
from gapbench.store import RunManifest, RunWriter, read_attempts, read_manifest, read_trajectory_values
from gapbench.suite.loads.load import Load, RateSearch
from gapbench.suite.plan import Cell, Plan, build_plan
from gapbench.values import Attempt, Episode, Model, Params, UserLine
from gapbench.values.policies import RetryPolicy, RunPolicies
from gapbench.values.slo import Slo
from tests.makers import message, sample, task

SIM = Model(
    "m", "sim", "m", "open",
    options={"sim": {"protocol": "openai", "skill": 1.0, "ttft_s": 0.02, "ttft_sigma": 0.0, "gap_s": 0.0}},
)  # fmt: skip
FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)))


class Watch:
    """Counts rows, and does something after so many."""

    def __init__(self, after: int | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.rows: list[Attempt] = []
        self.lines: list[str] = []
        self._after = after
        self._act = act

    def model_opening(self, model: Model) -> None: ...

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None: ...

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        self.rows.append(row)
        if len(self.rows) == self._after:
            self._act()

    def cell_ended(self, cell: Cell) -> None: ...

    def notify(self, line: str) -> None:
        self.lines.append(line)


def plan(load: Load, count: int, *, model: Model = SIM, searches: tuple[RateSearch, ...] = ()) -> Plan:
    samples = tuple(
        sample(n, messages=message(f"What is {n} + 1?"), reference=f"Answer: {n + 1}") for n in range(count)
    )
    return build_plan(
        suite="s", suite_sha256="h", seed=7, repeats=1, margin_points=1.7, defaults=Params(max_tokens=32),
        models=[model], tasks=[task(samples=samples)], loads=[] if searches else [load], searches=searches,
    )  # fmt: skip


def go(
    folder: Path, made: Plan, watch: Watch, settings: RunSettings = FAST, *, halt: StopSignal | None = None
) -> RunManifest:
    """Run a plan, on from what is in the folder."""

    async def main() -> RunManifest:
        resumed = read_manifest(folder) if (folder / "run.json").exists() else None
        opened = {model.id: runners.load_runner_class(model.runner)(model) for model in made.models}
        with RunWriter(folder) as writer:
            return await run(
                made, opened, writer, settings, watch, halt or StopSignal(), resumed_manifest=resumed
            )

    return asyncio.run(main())


def workers() -> list[psutil.Process]:
    """Return the worker processes of this one."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "gapbench.execution.workers.worker" in " ".join(child.cmdline())]


def one_of_each(rows: pd.DataFrame, count: int) -> bool:
    """Say whether each of ``count`` requests has exactly one final row."""
    finals = rows[rows["final"]]
    return len(finals) == count == len(finals.drop_duplicates(["sample_id", "repeat"]))


def test_two_workers_share_a_cell(tmp_path: Path) -> None:
    """40 requests, 8 in flight: each worker sends half, four at a time, and every answer is scored here."""
    manifest = go(tmp_path, plan(Load("concurrency", 8, workers=2), 40), Watch())
    rows = read_attempts([tmp_path])

    assert "complete" == manifest.state
    assert one_of_each(rows, 40)
    assert {0: 20, 1: 20} == rows.groupby("worker").size().to_dict()
    assert rows["in_flight"].max() <= 4
    assert {"correct"} == set(rows["outcome"])
    assert [0, 1] == [report.worker for report in manifest.cells[0].workers or ()]
    assert [] == workers()


def test_the_schedule_is_one(tmp_path: Path) -> None:
    """Due every 20 ms, dealt in turn: the k-th is due at k x 20 ms on the cell's one clock, whoever sends it."""
    load = Load("rate", 50.0, "constant", duration_s=0.59, workers=2)
    go(tmp_path, plan(load, 30), Watch())
    rows = read_attempts([tmp_path]).sort_values("scheduled_s")

    assert [k * 0.02 for k in range(30)] == pytest.approx(rows["scheduled_s"].tolist(), abs=1e-6)
    assert [0, 1] * 15 == rows["worker"].tolist()
    assert (rows["sent_s"] >= rows["scheduled_s"]).all()


def test_a_worker_that_dies_loses_nothing(tmp_path: Path) -> None:
    """Killed after ten rows: the run says so, keeps what was handed on, and a resumed run sends the rest."""
    slow = replace(SIM, options={"sim": {**SIM.options["sim"], "ttft_s": 0.1}})
    made = plan(Load("concurrency", 8, workers=2), 60, model=slow)
    manifest = go(tmp_path, made, Watch(10, lambda: os.kill(workers()[0].pid, signal.SIGKILL)))
    before = read_attempts([tmp_path])

    assert "failed" == manifest.state
    assert "ended with code -9" in manifest.failures[0].message
    assert 10 <= len(before) < 60

    manifest = go(tmp_path, made, Watch())
    rows = read_attempts([tmp_path])

    assert one_of_each(rows, 60)
    kept = rows.merge(before, on=["sample_id", "repeat", "attempt", "response_id"])
    assert len(before) == len(kept)


def test_a_halt_reaches_the_workers(tmp_path: Path) -> None:
    """A dollar a row, five dollars: what is in flight and what was being handed on come on top, the rest is unsent."""
    slow = replace(SIM, options={"sim": {**SIM.options["sim"], "ttft_s": 0.1}})
    settings = replace(FAST, max_usd=Decimal(5), price_attempt=lambda _: Decimal(1))
    manifest = go(tmp_path, plan(Load("concurrency", 4, workers=2), 200, model=slow), Watch(), settings)
    rows = read_attempts([tmp_path])

    assert "stopped" == manifest.state
    assert 5 <= len(rows) < 50
    assert [] == workers()


def test_retries_are_made_in_the_worker(tmp_path: Path) -> None:
    """Every third request meets a server error at first: attempts of their own, one final row each."""
    faulty = replace(SIM, options={"sim": {**SIM.options["sim"], "faults": {"server_error": 0.3}}})
    settings = RunSettings(RunPolicies(RetryPolicy(max_attempts=20, max_wait_s=0.0)))
    go(tmp_path, plan(Load("concurrency", 8, workers=2), 40, model=faulty), Watch(), settings)
    rows = read_attempts([tmp_path])

    assert one_of_each(rows, 40)
    assert {"infra"} == set(rows[~rows["final"]]["outcome"])
    assert len(rows) > 40


def test_a_worker_that_cannot_start_is_said(tmp_path: Path) -> None:
    """A runner that no worker can load: one sentence in the manifest, no traceback."""

    class Lost(runners.load_runner_class("sim")):  # type: ignore[misc]  # the class is found at run time
        def model_for_workers(self) -> Model:
            return Model("m", "nowhere", "m", "open")

    async def main() -> RunManifest:
        made = plan(Load("concurrency", 8, workers=2), 10)
        with RunWriter(tmp_path) as writer:
            return await run(made, {"m": Lost(SIM)}, writer, FAST, Watch(), StopSignal())

    failures = asyncio.run(main()).failures

    assert "worker 0 cannot start: no runner 'nowhere' is installed" in failures[0].message


def test_a_search_keeps_its_tries_and_its_result(tmp_path: Path) -> None:
    """The result is a rate between the levels, or says that it lies below or above them, as the speed of this machine has it."""
    capped = replace(SIM, options={"sim": {**SIM.options["sim"], "ttft_s": 0.1, "capacity": {"streams": 2}}})
    load = Load("search", 1.0, "constant", duration_s=1.5, warmup_s=0.2)
    search = RateSearch(Slo(ttft_s=0.3, attainment=0.9), 5.0, 80.0, 3.0, 1, load)
    made = plan(load, 40, model=capped, searches=(search,))
    manifest = go(tmp_path, made, Watch())
    found = manifest.searches[0]

    assert [5.0, 20.0, 80.0] == list(search.rates_rps)
    assert found.is_done
    assert found.words.startswith(
        ("< 5/s", ">= 80/s") if found.rate_rps is None else f"{found.rate_rps:.4g}/s"
    )
    assert manifest.cells[-1].load_kind == "search"
    sent = len(read_attempts([tmp_path]))

    again = Watch()
    manifest = go(tmp_path, made, again)

    assert ("complete", [], sent) == (manifest.state, again.rows, len(read_attempts([tmp_path])))


def test_a_search_goes_on_where_a_breaker_would_give_up(tmp_path: Path) -> None:
    """One place and no queue: almost every request of a try is refused as overloaded; each is one row and a miss."""
    full = replace(
        SIM,
        options={"sim": {**SIM.options["sim"], "ttft_s": 0.5, "capacity": {"streams": 1, "queue": 0}}},
    )
    load = Load("search", 1.0, "constant", duration_s=1.0)
    search = RateSearch(Slo(ttft_s=0.6, attainment=0.5), 30.0, 60.0, 1.0, 1, load)
    manifest = go(tmp_path, plan(load, 40, model=full, searches=(search,)), Watch())
    rows = read_attempts([tmp_path])

    assert "complete" == manifest.state
    assert "< 30/s, the lowest tested" == manifest.searches[0].words
    assert rows["final"].all()
    assert (rows["outcome"] == "infra").sum() > 10


def test_a_calibration_is_kept_in_the_manifest(tmp_path: Path) -> None:
    """And stays there when the run goes on."""
    made = plan(Load("concurrency", 2), 4)
    go(tmp_path, made, Watch(), replace(FAST, calibration={"trusted_streams": 10}))

    assert {"trusted_streams": 10} == go(tmp_path, made, Watch()).calibration


@pytest.mark.parametrize(
    ("load", "cores", "count"),
    [
        (Load("concurrency", 256, workers=None), 8, 1),
        (Load("concurrency", 257, workers=None), 8, 2),
        (Load("concurrency", 10_000, workers=None), 8, 8),
        (Load("rate", 900, workers=None), 8, 3),
        (Load("ramp", 400, from_rps=100, to_rps=700, workers=None), 8, 3),
        (Load("concurrency", 3, workers=16), 8, 3),
        (Load("rate", 1, workers=4), 2, 4),
        (Load("adaptive", 1_000, workers=8), 8, 1),
    ],
)
def test_how_many_workers_a_load_takes(load: Load, cores: int, count: int) -> None:
    """As many as asked for, never more than places; auto: by streams or by the peak rate, at most the cores."""
    assert count == worker_count(load, cores)


def test_workers_send_episodes(tmp_path: Path) -> None:
    """Two processes, six episodes of two turns: 12 rows, six of them final, and six trajectories."""
    made = plan(Load("concurrency", 2, workers=2), 6)
    samples = tuple(
        replace(given, episode=Episode(user=(UserLine("Are you sure?"),))) for given in made.tasks[0].samples
    )
    cells = tuple(replace(cell, task=replace(cell.task, samples=samples)) for cell in made.cells)
    manifest = go(tmp_path, replace(made, cells=cells), Watch())
    found = read_attempts([tmp_path])
    episodes = read_trajectory_values(tmp_path)

    assert "complete" == manifest.state
    assert (12, 6, {0, 1}) == (len(found), int(found["final"].sum()), set(found["worker"]))
    assert (6, {2}, {"done"}) == (
        len(episodes),
        {episode.turns for episode in episodes},
        {episode.termination for episode in episodes},
    )
    assert all(abs(e.wall_s - e.model_s - e.tool_s - e.user_s - e.queue_s) < 0.001 for e in episodes)
