"""Counters of a run, and the Prometheus metric families made from them."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    StateSetMetricFamily,
)
from prometheus_client.metrics_core import Metric

from gapbench.values import Attempt, is_reply_within_episode

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8)
"""Upper bounds of the time histograms, in seconds."""
RUN_LABELS = ("run", "suite")
CELL_LABELS = ("model", "task", "load")
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "bench_requests_planned": ("Requests of the cell.", CELL_LABELS),
    "bench_requests_done": ("Requests with their final attempt.", CELL_LABELS),
    "bench_simulated": ("1: a simulated provider answers for the model; 0: a real one.", ("model",)),
}
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bench_attempts": ("Attempts, by how they ended.", (*CELL_LABELS, "outcome")),
    "bench_failures": ("Attempts without an answer, by why.", ("model", "kind")),
    "bench_retries": ("Attempts that failed and were made again.", ("model",)),
    "bench_turns": ("Replies of episodes after which the episode continued.", ("model",)),
    "bench_cache_hits": ("Requests that our own cache answered.", ("model",)),
    "bench_spend_usd": ("US dollars of priced attempts.", ("model",)),
    "bench_tokens": ("Tokens by the provider's count.", ("model", "direction")),
    "bench_score": ("Sum of scores; over bench_scored it is accuracy.", ("model", "task")),
    "bench_scored": ("Scored answers.", ("model", "task")),
}
HISTOGRAMS = {
    "bench_first_token_seconds": "Sent to first token.",
    "bench_response_seconds": "Scheduled to done; of an episode, of each reply.",
}
RUN_STATES = ("running", "complete", "interrupted", "stopped", "failed", "damaged")
"""States of ``run.json``. ``damaged``: it or a part cannot be read; `bench runs verify` shows why."""


class DurationHistogram:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration; a duration equal to a bound falls into the bucket below it."""
        self.counts[bisect.bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative_buckets(self) -> list[tuple[str, float]]:
        """Return each bound with the number of durations at or below it, as Prometheus expects."""
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        return list(zip(bounds, itertools.accumulate(tuple(self.counts)), strict=True))


class RunCounts:
    """Counts of one run, by metric and label values.

    Args:
        run: Name of the run folder.
        suite: Name of the suite.
    """

    def __init__(self, run: str, suite: str = "") -> None:
        self.run = run
        self.suite = suite
        self.state = "running"
        self.values: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        self.times: defaultdict[tuple[str, str], DurationHistogram] = defaultdict(DurationHistogram)

    def set_total(self, cell_id: str, model: str, task: str, total: int) -> None:
        """Set the number of requests of a cell."""
        cell = (model, task, _load_label(cell_id))
        self.values["bench_requests_planned", cell] = total
        self.values.setdefault(("bench_requests_done", cell), 0)

    def set_already_done(self, cell_id: str, model: str, task: str, already_done: int) -> None:
        """Set how many requests of a cell an earlier session has done."""
        self.values["bench_requests_done", (model, task, _load_label(cell_id))] = already_done

    def record(self, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt.

        Args:
            row: The attempt.
            usd: Its price. None: unknown, or not billed by the call.
        """
        if row.phase == "user":
            self._count_user(row, usd)
            return
        model, task = row.model_id, row.task
        cell = (model, task, _load_label(row.cell_id))
        values = self.values
        values["bench_simulated", (model,)] = float(row.simulated)
        values["bench_attempts", (*cell, row.outcome)] += 1
        if row.failure_kind is not None:
            values["bench_failures", (model, row.failure_kind)] += 1
        if row.final:
            values["bench_requests_done", cell] += 1
            if row.score is not None and row.phase == "measure":
                values["bench_score", (model, task)] += row.score
                values["bench_scored", (model, task)] += 1
        elif is_reply_within_episode(row):
            values["bench_turns", (model,)] += 1
        else:
            values["bench_retries", (model,)] += 1
        if row.from_cache:
            # Another run sent and paid for it; it took no time in this one.
            values["bench_cache_hits", (model,)] += 1
            return
        self._count_spending(row, usd)
        if row.first_token_s is not None and row.sent_s is not None:
            self.times["bench_first_token_seconds", model].observe(row.first_token_s - row.sent_s)
        if row.done_s is not None and row.scheduled_s is not None and row.outcome != "infra":
            self.times["bench_response_seconds", model].observe(row.done_s - row.scheduled_s)

    def _count_user(self, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt at asking a model that plays users: its dollars, tokens and failures."""
        self.values["bench_simulated", (row.model_id,)] = float(row.simulated)
        if row.failure_kind is not None:
            self.values["bench_failures", (row.model_id, row.failure_kind)] += 1
        self._count_spending(row, usd)

    def _count_spending(self, row: Attempt, usd: Decimal | None) -> None:
        if row.from_cache:
            return
        if usd is not None:
            self.values["bench_spend_usd", (row.model_id,)] += float(usd)
        for direction, count in (("input", row.input_tokens), ("output", row.output_tokens)):
            if count is not None:
                self.values["bench_tokens", (row.model_id, direction)] += count


def _load_label(cell_id: str) -> str:
    """Return the label of a cell's load: the last part of the cell id."""
    return cell_id.rpartition("|")[2]


def metric_families(runs: Iterable[RunCounts]) -> Iterator[Metric]:
    """Yield every metric family, with the samples of all runs."""
    gauges = {
        name: GaugeMetricFamily(name, text, labels=(*RUN_LABELS, *labels))
        for name, (text, labels) in GAUGES.items()
    }
    counters = {
        name: CounterMetricFamily(name, text, labels=(*RUN_LABELS, *labels))
        for name, (text, labels) in COUNTERS.items()
    }
    histograms = {
        name: HistogramMetricFamily(name, text, labels=(*RUN_LABELS, "model"))
        for name, text in HISTOGRAMS.items()
    }
    states = StateSetMetricFamily("bench_run_state", "State of the run.", labels=RUN_LABELS)
    for counts in runs:
        run = (counts.run, counts.suite)
        states.add_metric(run, {state: state == counts.state for state in RUN_STATES})
        # Each is copied in one step: the run's thread may add entries meanwhile, and takes no lock.
        for (name, labels), value in tuple(counts.values.items()):
            (gauges if name in gauges else counters)[name].add_metric((*run, *labels), value)
        for (name, model), times in tuple(counts.times.items()):
            histograms[name].add_metric((*run, model), times.cumulative_buckets(), times.sum_s)
    yield states
    yield from gauges.values()
    yield from counters.values()
    yield from histograms.values()
