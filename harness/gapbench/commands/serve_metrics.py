"""`bench serve-metrics`: serve the runs of a results folder as Prometheus metrics until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

PORT = 9464
"""Default port of OpenTelemetry's Prometheus exporter."""


@click.command(
    "serve-metrics",
    epilog="""\b
Examples:
  bench serve-metrics results                              http://127.0.0.1:9464/metrics
  bench serve-metrics results --host 0.0.0.0 --port 9100   for a Prometheus on another machine""",
)
@click.argument("results", type=click.Path())
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="Port to serve on; 0 picks a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to serve on.")
def serve_metrics_command(results: str, port: int, host: str) -> None:
    """Serve metrics of every run in the folder RESULTS, finished or running in another process, until Ctrl-C.

    The metrics are those of `bench run --metrics-port`, for all runs on one port.
    They contain no prompts, answers or keys.
    """
    from gapbench.commands.storage_paths import mirror_folder
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.monitoring.folder_exporter import ResultsFollower
    from gapbench.execution.monitoring.http_server import MetricsServer

    mirror = mirror_folder(results)
    if mirror:
        raise InputError(
            f"{results}: runs are uploaded there only when they end, so they cannot be followed there; "
            f"`bench serve-metrics {mirror}` follows the runs of this machine"
        )
    folder = Path(results)
    if (folder / "run.json").exists():
        raise ResultsError(f"{results} is a single run; give its results folder: {folder.parent}")
    if not folder.is_dir():
        raise ResultsError(f"there is no results folder {results}; `bench run --out {results}` makes one")
    # A shell makes background processes ignore SIGINT, and service managers stop a process with SIGTERM.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    follower = ResultsFollower(folder)
    with MetricsServer(follower.run_counts, port, host) as server:
        # The first read can take longer than a scrape may.
        click.echo(f"{len(follower.run_counts())} runs of {results} at {server.url}; stop with Ctrl-C")
        threading.Event().wait()
