"""Figures that another harness made of all replies together: shown beside ours, in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from gapbench import formatting
from gapbench.store import RunManifest

LmEvalMetric = tuple[str, str, str, str]
"""Model and load, task or group, metric with its filter, value with its standard error."""


def lm_eval_metrics(manifests: Iterable[RunManifest]) -> Iterator[LmEvalMetric]:
    """Yield the figures of runs, as ``run.json`` keeps them under ``graded``."""
    for manifest in manifests:
        for graded in manifest.graded:
            again = f", pass {graded['pass'] + 1}" if graded["pass"] else ""
            who = f"{graded['model_id']}, {graded['load']}{again}"
            for task, metrics in (graded["results"] | graded["groups"]).items():
                for name, value in metrics.items():
                    metric, _, chosen = name.partition(",")
                    if chosen and not metric.endswith("_stderr") and isinstance(value, (int, float)):
                        error = metrics.get(f"{metric}_stderr,{chosen}")
                        spread = f" ± {error:.4f}" if isinstance(error, (int, float)) else ""
                        yield who, task, name, f"{value:.4f}{spread}"


def lm_eval_metrics_table(manifests: Iterable[RunManifest]) -> Table | None:
    """Return the figures as a table. None: there are none."""
    rows = list(lm_eval_metrics(manifests))
    if not rows:
        return None
    drawn = Table(
        title="lm-eval's own figures (not percent; ± its standard error)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for heading in ("model, load", "task", "metric, filter"):
        drawn.add_column(heading)
    drawn.add_column("value", justify="right")
    for row in rows:
        drawn.add_row(*(Text(formatting.strip_controls(cell)) for cell in row))
    return drawn
