"""Runs as Prometheus metrics: the one under way, or every run in a results folder, for a screen elsewhere.

``docs/grafana/bench.json`` is a dashboard over them. Served on loopback unless told otherwise; they hold no
prompt, no answer and no key.
"""

from harness.metrics.results import Results
from harness.metrics.serving import Serving
from harness.metrics.watcher import MetricsWatcher

__all__ = ["MetricsWatcher", "Results", "Serving"]
