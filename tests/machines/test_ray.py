"""A Ray cluster of three nodes sends one cell: a machine on each node, every row once, and a killed node is reported."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gapbench import runner as runners
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines.address import MachinesAddress
from gapbench.execution.machines.machine_group import MachineGroup, open_machines
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunManifest, RunWriter, read_attempts
from gapbench.suite.plan import Load, Plan
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.gapbench.execution.machines.joined import TOKEN, TOKEN_ENV
from tests.gapbench.execution.workers.test_pool import Watch, one_of_each, plan

pytestmark = [
    pytest.mark.machines,
    # Ray's own, while it starts and stops.
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FAST = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)))
STORE_BYTES = 100 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and two more nodes; the token is in the environment in which they start."""
    os.environ |= {TOKEN_ENV: TOKEN, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster

    # On a busy machine Ray takes its own late heartbeats for dead nodes; ours decide here.
    patience = {"health_check_timeout_ms": 60_000, "health_check_failure_threshold": 20}
    head = {
        "num_cpus": 1,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "_system_config": patience,
    }
    try:
        made = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            made.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    except Exception as exc:  # noqa: BLE001 - Ray raises many kinds, and none of it is ours
        pytest.skip(f"Ray does not start its nodes here: {type(exc).__name__}: {exc}")
    yield made
    made.shutdown()  # type: ignore[no-untyped-call,unused-ignore]  # Ray is not in the development lock
    del os.environ[TOKEN_ENV]


def go(cluster: Any, folder: Path, made: Plan, watch: Watch, groups: list[MachineGroup]) -> RunManifest:
    host, port = cluster.address.split(":")

    async def main() -> RunManifest:
        stop = StopSignal()
        opened = {model.id: runners.load_runner_class(model.runner)(model) for model in made.models}
        address = MachinesAddress("ray", host, int(port), None, TOKEN_ENV, 60.0)
        async with open_machines(address, (made.suite, made.suite_sha256), stop, watch.notify) as group:
            assert group is not None
            groups.append(group)
            with RunWriter(folder) as writer:
                return await run(made, opened, writer, replace(FAST, machines=group), watch, stop)

    return asyncio.run(main())


def test_three_nodes_share_a_cell(cluster: Any, tmp_path: Path) -> None:
    """60 requests, nine in flight: three workers on three nodes, 20 each."""
    manifest = go(cluster, tmp_path, plan(Load("concurrency", 9), 60), Watch(), [])
    rows = read_attempts([tmp_path])

    assert "complete" == manifest.state, manifest.failures
    assert one_of_each(rows, 60)
    assert {0: 20, 1: 20, 2: 20} == rows.groupby("worker").size().to_dict()
    assert 3 == len({machine.name for machine in manifest.cells[0].machines})
    assert all(abs(machine.clock_offset_s) <= machine.clock_bound_s for machine in manifest.cells[0].machines)


def test_a_node_that_is_killed_is_reported(cluster: Any, tmp_path: Path) -> None:
    """A timed cell of 8 s; a node is killed after 20 rows: what it did not send is counted, and nothing is sent twice."""
    made = plan(Load("rate", 30.0, "constant", duration_s=7.99), 240)
    nodes = sorted(cluster.worker_nodes, key=lambda node: str(node.node_id))
    watch = Watch(20, lambda: cluster.remove_node(nodes[0], allow_graceful=False))
    manifest = go(cluster, tmp_path, made, watch, [])
    rows = read_attempts([tmp_path])
    lost = [machine for machine in manifest.cells[0].machines if machine.lost]

    assert "failed" == manifest.state
    assert 1 == len(lost)
    assert 240 == len(rows) + lost[0].not_sent + lost[0].in_flight
    assert lost[0].not_sent > 0
    assert not rows.duplicated(["sample_id", "repeat"]).any()
