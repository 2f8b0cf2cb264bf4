"""Several machines send one cell: every row once, one budget, and a lost machine is reported and loses nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.execution.machines.machine_group import MachineGroup
from gapbench.execution.run import RunSettings
from gapbench.store import read_attempts
from gapbench.suite.plan import Load, build_plan
from gapbench.values import Model, Params
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.gapbench.execution.machines.joined import joined_workers, run_on_machines
from tests.gapbench.execution.workers.test_pool import SIM, Watch, one_of_each, plan

FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)))
SLOW = replace(SIM, options={"sim": {**SIM.options["sim"], "ttft_s": 0.1}})


def test_machines_share_a_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 requests due every 20 ms, dealt in turn to two machines: the k-th is due at k x 20 ms, and each is one row."""
    load = Load("rate", 50.0, "constant", duration_s=0.59)
    manifest = run_on_machines(tmp_path, plan(load, 30), Watch(), FAST, monkeypatch)
    rows = read_attempts([tmp_path]).sort_values("scheduled_s")
    machines = manifest.cells[0].machines

    assert "complete" == manifest.state, manifest.failures
    assert one_of_each(rows, 30)
    assert [k * 0.02 for k in range(30)] == pytest.approx(rows["scheduled_s"].tolist(), abs=1e-6)
    assert [0, 1] * 15 == rows["worker"].tolist()
    assert {"correct"} == set(rows["outcome"])
    assert [["a", "b"], [[0], [1]]] == [sorted(m.name for m in machines), sorted(m.workers for m in machines)]
    # Both clocks are this machine's, so the true offset is 0.
    assert all(abs(machine.clock_offset_s) <= machine.clock_bound_s < 0.1 for machine in machines)
    assert [] == joined_workers()


def test_a_budget_holds_on_all_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dollar a request, six dollars, eight in flight wanted: six are sent, and not one more."""
    settings = replace(
        FAST, max_usd=Decimal(6), price_attempt=lambda _: Decimal(1), bound_attempt=lambda _: Decimal(1)
    )
    made = plan(Load("concurrency", 8), 200, model=SLOW)
    manifest = run_on_machines(tmp_path, made, Watch(), settings, monkeypatch)

    assert ("stopped", 6) == (manifest.state, len(read_attempts([tmp_path])))


def kill_a_worker() -> None:
    joined_workers()[0].kill()


def test_a_lost_worker_s_share_is_sent_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell without a claim about time: one of two dies after ten rows, and the other sends what is left of its share, whatever that is."""
    made = plan(Load("concurrency", 8), 60, model=SLOW)
    watch = Watch(10, kill_a_worker)
    manifest = run_on_machines(tmp_path, made, watch, FAST, monkeypatch)
    rows = read_attempts([tmp_path])
    moved = sum(machine.moved for machine in manifest.cells[0].machines)

    assert "complete" == manifest.state, manifest.failures
    assert one_of_each(rows, 60)
    assert 0 < moved <= 30
    assert {0: 30 - moved, 1: 30 + moved} == rows.groupby("worker").size().to_dict()


def test_a_machine_without_a_part_in_a_cell_sends_a_lost_one_s_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three machines, then two requests in flight on two of them: one dies four rows later, and the third takes over."""
    loads = [Load("concurrency", 3, timed=False), Load("concurrency", 2, timed=False)]
    one = plan(loads[0], 24, model=SLOW)
    made = build_plan(
        suite="s", suite_sha256="h", seed=7, repeats=1, margin_points=1.7, defaults=Params(max_tokens=32),
        models=one.models, tasks=one.tasks, loads=loads,
    )  # fmt: skip
    manifest = run_on_machines(
        tmp_path, made, Watch(24 + 4, kill_a_worker), FAST, monkeypatch, ("a", "b", "c")
    )
    moved = [machine.moved for machine in manifest.cells[1].machines if machine.lost]

    assert "complete" == manifest.state, manifest.failures
    assert 48 == len(read_attempts([tmp_path]))
    assert 1 == len(moved)
    assert moved[0] > 0


def test_a_lost_machine_s_share_of_a_timed_cell_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 requests a second for 2 s: a machine is lost in the first half; its share is not sent, and a resumed run sends it."""
    made = plan(Load("rate", 40.0, "constant", duration_s=1.99), 80, model=SLOW)
    groups: list[MachineGroup] = []
    watch = Watch(10, lambda: groups[0].living[0].lose("the cable was cut"))
    manifest = run_on_machines(tmp_path, made, watch, FAST, monkeypatch, on_group=groups.append)
    before = read_attempts([tmp_path])
    lost, other = sorted(manifest.cells[0].machines, key=lambda machine: machine.lost is None)

    assert "failed" == manifest.state
    assert "is lost (the cable was cut)" in manifest.failures[0].message
    assert (lost.lost, other.lost) == ("the cable was cut", None)
    assert 80 == len(before) + lost.not_sent + lost.in_flight
    assert lost.not_sent > 20
    assert 40 == (before["worker"] == other.workers[0]).sum()

    manifest = run_on_machines(tmp_path, made, Watch(), FAST, monkeypatch)

    assert "complete" == manifest.state, manifest.failures
    assert one_of_each(read_attempts([tmp_path]), 80)


def test_a_model_that_others_cannot_reach_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where the suite says: the machine's own words are in the manifest."""
    elsewhere = Model("m", "vllm", "m", "open", base_url="http://127.0.0.1:9/v1")
    monkeypatch.setattr("gapbench_runners.sim.SimRunner.model_for_workers", lambda _: elsewhere)
    made = plan(Load("concurrency", 2), 4)
    manifest = run_on_machines(tmp_path, made, Watch(), FAST, monkeypatch, ("a",))

    assert "worker 0 on a cannot start: " in manifest.failures[0].message
    assert "127.0.0.1:9" in manifest.failures[0].message
