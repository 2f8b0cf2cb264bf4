"""Capacity: each load level compared with a service level, and the highest rate that meets it.

It works on any run with rates (a sweep, a search, single cells), so limits can be chosen after a sweep. Columns of
:attr:`CapacityResult.frame`, one row for each model, task and level; NaN or null means unknown:

======================= ===================================================================================
``model_id`` ``task``
``kind``                ``concurrency``, ``adaptive``, ``rate``, ``ramp``, ``replay`` or ``search``
``offered_rps``         requests per second of the schedule; null under concurrency
``concurrency``         requests kept in flight; null under a rate
``cells``               number of pooled cells: the level's repetitions
``requests``            measured requests sent
``met``                 how many of these met every limit in their first attempt
``attainment``          ``met`` / ``requests``
``attainment_low``      lower bound of ``attainment``: Wilson's one-sided 95 % bound, or that of the mean over the
                        repetitions if these vary more than chance would explain
``passed``              whether ``attainment`` reaches the service level's
``certain``             whether ``attainment_low`` does
``goodput_rps``         ``offered_rps`` x ``attainment``; null under concurrency
``window_s``            seconds of steady window that the next three are computed over, see
                        :mod:`gapbench.analysis.performance.steady_state`
``completed_rps``       answers completed per second of the window
``input_tokens_per_s`` ``output_tokens_per_s``  tokens read and written in the window, per second
``ttft_p50_s`` ``ttft_p95_s`` ``ttft_p99_s``  from the schedule, without failures
``inter_chunk_p50_s`` ``inter_chunk_p95_s`` ``inter_chunk_p99_s``  over all gaps between chunks
``response_p50_s`` ``response_p95_s`` ``response_p99_s``  from the schedule
``input_tokens`` ``output_tokens``  means over answers that reported them
``cached_share``        share of the input tokens served from a cache; null if not reported
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
from gapbench.analysis.performance.client_limits import client_limits
from gapbench.analysis.performance.steady_state import steady_throughput
from gapbench.stats import Floats, TestedRate, attainment_crossing, attainment_low_bound
from gapbench.store.json_records import records
from gapbench.values.slo import Slo

OPEN_LOOP = ("rate", "search")
"""Load kinds whose value is a steady rate. Ramps and replays have no steady rate."""
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
        simulated: Whether any row is simulated.
        warnings: One sentence for each caveat that readers need to know.
    """

    slo: Slo
    frame: pd.DataFrame
    rates: tuple[SustainableRate, ...]
    simulated: bool
    warnings: list[str] = field(default_factory=list)

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
            "levels": records(self.frame),
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def capacity(runs: Runs | Sequence[Path], slo: Slo) -> CapacityResult:
    """Return the load levels of runs and the highest rates that meet a service level.

    Args:
        runs: Run folders, or runs already loaded.
        slo: The limits.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    if "chunk_s" not in read_runs.frame:
        read_runs = load_runs(read_runs.folders, chunks=True)
    frame = read_runs.frame.reset_index(drop=True)
    done = steady_throughput(frame, read_runs.folders)
    limits = client_limits(read_runs)
    requests = measured_requests(frame)
    requests = requests.assign(kept=meets_slo(requests, slo))
    level = ["model_id", "task", "load_kind", "load_value"]
    rows: list[dict[str, Any]] = []
    for (model_id, task, kind, _), part in requests.groupby(level, observed=True, sort=False):
        names = part[["run_id", "cell_id"]].astype(str).drop_duplicates()
        cells = [tuple(name) for name in names.itertuples(index=False, name=None)]
        value = float(part["load_value"].iloc[0])
        rate = value if kind in OPEN_LOOP else None
        rows.append(
            {
                "model_id": str(model_id),
                "task": str(task),
                "kind": str(kind),
                "offered_rps": rate,
                "concurrency": value if kind in {"concurrency", "adaptive"} else None,
                "cells": len(cells),
                **_attainment(part, slo, rate),
                **_throughput(done.loc[cells]),
                **_times(part),
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
    return CapacityResult(slo, table, tuple(_rates(table, slo)), read_runs.simulated, _warnings(table))


def measured_requests(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each measured request, with ``due_s``, when its first attempt was scheduled."""
    key = ["run_id", "cell_id", "sample_id", "repeat"]
    rows = frame[frame["phase"] == "measure"]
    finals = rows[rows["final"]]
    first = rows[rows["attempt"] == 1].set_index(key)["scheduled_s"]
    retried = (finals["attempt"] > 1).to_numpy()
    due_s = finals["scheduled_s"].to_numpy(np.float64, copy=True)
    if retried.any():
        due_s[retried] = [
            first.get(name, np.nan) for name in finals[retried][key].itertuples(index=False, name=None)
        ]
    return finals.assign(due_s=due_s)


