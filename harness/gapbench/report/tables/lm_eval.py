"""The table of metrics that lm-eval computed itself over all replies, under its own names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gapbench.report.table import Column, Row, Table
from gapbench.store import RunManifest


def lm_eval_metrics(manifests: Iterable[RunManifest]) -> Iterator[dict[str, Any]]:
    """Yield lm-eval's metrics of runs, as ``run.json`` keeps them under ``graded``.

    Each has ``model`` (with load and pass), ``task`` (or group), ``metric`` (with its filter), ``value`` and ``stderr``
    (None: lm-eval gave no standard error).
    """
    for manifest in manifests:
        for graded in manifest.graded:
            again = f", pass {graded['pass'] + 1}" if graded["pass"] else ""
            model = f"{graded['model_id']}, {graded['load']}{again}"
            for task, metrics in (graded["results"] | graded["groups"]).items():
                yield from ({"model": model, "task": task} | metric for metric in _metrics(metrics))


def _metrics(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in metrics.items():
        metric, _, chosen = name.partition(",")
        if chosen and not metric.endswith("_stderr") and isinstance(value, (int, float)):
            error = metrics.get(f"{metric}_stderr,{chosen}")
            yield {
                "metric": name,
                "value": value,
                "stderr": error if isinstance(error, (int, float)) else None,
            }


def _value(row: Row) -> str:
    error = row["stderr"]
    return f"{row['value']:.4f}" + ("" if error is None else f" ± {error:.4f}")


COLUMNS = (
    Column("model", "model, load", lambda row: str(row["model"]), is_text=True),
    Column("task", "task", lambda row: str(row["task"]), is_text=True),
    Column("metric", "metric, filter", lambda row: str(row["metric"]), is_text=True),
    Column("value", "value", _value),
)


def lm_eval_table(manifests: Iterable[RunManifest]) -> Table | None:
    """Return lm-eval's metrics as a table. None: no task of the runs has any."""
    rows = list(lm_eval_metrics(manifests))
    if not rows:
        return None
    title = "lm-eval's own figures (not percent; ± its standard error)"
    return Table("lm-eval", title, COLUMNS, rows)
