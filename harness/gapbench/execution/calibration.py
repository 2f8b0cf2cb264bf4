"""Calibrate this machine: measure a simulated server that logs what it wrote when, and compare.

Each level sends at a rate that keeps a number of streams open, through the same code as a run, including rows and
Parquet. Every request has a unique prompt, so each row is compared with the reply that the server logged for it. Client
and server read the same clock. The error of a figure is its measured quantile divided by the true quantile, minus one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gapbench import runner as runners
from gapbench.errors import SetupError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunWriter, read_attempts, read_manifest
from gapbench.store.provenance import format_utc, machine_info, package_versions
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell, Plan, build_plan
from gapbench.suite.tasks.task import Task
from gapbench.values import Attempt, Message, Model, Params, Sample, Text
from gapbench.values.policies import RetryPolicy, RunPolicies

LEVELS = (10, 50, 100, 200, 400)
DURATION_S = 6.0
WARMUP_S = 1.0
TRUSTED_ERROR = 0.02
MAX_LATE_SHARE = 0.05
"""Share of chunks that the server wrote late. Above it, a level that cannot be trusted may be the server's fault."""
REPLY_TOKENS = 64
FIRST_TOKEN_S, FIRST_TOKEN_SIGMA, GAP_S = 0.2, 0.3, 0.01
MEAN_REPLY_S = FIRST_TOKEN_S * float(np.exp(FIRST_TOKEN_SIGMA**2 / 2)) + (REPLY_TOKENS - 1) * GAP_S
"""Mean duration of a reply in seconds: a rate of N divided by it keeps N streams open."""
MIN_TRUE_S = 0.001
"""Errors of true figures below this are relative to this value, not to the figure."""
METRICS = ("first_token", "inter_chunk", "end_to_end")
START_TIMEOUT_S = 20.0
if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MetricDeviation:
    """The error of one figure.

    Attributes:
        figure: ``first_token``, ``inter_chunk`` or ``end_to_end``.
        true_p50_s: Median according to the server's log, in seconds.
        true_p99_s: 99th percentile according to the server's log, in seconds.
        p50: Measured median divided by the true one, minus 1.
        p99: The same for the 99th percentile.
    """

    figure: str
    true_p50_s: float
    true_p99_s: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class CalibrationLevel:
    """One load and how accurately it was measured.

    Attributes:
        streams: Mean number of replies open at once.
        rate_rps: Requests per second.
        requests: Requests compared with the server's log.
        workers: Processes that sent requests.
        cpu_cores: CPU cores that they used together.
        lag_p99_s: 99th percentile of how long a byte that arrives at any time waits for the event loop, in seconds. None: not measured.
        server_late: Share of chunks that the server wrote more than 5 ms after they were due. The truth is when they
            were written, so this alone causes no error. But a server that is often late also reads requests late.
        errors: One for each figure.
    """

    streams: int
    rate_rps: float
    requests: int
    workers: int
    cpu_cores: float
    lag_p99_s: float | None
    server_late: float
    errors: tuple[MetricDeviation, ...]

    @property
    def worst_error(self) -> float:
        """The largest absolute error of any figure."""
        return max(max(abs(error.p50), abs(error.p99)) for error in self.errors)

    @property
    def is_trusted(self) -> bool:
        """Whether every figure is within ``TRUSTED_ERROR`` of the truth."""
        return self.worst_error < TRUSTED_ERROR

    @property
    def is_server_late(self) -> bool:
        """Whether the server was late so often that a failed level says nothing about this client."""
        return self.server_late > MAX_LATE_SHARE


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of a calibration.

    Attributes:
        at: When it was made, in UTC.
        levels: In order of rising load.
    """

    at: datetime
    levels: tuple[CalibrationLevel, ...]

    @property
    def trusted_streams(self) -> int | None:
        """Highest load up to which all figures of all levels can be trusted. None: no level can."""
        trusted = None
        for level in self.levels:
            if not level.is_trusted:
                break
            trusted = level.streams
        return trusted

    @property
    def is_bound_by_server(self) -> bool:
        """Whether the first level that cannot be trusted is one where the server was late."""
        failed = next((level for level in self.levels if not level.is_trusted), None)
        return failed is not None and failed.is_server_late

    def to_json(self) -> dict[str, Any]:
        """Return the documented form of ``bench calibrate --json``, which is also stored in ``run.json``."""
        return {
            "schema": 1,
            "at": format_utc(self.at),
            "trusted_error": TRUSTED_ERROR,
            "trusted_streams": self.trusted_streams,
            "is_bound_by_server": self.is_bound_by_server,
            "levels": [
                {
                    **{name: getattr(level, name) for name in CalibrationLevel.__slots__ if name != "errors"},
                    "is_trusted": level.is_trusted,
                    "errors": [
                        {name: getattr(error, name) for name in MetricDeviation.__slots__}
                        for error in level.errors
                    ],
                }
                for level in self.levels
            ],
            "machine": machine_info(),
            "versions": package_versions(runners.runner_info("sim").packages),
        }


class _SilentObserver:
    """Observer that ignores every event."""

    def model_opening(self, model: Model) -> None: ...

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None: ...

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None: ...

    def cell_ended(self, cell: Cell) -> None: ...

    def notify(self, line: str) -> None: ...


async def calibrate(
    levels: Sequence[int] = LEVELS,
    *,
    duration_s: float = DURATION_S,
    workers: int | None = None,
    on_level: Callable[[CalibrationLevel], None] = lambda _: None,
) -> Calibration:
    """Measure a simulated server at rising load and return the errors of the measured figures.

    Stops after the first level that cannot be trusted: a higher one could not be trusted either.

    Args:
        levels: Streams open at once, in rising order.
        duration_s: Duration of each level in seconds; the first second is not measured.
        workers: Processes that send. None: as many as a run would use.
        on_level: Receives each level when it is done.

    Raises:
        SetupError: The simulated server cannot be started, or answered nothing.
    """
    done: list[CalibrationLevel] = []
    for streams in levels:
        with tempfile.TemporaryDirectory(prefix="gapbench-calibrate-") as folder:
            level = await _measure_level(streams, duration_s, workers, Path(folder))
        done.append(level)
        on_level(level)
        if not level.is_trusted:
            break
    return Calibration(datetime.now(UTC), tuple(done))


async def _measure_level(
    streams: int, duration_s: float, workers: int | None, folder: Path
) -> CalibrationLevel:
    rate = streams / MEAN_REPLY_S
    load = Load("rate", rate, duration_s=duration_s, warmup_s=WARMUP_S, workers=workers)
    log = folder / "truth.jsonl"
    async with _run_simulated_server(log) as url:
        model = Model("truth", "sim", "lean", "open", base_url=url, options={"sim": {"protocol": "openai"}})
        plan = _calibration_plan(model, load, int(rate * duration_s * 1.5) + 60)
        with RunWriter(folder / "run") as writer:
            settings = RunSettings(RunPolicies(retries=RetryPolicy(max_attempts=1, quota_wait_s=0.0)))
            runners_by_model = {model.id: runners.load_runner_class(model.runner)(model)}
            manifest = await run(plan, runners_by_model, writer, settings, _SilentObserver(), StopSignal())
    if manifest.failures:
        raise SetupError(f"cannot calibrate: {manifest.failures[0].message}")
    return _compare_with_server_log(folder / "run", log, streams, rate)


@contextlib.asynccontextmanager
async def _run_simulated_server(log: Path) -> AsyncIterator[str]:
    """Run the simulated server's lean mode in another process; yields its address. The log is complete afterwards."""
    command = [
        sys.executable, "-m", "gapbench_runners.sim_server", "--lean", "--port", "0", "--parent", str(os.getpid()), "--log",
        str(log), "--tokens", str(REPLY_TOKENS), "--first-ms", f"{FIRST_TOKEN_S * 1e3:g}", "--sigma", f"{FIRST_TOKEN_SIGMA:g}",
        "--gap-ms", f"{GAP_S * 1e3:g}",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None, "it is a pipe"
        try:
            line = (await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)).decode()
        except TimeoutError:
            line = ""
        if not line.startswith("listening "):
            raise SetupError(
                "cannot calibrate: the simulated server did not start; `bench sim --lean` shows why"
            )
        yield line.split()[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _calibration_plan(model: Model, load: Load, count: int) -> Plan:
    """Return a plan of one cell in which every request carries a unique mark that the server logs."""
    samples = tuple(
        Sample(str(k), (Message("user", (Text(f"gapbench-id:{k} Say a word."),)),)) for k in range(count)
    )
    task = Task("calibration", "calibration", 1, "calibration", samples, None)
    return build_plan(
        suite="calibration",
        suite_sha256="calibration",
        seed=int(load.value * 1_000),
        repeats=1,
        margin_points=1.7,
        defaults=Params(max_tokens=REPLY_TOKENS, temperature=0.0),
        models=[model],
        tasks=[task],
        loads=[load],
    )


def _compare_with_server_log(run_folder: Path, log: Path, streams: int, rate: float) -> CalibrationLevel:
    """Compare the rows of a level with the server's log."""
    columns = ["sample_id", "phase", "repeat", "outcome", "sent_s", "chunk_s"]
    rows = read_attempts([run_folder], columns)
    rows = rows[(rows["phase"] == "measure") & (rows["outcome"] != "infra") & (rows["repeat"] == 0)]
    truth = {str(entry["id"]): entry for entry in map(json.loads, log.read_bytes().splitlines())}
    rows = rows[rows["sample_id"].isin(truth.keys())]
    if rows.empty:
        raise SetupError("cannot calibrate: the simulated server answered no request")
    true_times = [truth[sample_id] for sample_id in rows["sample_id"]]
    errors = measure_deviations(rows, [(entry["received_s"], entry["write_s"]) for entry in true_times])
    cell = read_manifest(run_folder).cells[0]
    worker_reports = cell.workers or []
    return CalibrationLevel(
        streams=streams,
        rate_rps=rate,
        requests=len(rows),
        workers=max(1, len(worker_reports)),
        cpu_cores=sum(worker.cpu_share for worker in worker_reports),
        lag_p99_s=cell.lag_p99_s,
        server_late=_late_share(cell.counters_after or {}),
        errors=errors,
    )


def measure_deviations(
    rows: pd.DataFrame, truths: Sequence[tuple[float, Sequence[float]]]
) -> tuple[MetricDeviation, ...]:
    """Return the errors of measured rows against a server's log.

    Args:
        rows: Answered attempts with ``sent_s`` and ``chunk_s``.
        truths: For each row, when the server had read the request and when it wrote each chunk, on the server's clock.
    """
    measured = [np.asarray(times, dtype=np.float64) for times in rows["chunk_s"]]
    # The last writes of a reply are finish reason, token counts and end mark, which contain no text.
    true = [
        np.asarray(writes, dtype=np.float64)[: len(times)]
        for (_, writes), times in zip(truths, measured, strict=True)
    ]
    sent_s = rows["sent_s"].to_numpy(np.float64)
    read_s = np.array([received_s for received_s, _ in truths])
    pairs = (
        (
            np.array([times[0] for times in measured]) - sent_s,
            np.array([times[0] for times in true]) - read_s,
        ),
        (
            np.concatenate([np.diff(times) for times in measured]),
            np.concatenate([np.diff(times) for times in true]),
        ),
        (
            np.array([times[-1] for times in measured]) - sent_s,
            np.array([times[-1] for times in true]) - read_s,
        ),
    )
    return tuple(_deviation(figure, *pair) for figure, pair in zip(METRICS, pairs, strict=True))


def _late_share(counters: Mapping[str, float]) -> float:
    return counters.get("sim:late_chunks_total", 0.0) / max(counters.get("sim:chunks_total", 0.0), 1.0)


def _deviation(figure: str, measured: Floats, true: Floats) -> MetricDeviation:
    """Return the errors of one figure. A true gap can be 0: a server that stalled writes many chunks at once."""
    p50, p99 = (float(np.quantile(true, share)) for share in (0.5, 0.99))
    p50_deviation = (float(np.quantile(measured, 0.5)) - p50) / max(p50, MIN_TRUE_S)
    p99_deviation = (float(np.quantile(measured, 0.99)) - p99) / max(p99, MIN_TRUE_S)
    return MetricDeviation(figure, p50, p99, p50_deviation, p99_deviation)
