"""Capacity: each load level compared with a service level, and the highest rate that meets it.

It works on any run with rates (a sweep, a search, single cells), so limits can be chosen after a sweep. Columns of
:attr:`CapacityResult.frame`, one row for each model, task and level; NaN or null means unknown:

======================= ===================================================================================
``model_id`` ``task``
``kind``                ``concurrency``, ``adaptive``, ``rate``, ``ramp``, ``replay`` or ``search``
``offered_rps``         requests per second of the schedule, or episodes; null under concurrency
``concurrency``         requests kept in flight, or agents at work; null under a rate
``cells``               number of pooled cells: the level's repetitions
``requests``            measured requests sent; an episode is one
``episodes``            how many of these are episodes
``met``                 how many of these met every limit in their first attempt
``attainment``          ``met`` / ``requests``
``attainment_low``      lower bound of ``attainment``: Wilson's one-sided 95 % bound, or that of the mean over the
                        repetitions if these vary more than chance would explain
``passed``              whether ``attainment`` reaches the service level's
``certain``             whether ``attainment_low`` does
``goodput_rps``         ``offered_rps`` x ``attainment``; null under concurrency
``window_s``            seconds of steady window that the next three are computed over, see
                        :mod:`gapbench.analysis.performance.steady_state`
``completed_rps``       requests completed per second of the window
``solved_per_min``      requests solved (all right) per minute of the window; null if a request of the level has no score
``input_tokens_per_s`` ``output_tokens_per_s``  tokens read and written in the window, per second
``solved``              measured requests that are all right
``usd``                 dollars of the level's measured attempts, as if our own cache had answered none; null if not known
``usd_per_solved`` ``solved_per_usd``  ``usd`` over ``solved``, and the reverse; null if a request of the level has no score
``ttft_p50_s`` ``ttft_p95_s`` ``ttft_p99_s``  from the schedule, without failures; of an episode each reply counts
``complete_call_p50_s`` ``complete_call_p95_s`` ``complete_call_p99_s``  from the schedule to the last byte of the first
                        tool call
``inter_chunk_p50_s`` ``inter_chunk_p95_s`` ``inter_chunk_p99_s``  over all gaps between chunks
``response_p50_s`` ``response_p95_s`` ``response_p99_s``  from the schedule to the end; of an episode the whole
``input_tokens`` ``output_tokens``  means over replies that reported them
``cached_share``        share of the input tokens served from a cache; null if not reported
``prefix_cache_share``  share of prompt tokens that the server's own counters say came from its prefix cache; null if it
                        counts none
``failures``            measured requests without an answer
``invalid``             why the level's times measure this client and not the server; null if they are valid
======================= ===================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs, as_floats, load_runs
from gapbench.analysis.performance.client_limits import client_limits, prefix_cache_counts
from gapbench.analysis.performance.largest_concurrency import LargestConcurrency, largest_concurrencies
from gapbench.analysis.performance.machine_clocks import clock_refusals, machine_notes
from gapbench.analysis.performance.service_level import measured_replies, meets_slo, task_s
from gapbench.analysis.performance.steady_state import steady_throughput
from gapbench.formatting import count_of
from gapbench.stats import Floats, TestedRate, attainment_crossing, attainment_low_bound, known_quantile
from gapbench.store.json_records import records
from gapbench.store.manifest import CellEntry
from gapbench.suite.loads.load import CLOSED_LOOP_KINDS, CONSTANT_RATE_KINDS
from gapbench.values.slo import Slo

_QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class SustainableRate:
    """The highest rate of one model on one task that meets the service level (M3 of the economics reference).

    Attributes:
        model_id: The model.
        task: The task.
        rate_rps: Rate at which attainment falls below its target, interpolated between the last level that passed and
            the first that failed, on the logarithm of the rate. None if no level passed or none failed.
        low_rps: Highest level whose lower bound reaches the target, with all levels below it passing too. None if
            there is no such level.
        tested_rps: Highest level tested.
        output_tokens_per_s: At ``rate_rps``, interpolated between the same two levels (T* of the reference). None if
            ``rate_rps`` is None or tokens were not reported.
        input_tokens_per_s: The same for prompt tokens.
        words: The rate for a table: ``12.3/s (at least 11.0/s)``, ``>= 64/s, the highest tested`` or
            ``< 1/s, the lowest tested``.
    """

    model_id: str
    task: str
    rate_rps: float | None
    low_rps: float | None
    tested_rps: float
    output_tokens_per_s: float | None
    input_tokens_per_s: float | None
    words: str


@dataclass(frozen=True)
class CapacityResult:
    """Load levels compared with a service level.

    Attributes:
        slo: The limits.
        frame: See the module's docstring. Ordered by model, task and level.
        rates: One for each model and task with rates.
        concurrencies: One for each model and task with several requests kept in flight.
        simulated: Whether any row is simulated.
        warnings: One sentence for each caveat that readers need to know.
    """

    slo: Slo
    frame: pd.DataFrame
    rates: tuple[SustainableRate, ...]
    simulated: bool
    warnings: list[str] = field(default_factory=list)
    concurrencies: tuple[LargestConcurrency, ...] = ()

    def concurrency_of(self, model_id: str, task: str) -> LargestConcurrency | None:
        """Return the largest concurrency of a model on a task, or None if none was measured."""
        return next(
            (found for found in self.concurrencies if (found.model_id, found.task) == (model_id, task)), None
        )

    def rate_of(self, model_id: str, task: str) -> SustainableRate | None:
        """Return the rate of a model on a task, or None if it was not measured at a rate."""
        return next((rate for rate in self.rates if (rate.model_id, rate.task) == (model_id, task)), None)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench capacity --json``."""
        return {
            "schema": 1,
            "slo": self.slo.as_json(),
            "rates": [
                {name: getattr(rate, name) for name in SustainableRate.__slots__} for rate in self.rates
            ],
            "concurrencies": [
                {name: getattr(found, name) for name in LargestConcurrency.__slots__}
                for found in self.concurrencies
            ],
            "levels": records(self.frame),
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def capacity(runs: Runs | Sequence[Path], slo: Slo, usd: Floats | None = None) -> CapacityResult:
    """Return the load levels of runs and the highest rates that meet a service level.

    Args:
        runs: Run folders, or runs already loaded.
        slo: The limits.
        usd: Cost of each attempt in USD, in the order of the runs' frame; see
            :func:`gapbench.analysis.cost.attempt_costs.bill`. None: it is not known.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    if "chunk_s" not in read_runs.frame:
        read_runs = load_runs(read_runs.folders, chunks=True)
    frame = read_runs.frame.reset_index(drop=True)
    done = steady_throughput(frame, read_runs.attempts)
    refusals = clock_refusals(read_runs, done)
    done = refusals.without_windows(done)
    limits = client_limits(read_runs)
    paid = np.full(len(frame), np.nan) if usd is None else usd
    replies = read_runs.without_batches(measured_replies(frame))
    kept = meets_slo(replies, slo)
    requests = replies[replies["final"].to_numpy(dtype=bool)].assign(kept=kept)
    cells_of = {(run_id, cell.cell_id): cell for run_id, cell in read_runs.cells}
    level = ["model_id", "task", "load_kind", "load_value"]
    rows: list[dict[str, Any]] = []
    for (model_id, task, kind, _), part in requests.groupby(level, observed=True, sort=False):
        names = part[["run_id", "cell_id"]].astype(str).drop_duplicates()
        cells = [tuple(name) for name in names.itertuples(index=False, name=None)]
        value = float(part["load_value"].iloc[0])
        here = frame["cell_id"].isin(names["cell_id"]) & frame["run_id"].isin(names["run_id"])
        of_level = (here & (frame["phase"] == "measure")).to_numpy()
        rate = value if kind in CONSTANT_RATE_KINDS else None
        rows.append(
            {
                "model_id": str(model_id),
                "task": str(task),
                "kind": str(kind),
                "offered_rps": rate,
                "concurrency": value if kind in CLOSED_LOOP_KINDS else None,
                "cells": len(cells),
                **_attainment(part, slo, rate),
                **_throughput(done.loc[cells], is_scored=not (part["outcome"] == "unscored").any()),
                **_money(part, float(paid[of_level].sum())),
                **_times(part, replies[replies["level_key"].isin(part["level_key"].unique())]),
                **_prefix_cache([cells_of[cell] for cell in cells if cell in cells_of]),
                "invalid": "; ".join(dict.fromkeys(reason for cell in cells if (reason := limits.get(cell))))
                or None,
            }
        )
    table = pd.DataFrame(rows, columns=None if rows else [*level, "kind"])
    if rows:
        table = table.sort_values(
            ["model_id", "task", "offered_rps", "concurrency"], kind="stable", na_position="last"
        )
        table = table.reset_index(drop=True)
    return CapacityResult(
        slo,
        table,
        tuple(_rates(table, slo)),
        read_runs.simulated,
        [
            *_warnings(table),
            *(
                f"{model_id}: it was asked in batches, whose answers have no times: it has no load here"
                for model_id in sorted({model_id for _, model_id in read_runs.batched})
            ),
            *machine_notes(read_runs, refusals),
            *read_runs.applied_weights.counts_items("capacity is about the load that was sent: it counts"),
        ],
        tuple(largest_concurrencies(table)),
    )


def _attainment(part: pd.DataFrame, slo: Slo, rate: float | None) -> dict[str, Any]:
    by_cell = part.groupby(["run_id", "cell_id"], observed=True)["kept"].agg(["sum", "size"])
    met, sent = int(by_cell["sum"].sum()), len(part)
    low = attainment_low_bound(by_cell["sum"].tolist(), by_cell["size"].tolist())
    share = met / sent
    return {
        "requests": sent,
        "episodes": int(part["turn"].notna().sum()),
        "met": met,
        "attainment": share,
        "attainment_low": low,
        "passed": share >= slo.attainment,
        "certain": low is not None and low >= slo.attainment,
        "goodput_rps": None if rate is None else rate * share,
        "failures": int((part["outcome"] == "infra").sum()),
    }


def _throughput(cells: pd.DataFrame, *, is_scored: bool) -> dict[str, Any]:
    window_s = float(cells["window_s"].sum())
    names = (
        ("completed_rps", "completed"),
        ("input_tokens_per_s", "input_tokens"),
        ("output_tokens_per_s", "output_tokens"),
    )
    speeds = {
        name: float(cells[column].to_numpy().sum()) / window_s if window_s else None for name, column in names
    }
    solved = float(cells["solved"].sum()) / window_s * 60 if window_s and is_scored else None
    return {"window_s": window_s or None, **speeds, "solved_per_min": solved}


def _money(part: pd.DataFrame, usd: float) -> dict[str, Any]:
    """Return what the level's requests cost, and what a solved one did."""
    solved = int((part["outcome"] == "correct").sum())
    known = not math.isnan(usd) and usd > 0
    is_scored = not (part["outcome"] == "unscored").any()
    return {
        "solved": solved,
        "usd": usd if known else None,
        "usd_per_solved": usd / solved if known and solved and is_scored else None,
        "solved_per_usd": solved / usd if known and is_scored else None,
    }


def _prefix_cache(cells: Sequence[CellEntry]) -> dict[str, Any]:
    """Return the share of prompt tokens that the servers' counters say came from the prefix cache."""
    counts = [prefix_cache_counts(cell) for cell in cells]
    hits, queries = sum(hit for hit, _ in counts), sum(query for _, query in counts)
    return {"prefix_cache_share": hits / queries if queries else None}


def _times(part: pd.DataFrame, replies: pd.DataFrame) -> dict[str, Any]:
    """Return the times of a level: those of replies, and of its requests as a whole."""
    whole_s = task_s(part[part["outcome"] != "infra"])
    answered = replies[replies["outcome"] != "infra"]
    due_s = answered["due_s"].to_numpy(np.float64)
    gaps = [np.diff(np.asarray(times, dtype=np.float64)) for times in answered["chunk_s"]]
    row: dict[str, Any] = {}
    for name, values in (
        ("ttft", as_floats(answered["first_token_s"]) - due_s),
        ("inter_chunk", np.concatenate([*gaps, np.empty(0)])),
        ("complete_call", as_floats(answered["complete_call_s"]) + as_floats(answered["sent_s"]) - due_s),
        ("response", whole_s),
    ):
        row.update({f"{name}_p{share * 100:.0f}_s": known_quantile(values, share) for share in _QUANTILES})
    for name in ("input_tokens", "output_tokens"):
        known = answered[name].dropna()
        row[name] = float(known.mean()) if len(known) else None
    cached = answered[["cached_input_tokens", "input_tokens"]].dropna().astype(float).sum()
    row["cached_share"] = (
        cached["cached_input_tokens"] / cached["input_tokens"] if cached["input_tokens"] else None
    )
    return row


def _rates(table: pd.DataFrame, slo: Slo) -> list[SustainableRate]:
    if table.empty:
        return []
    open_loop = table[table["offered_rps"].notna()]
    return [
        _rate(str(model_id), str(task), part.sort_values("offered_rps"), slo)
        for (model_id, task), part in open_loop.groupby(["model_id", "task"], sort=False)
    ]


def _rate(model_id: str, task: str, levels: pd.DataFrame, slo: Slo) -> SustainableRate:
    """Return the highest rate that meets the service level, by M3 of the economics reference."""
    tried = [
        TestedRate(*map(float, row))
        for row in levels[["offered_rps", "attainment", "attainment_low"]].itertuples(index=False, name=None)
    ]
    found = attainment_crossing(tried, slo.attainment)
    speeds: dict[str, float | None] = dict.fromkeys(("output_tokens_per_s", "input_tokens_per_s"))
    if found.below is not None:
        below, above = levels.iloc[found.below], levels.iloc[found.below + 1]
        speeds = {name: _between(below, above, name, found.part) for name in speeds}
    return SustainableRate(
        model_id=model_id,
        task=task,
        rate_rps=found.rate_rps,
        low_rps=found.low_rps,
        tested_rps=tried[-1].rate_rps,
        **speeds,
        words=found.description,
    )


def _between(below: pd.Series[Any], above: pd.Series[Any], name: str, part: float) -> float | None:
    low, high = float(below[name]), float(above[name])
    found = low + part * (high - low)
    return None if math.isnan(found) else found


def _warnings(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    warnings: list[str] = []
    for (model_id, task), part in table[table["invalid"].notna()].groupby(["model_id", "task"], sort=False):
        rows = part.to_dict("records")
        first = f"{_level_name(rows[0])}: " if len(rows) > 1 else ""
        warnings.append(
            f"{model_id} on {task} at {', '.join(map(_level_name, rows))}: this client was the limit "
            f"({first}{rows[0]['invalid']})"
        )
    unsure = int((table["passed"] & ~table["certain"]).sum())
    if unsure:
        warnings.append(f"too few requests to be sure of {unsure} of {count_of(len(table), 'level')}")
    return warnings


def _level_name(row: Any) -> str:
    rate = row["offered_rps"]
    if rate is not None and not math.isnan(rate):
        return f"{rate:.3g}/s"
    in_flight = row["concurrency"]
    return str(row["kind"]) if in_flight is None or math.isnan(in_flight) else f"{in_flight:g} in flight"
