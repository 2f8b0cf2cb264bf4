"""Run a suite into a folder: prices, policies, signals and metrics around :func:`gapbench.execution.run.run`.

The command line and the Python API call this module. It prints nothing; what the user should see goes to the observer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapbench.errors import InputError
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.execution.first_calls import FirstCall
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.limits.unusable_answers import ShouldContinue, answer_without_asking
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.run import run
from gapbench.execution.run_pricing import attempt_bounder, attempt_pricer, request_bounder
from gapbench.execution.settings import RunSettings, policies_from_suite
from gapbench.execution.setup import RunSetup
from gapbench.store import RunManifest, RunWriter, read_manifest
from gapbench.store.lazy_pandas import defer_pandas_import
from gapbench.values.cache_place import CachePlace, RedisPlace

if TYPE_CHECKING:
    from gapbench.execution.machines.address import MachinesAddress
    from gapbench.execution.machines.machine_group import MachineGroup


def execute_run(
    setup: RunSetup,
    folder: Path,
    observer: RunObserver,
    *,
    is_resumed: bool = False,
    selection: Mapping[str, Any] | None = None,
    max_usd: float | None = None,
    cache: CachePlace | None = None,
    calibration: Mapping[str, Any] | None = None,
    metrics_port: int | None = None,
    stop_signal: StopSignal | None = None,
    first_calls: Sequence[FirstCall] = (),
    should_continue: ShouldContinue | None = None,
    while_sending: Callable[[], AbstractContextManager[None]] = nullcontext,
    batches: BatchSettings = BatchSettings(),  # noqa: B008 - frozen
    machines: MachinesAddress | None = None,
) -> RunManifest:
    """Run a suite into a folder and return the final content of ``run.json``.

    In the main thread, the first Ctrl-C, SIGTERM or SIGHUP stops sending; the second abandons what is in flight.
    In another thread no signal is handled. Do not call it while an event loop runs in the same thread.

    Args:
        setup: The suite, its plan and its runners.
        folder: The run folder; created if missing.
        observer: Receives progress, and one line for each thing the user should know.
        is_resumed: Whether to continue the run in ``folder``.
        selection: What ``--resume`` needs to build the same setup again; stored in ``run.json``.
        max_usd: US dollars at which the run stops; it can be resumed. None: no limit.
        cache: Where answers are kept. None: where the suite says, if it does.
        calibration: Result of a calibration just before the run; stored in ``run.json``. None: there was none.
        metrics_port: Port for Prometheus metrics on the loopback address. None: no metrics are served.
        stop_signal: Stops the run when it is set; only ``set_from_thread`` may be called, from another thread. None:
            only signals stop it.
        first_calls: The small calls that were made just before; their cost counts towards ``max_usd``.
        should_continue: Decides about a task of which nearly all first answers of a model cannot be used. None: the
            suite's ``on_unparsed`` decides, without a question.
        while_sending: See :class:`RunSettings`.
        batches: How the models are treated that are asked in batches.
        machines: Where the machines that send come from. None: this machine sends.

    Raises:
        ResultsError: The folder is locked by another process, damaged, or cannot be written; finished rows are kept.
        InputError: The metrics port cannot be used.
    """
    defer_pandas_import()
    settings = RunSettings(
        policies=policies_from_suite(setup.suite, cache),
        max_usd=None if max_usd is None else Decimal(str(max_usd)),
        price_attempt=attempt_pricer(setup),
        selection=selection or {},
        calibration=calibration,
        until_sure=bool(selection and selection.get("until_sure")),
        looks=setup.suite.looks,
        should_continue=should_continue or answer_without_asking(setup.suite.on_unparsed),
        suite_content=setup.suite.content,
        first_calls=[call.to_entry() for call in first_calls],
        while_sending=while_sending,
        batches=replace(batches, bound_usd=request_bounder(setup)),
        bound_attempt=attempt_bounder(setup),
    )
    with (
        _without_empty_folder(folder, is_resumed=is_resumed),
        RunWriter(folder) as writer,
        _serve_metrics(observer, setup, folder, metrics_port) as watching,
    ):
        # Read the manifest under the folder's lock: another process may have written it a moment ago.
        resumed = read_manifest(folder) if is_resumed else None
        return _run_until_done(
            setup, writer, settings, watching, resumed, stop_signal or StopSignal(), machines
        )


def refuse_unreachable_cache(setup: RunSetup, cache: CachePlace | None) -> None:
    """Refuse a run whose cache is on a server that does not answer, before anything is paid for.

    Args:
        setup: The run.
        cache: Where answers are kept. None: where the suite says, if it does.

    Raises:
        SetupError: It does not answer.
    """
    place = cache or setup.suite.cache_place
    if isinstance(place, RedisPlace):
        from gapbench.execution.attempts.redis_cache import check_reachable  # noqa: PLC0415 - an extra package

        check_reachable(place)


def describe_unused_cache(setup: RunSetup, cache: CachePlace | None) -> list[str]:
    """Return a sentence that names the loads that do not use the cache; nothing if there is no cache, or all use it.

    Args:
        setup: The run.
        cache: Where answers are kept. None: where the suite says, if it does.
    """
    loads = {cell.load.description: cell.load.is_timed for cell in setup.plan.cells}
    timed = [name for name, is_timed in loads.items() if is_timed]
    if not timed or (cache or setup.suite.cache_place) is None:
        return []
    if len(timed) < len(loads):
        return [
            f"the cache is not used under {', '.join(timed)}: a load that measures time asks every question again"
        ]
    return ["the cache is not used: every load of this run measures time, and asks every question again"]


@contextlib.contextmanager
def _without_empty_folder(folder: Path, *, is_resumed: bool) -> Iterator[None]:
    """Remove the folder of a new run that could not begin, so that no list of runs has it."""
    try:
        yield
    except InputError:
        if not is_resumed and folder.is_dir() and [path.name for path in folder.iterdir()] == ["run.lock"]:
            (folder / "run.lock").unlink()
            folder.rmdir()
        raise


@contextlib.contextmanager
def _serve_metrics(
    observer: RunObserver, setup: RunSetup, folder: Path, port: int | None
) -> Iterator[RunObserver]:
    """Serve Prometheus metrics for the duration of the block; yields the observer that counts for them."""
    if port is None:
        yield observer
        return
    from gapbench.execution.monitoring.http_server import MetricsServer  # noqa: PLC0415 - rarely needed
    from gapbench.execution.monitoring.run_exporter import MetricsObserver  # noqa: PLC0415 - rarely needed

    counting = MetricsObserver(observer, setup.suite.name, folder.name)
    with MetricsServer(counting.run_counts, port, option="--metrics-port") as server:
        observer.notify(f"metrics at {server.url}")
        yield counting


def _run_until_done(
    setup: RunSetup,
    writer: RunWriter,
    settings: RunSettings,
    observer: RunObserver,
    resumed: RunManifest | None,
    stop_signal: StopSignal,
    machines: MachinesAddress | None,
) -> RunManifest:
    """Run the event loop until the run ends or is interrupted."""

    async def main() -> RunManifest:
        stop_signal.attach()
        _stop_on_signals(stop_signal, observer)
        async with _open_machines(machines, setup, stop_signal, observer) as group:
            return await run(
                setup.plan,
                setup.runners,
                writer,
                dataclasses.replace(settings, machines=group),
                observer,
                stop_signal,
                resumed_manifest=resumed,
            )

    try:
        return run_on_event_loop(main())
    except asyncio.CancelledError:
        return read_manifest(writer.folder)


def _open_machines(
    address: MachinesAddress | None, setup: RunSetup, stop_signal: StopSignal, observer: RunObserver
) -> AbstractAsyncContextManager[MachineGroup | None]:
    """Return what waits for the machines of a run; nothing of it is imported without them."""
    if address is None:
        return nullcontext()
    from gapbench.execution.machines.machine_group import open_machines  # noqa: PLC0415 - imports cryptography

    return open_machines(address, (setup.plan.suite, setup.plan.suite_sha256), stop_signal, observer.notify)


def _stop_on_signals(stop_signal: StopSignal, observer: RunObserver) -> None:
    """Make the first signal stop sending and the second cancel the current task."""
    if threading.current_thread() is not threading.main_thread():
        return
    task = asyncio.current_task()
    assert task is not None

    def interrupt() -> None:
        if stop_signal.reason is None:
            stop_signal.set("interrupted")
            observer.notify("stopping: what is in flight is finished and kept; Ctrl-C again abandons it")
        else:
            task.cancel()

    # A run started with nohup continues when its terminal closes.
    handles_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if handles_hangup else [])):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
