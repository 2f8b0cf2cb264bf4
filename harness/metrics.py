"""A run's progress as Prometheus metrics while it runs: what the live view shows, for a screen elsewhere.

``docs/grafana/bench.json`` is a dashboard over them. Served on loopback unless told otherwise; they hold no
prompt, no answer and no key.
"""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

from harness.errors import SetupError
from harness.plan import Cell
from harness.settings import Watcher
from harness.values import Attempt, Model

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8)
"""Upper bounds of the time histograms, in seconds."""


class Server(Protocol):
    """What is needed of the HTTP server."""

    server_port: int

    def shutdown(self) -> None:
        """Stop serving."""

    def server_close(self) -> None:
        """Let the port go."""


class MetricsWatcher:
    """Counts what the run tells, and tells another watcher on. Use as a context manager.

    Args:
        inner: The live view.
        port: Port to serve on; 0: any that is free.
        suite: Name of the suite.
        run_id: The run.
        address: Interface to serve on.

    Raises:
        SetupError: The port cannot be had.
    """

    def __init__(
        self, inner: Watcher, port: int, suite: str, run_id: str, address: str = "127.0.0.1"
    ) -> None:
        """Make the metrics; nothing is served yet."""
        self._inner = inner
        self._address = address
        self._port = port
        self._server: Server | None = None
        registry = self.registry = CollectorRegistry()
        cell = ("model", "task", "load")
        self._planned = Gauge("bench_requests_planned", "Requests of the cell.", cell, registry=registry)
        self._done = Gauge(
            "bench_requests_done", "Requests with their final attempt.", cell, registry=registry
        )
        self._attempts = Counter(
            "bench_attempts", "Attempts, by how they ended.", (*cell, "outcome"), registry=registry
        )
        self._failures = Counter(
            "bench_failures", "Attempts without an answer, by why.", ("model", "kind"), registry=registry
        )
        self._retries = Counter(
            "bench_retries", "Attempts that another follows.", ("model",), registry=registry
        )
        self._cached = Counter(
            "bench_cache_hits", "Requests that our own cache answered.", ("model",), registry=registry
        )
        self._usd = Counter(
            "bench_spend_usd", "US dollars of priced attempts.", ("model",), registry=registry
        )
        self._tokens = Counter(
            "bench_tokens", "Tokens by the provider's count.", ("model", "direction"), registry=registry
        )
        self._score = Counter(
            "bench_score",
            "Sum of scores; over bench_scored it is accuracy.",
            ("model", "task"),
            registry=registry,
        )
        self._scored = Counter("bench_scored", "Scored answers.", ("model", "task"), registry=registry)
        self._first_token = Histogram(
            "bench_first_token_seconds",
            "Sent to first token.",
            ("model",),
            registry=registry,
            buckets=BUCKETS_S,
        )
        self._response = Histogram(
            "bench_response_seconds", "Scheduled to done.", ("model",), registry=registry, buckets=BUCKETS_S
        )
        Info("bench_run", "The run under way.", registry=registry).info({"suite": suite, "run_id": run_id})

    def __enter__(self) -> Self:
        try:
            server, _ = start_http_server(self._port, addr=self._address, registry=self.registry)
        except (OSError, OverflowError) as exc:
            said = getattr(exc, "strerror", None) or exc
            raise SetupError(f"--metrics-port {self._port}: {said}; choose another port") from exc
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Where the metrics are served."""
        assert self._server is not None, "known once it serves"
        return f"http://{self._address}:{self._server.server_port}/metrics"

    def model_opening(self, model: Model) -> None:
        """Tell on."""
        self._inner.model_opening(model)

    def cell_started(self, cell: Cell, planned: int, kept: int) -> None:
        """Set what is planned, and what an earlier session has done of it."""
        labels = (cell.model.id, cell.task.name, cell.load.label)
        self._planned.labels(*labels).set(planned)
        self._done.labels(*labels).set(kept)
        self._inner.cell_started(cell, planned, kept)

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt."""
        model, task = row.model_id, row.task
        labels = (model, task, cell.load.label)
        self._attempts.labels(*labels, row.outcome).inc()
        if row.failure_kind is not None:
            self._failures.labels(model, row.failure_kind).inc()
        if not row.final:
            self._retries.labels(model).inc()
        else:
            self._done.labels(*labels).inc()
        if row.from_cache:
            self._cached.labels(model).inc()
        elif usd is not None:
            self._usd.labels(model).inc(float(usd))
        if row.final and row.score is not None:
            self._score.labels(model, task).inc(row.score)
            self._scored.labels(model, task).inc()
        for direction, count in (("input", row.input_tokens), ("output", row.output_tokens)):
            if count is not None and not row.from_cache:
                self._tokens.labels(model, direction).inc(count)
        if row.first_token_s is not None and row.sent_s is not None:
            self._first_token.labels(model).observe(row.first_token_s - row.sent_s)
        if (
            row.done_s is not None
            and row.scheduled_s is not None
            and row.outcome != "infra"
            and not row.from_cache
        ):
            self._response.labels(model).observe(row.done_s - row.scheduled_s)
        self._inner.attempt_done(cell, row, usd)

    def cell_ended(self, cell: Cell) -> None:
        """Tell on."""
        self._inner.cell_ended(cell)

    def tell(self, line: str) -> None:
        """Tell on."""
        self._inner.tell(line)
