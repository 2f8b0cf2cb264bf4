"""A run on machines: the conductor and the control processes of the machines in this process, the workers in their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gapbench import runner as runners
from gapbench.errors import BenchError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines.address import MachinesAddress, read_token
from gapbench.execution.machines.join import Joining, serve_conductor
from gapbench.execution.machines.machine_group import MachineGroup
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunManifest, RunWriter, read_manifest
from gapbench.suite.plan import Plan
from tests.gapbench.execution.workers.test_pool import Watch

TOKEN_ENV = "GAPBENCH_TOKEN"
TOKEN = "only-for-tests-0123456789"
HOST = "127.0.0.1"


def joined_workers() -> list[psutil.Process]:
    """Return the worker processes of machines in this process, by number of the worker."""
    children = psutil.Process().children(recursive=True)
    found = [
        child
        for child in children
        if child.is_running() and "gapbench.execution.machines.joined_worker" in " ".join(child.cmdline())
    ]
    return sorted(found, key=lambda child: next(a for a in child.cmdline() if a.startswith("--number=")))


def run_on_machines(
    folder: Path,
    plan: Plan,
    watch: Watch,
    settings: RunSettings,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...] = ("a", "b"),
    on_group: Callable[[MachineGroup], None] = lambda _: None,
) -> RunManifest:
    """Run a plan from machines of these names, on from what is in the folder."""
    monkeypatch.setenv(TOKEN_ENV, TOKEN)

    async def main() -> RunManifest:
        resumed = read_manifest(folder) if (folder / "run.json").exists() else None
        opened = {model.id: runners.load_runner_class(model.runner)(model) for model in plan.models}
        address = MachinesAddress("listen", HOST, 0, len(names), TOKEN_ENV, 30.0)
        group = MachineGroup(address, (plan.suite, plan.suite_sha256), watch.notify)
        port = await group.listen(HOST, 0)
        stop = StopSignal()
        machines = [
            asyncio.create_task(
                serve_conductor(
                    Joining(HOST, port, read_token(TOKEN_ENV), TOKEN_ENV, name, 10.0), lambda _: None
                )
            )
            for name in names
        ]
        try:
            await group.wait_for_machines(len(names), stop, "")
            on_group(group)
            with RunWriter(folder) as writer:
                return await run(
                    plan,
                    opened,
                    writer,
                    replace(settings, machines=group),
                    watch,
                    stop,
                    resumed_manifest=resumed,
                )
        finally:
            await group.close("the run has ended")
            for machine in machines:
                with contextlib.suppress(BenchError):
                    await machine

    return asyncio.run(main())
