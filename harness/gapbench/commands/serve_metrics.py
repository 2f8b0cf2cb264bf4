"""`bench serve-metrics`: a results folder's runs as Prometheus metrics, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

PORT = 9464
"""The port that OpenTelemetry gives to a Prometheus exporter."""


@click.command(
    "serve-metrics",
    epilog="""\b
Examples:
  bench serve-metrics results                              http://127.0.0.1:9464/metrics
  bench serve-metrics results --host 0.0.0.0 --port 9100   for a Prometheus on another machine""",
)
@click.argument("results", type=click.Path())
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0: any that is free."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to serve on.")
def serve_metrics_command(results: str, port: int, host: str) -> None:
    """Serve every run in the folder RESULTS, finished or under way in another process, until Ctrl-C.

    The metrics are those of `bench run --metrics-port`, so one port shows a night on which several runs share a machine.
    They hold no prompt, no answer and no key.
    """
    from gapbench.commands.storage_paths import mirror_folder
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.monitoring import MetricsServer, ResultsFollower

    mirror = mirror_folder(results)
    if mirror:
        raise InputError(
            f"{results}: a run lies there only once it has ended, so it cannot be followed there; "
            f"`bench serve-metrics {mirror}` follows those that this machine runs"
        )
    folder = Path(results)
    if (folder / "run.json").exists():
        raise ResultsError(f"{results} is one run; name the folder that holds it: {folder.parent}")
    if not folder.is_dir():
        raise ResultsError(f"there is no results folder {results}; `bench run --out {results}` makes one")
    # A shell that starts it in the background has it ignore Ctrl-C, and whoever stops a service says SIGTERM.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    followed = ResultsFollower(folder)
    with MetricsServer(followed.run_counts, port, host) as serving:
        # Read once before the first scrape, which has a deadline.
        click.echo(f"{len(followed.run_counts())} runs of {results} at {serving.url}; Ctrl-C ends it")
        threading.Event().wait()
