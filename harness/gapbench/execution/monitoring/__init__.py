"""Runs as Prometheus metrics: the one under way, or every run in a results folder, for a screen elsewhere.

``docs/grafana/bench.json`` is a dashboard over them. Served on loopback unless told otherwise; they hold no
prompt, no answer and no key.
"""

from gapbench.execution.monitoring.folder_exporter import ResultsFollower
from gapbench.execution.monitoring.http_server import MetricsServer
from gapbench.execution.monitoring.run_exporter import MetricsObserver

__all__ = ["MetricsObserver", "MetricsServer", "ResultsFollower"]
