"""Serve the counts of runs over HTTP in Prometheus format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gapbench.errors import SetupError
from gapbench.execution.monitoring.counters import RunCounts, metric_families

GetRunCounts = Callable[[], Iterable[RunCounts]]
"""Returns the current counts; called on each scrape, from the server's threads."""


class HttpServer(Protocol):
    """The part of prometheus_client's HTTP server that is used here."""

    server_port: int

    def shutdown(self) -> None:
        """Stop serving."""

    def server_close(self) -> None:
        """Close the listening socket."""


class RunsCollector(Collector):
    """Gives prometheus_client the current metrics on each scrape."""

    def __init__(self, get_run_counts: GetRunCounts) -> None:
        self._get_run_counts = get_run_counts

    def collect(self) -> Iterable[Metric]:
        """Return the current metric families."""
        return metric_families(self._get_run_counts())


class MetricsServer:
    """Context manager that serves the metrics of runs.

    Args:
        get_run_counts: Returns the current counts.
        port: Port to serve on; 0: any free port.
        address: Interface to serve on.
        option: Command-line option that set the port, for error messages.

    Raises:
        SetupError: The port cannot be used.
    """

    def __init__(
        self, get_run_counts: GetRunCounts, port: int, address: str = "127.0.0.1", option: str = "--port"
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(RunsCollector(get_run_counts))
        self._port = port
        self._address = address
        self._option = option
        self._server: HttpServer | None = None

    def __enter__(self) -> Self:
        try:
            server, _ = start_http_server(self._port, addr=self._address, registry=self._registry)
        except (OSError, OverflowError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise SetupError(
                f"{self._option} {self._port} at {self._address}: {reason}; choose another port"
            ) from exc
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
        """URL of the metrics."""
        assert self._server is not None, "known once it serves"
        return f"http://{self._address}:{self._server.server_port}/metrics"
