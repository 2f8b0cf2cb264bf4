"""Counts of runs on an HTTP port, in Prometheus' format."""

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
"""Returns the runs as they are now; called on each scrape, from the server's threads."""


class HttpServer(Protocol):
    """What is needed of the HTTP server."""

    server_port: int

    def shutdown(self) -> None:
        """Stop serving."""

    def server_close(self) -> None:
        """Let the port go."""


class RunsCollector(Collector):
    """What prometheus_client asks on each scrape."""

    def __init__(self, get_run_counts: GetRunCounts) -> None:
        """Keep whom to ask."""
        self._get_run_counts = get_run_counts

    def collect(self) -> Iterable[Metric]:
        """Return the families as the runs are now."""
        return metric_families(self._get_run_counts())


class MetricsServer:
    """Serves runs while the context lasts.

    Args:
        get_run_counts: Returns them.
        port: Port to serve on; 0: any that is free.
        address: Interface to serve on.
        option: The option that the user set the port with, for the message when it cannot be had.

    Raises:
        SetupError: The port cannot be had.
    """

    def __init__(
        self, get_run_counts: GetRunCounts, port: int, address: str = "127.0.0.1", option: str = "--port"
    ) -> None:
        """Keep what to serve; nothing is served yet."""
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
            said = getattr(exc, "strerror", None) or exc
            raise SetupError(
                f"{self._option} {self._port} at {self._address}: {said}; choose another port"
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
        """Where the metrics are served."""
        assert self._server is not None, "known once it serves"
        return f"http://{self._address}:{self._server.server_port}/metrics"