def meets_slo(requests: pd.DataFrame, slo: Slo) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which requests met every limit in their first attempt.

    Args:
        requests: Result of :func:`measured_requests`, with ``chunk_s`` if the limits include gaps between chunks.
        slo: The limits.
    """
    good = (requests["outcome"] != "infra").to_numpy() & (requests["attempt"] == 1).to_numpy()
    due_s = requests["due_s"].to_numpy(np.float64)
    for limit_s, name in (
        (slo.ttft_s, "first_token_s"),
        (slo.answer_ttft_s, "first_answer_s"),
        (slo.response_s, "done_s"),
    ):
        if limit_s is not None:
            with np.errstate(invalid="ignore"):
                # An instant that did not happen is NaN, and NaN meets no limit.
                good = good & (as_floats(requests[name]) - due_s <= limit_s)
    if slo.inter_chunk_s is not None:
        slowest = np.array(
            [_chunk_gap_s(times, slo.percentile) for times in requests["chunk_s"]], dtype=np.float64
        )
        good = good & (slowest <= slo.inter_chunk_s)
    kept: np.ndarray[Any, np.dtype[np.bool_]] = good
    return kept


def _chunk_gap_s(times: Any, share: float) -> float:
    """Return a percentile of one request's gaps between chunks. 0 for a reply in one chunk, which cannot stall."""
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    return float(np.quantile(gaps, share)) if len(gaps) else 0.0


def _attainment(part: pd.DataFrame, slo: Slo, rate: float | None) -> dict[str, Any]:
    by_cell = part.groupby(["run_id", "cell_id"], observed=True)["kept"].agg(["sum", "size"])
    met, sent = int(by_cell["sum"].sum()), len(part)
    low = attainment_low_bound(by_cell["sum"].tolist(), by_cell["size"].tolist())
    share = met / sent
    return {
        "requests": sent,
        "met": met,
        "attainment": share,
        "attainment_low": low,
        "passed": share >= slo.attainment,
        "certain": low is not None and low >= slo.attainment,
        "goodput_rps": None if rate is None else rate * share,
        "failures": int((part["outcome"] == "infra").sum()),
    }


def _throughput(cells: pd.DataFrame) -> dict[str, Any]:
    window_s = float(cells["window_s"].sum())
    names = (
        ("completed_rps", "completed"),
        ("input_tokens_per_s", "input_tokens"),
        ("output_tokens_per_s", "output_tokens"),
    )
    speeds = {
        name: float(cells[column].to_numpy().sum()) / window_s if window_s else None for name, column in names
    }
    return {"window_s": window_s or None, **speeds}


def _times(part: pd.DataFrame) -> dict[str, Any]:
    answered = part[part["outcome"] != "infra"]
    due_s = answered["due_s"].to_numpy(np.float64)
    gaps = [np.diff(np.asarray(times, dtype=np.float64)) for times in answered["chunk_s"]]
    row: dict[str, Any] = {}
    for name, values in (
        ("ttft", as_floats(answered["first_token_s"]) - due_s),
        ("inter_chunk", np.concatenate([*gaps, np.empty(0)])),
        ("response", as_floats(answered["done_s"]) - due_s),
    ):
        row.update({f"{name}_p{share * 100:.0f}_s": _quantile(values, share) for share in _QUANTILES})
    for name in ("input_tokens", "output_tokens"):
        known = answered[name].dropna()
        row[name] = float(known.mean()) if len(known) else None
    cached = answered[["cached_input_tokens", "input_tokens"]].dropna().astype(float).sum()
    row["cached_share"] = (
        cached["cached_input_tokens"] / cached["input_tokens"] if cached["input_tokens"] else None
    )
    return row


def _quantile(values: Floats, share: float) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else None


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
    for name, words in (
        ("invalid", "this client was the limit"),
        ("unsure", "too few requests to be sure of it"),
    ):
        marked = table["invalid"].notna() if name == "invalid" else table["passed"] & ~table["certain"]
        for (model_id, task), part in table[marked].groupby(["model_id", "task"], sort=False):
            rows = part.to_dict("records")
            why = f" ({_level_name(rows[0])}: {rows[0]['invalid']})" if name == "invalid" else ""
            warnings.append(f"{model_id} on {task} at {', '.join(map(_level_name, rows))}: {words}{why}")
    return warnings


def _level_name(row: Any) -> str:
    rate = row["offered_rps"]
    if rate is not None and not math.isnan(rate):
        return f"{rate:.3g}/s"
    in_flight = row["concurrency"]
    return str(row["kind"]) if in_flight is None or math.isnan(in_flight) else f"{in_flight:g} in flight"
