"""One row for each run of a results folder: its state, what it cost, how well its models did, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gapbench.analysis.cost.cost import ALL, cost
from gapbench.analysis.cost.first_call_costs import first_calls_usd
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.summary import summarize
from gapbench.errors import InputError
from gapbench.store import RunManifest, read_manifest
from gapbench.store.json_records import records


@dataclass(frozen=True)
class ListedRun:
    """A run in the list.

    Attributes:
        folder: Its folder.
        state: As in ``run.json``, or ``damaged``.
        reason: Why it is not complete, or what is damaged. None: nothing to say.
        suite: Name of its suite. None: it is damaged.
        started_at: When it started, in UTC. None: it is damaged.
        models: Number of models.
        planned: Planned requests.
        usd: US dollars of all calls, judges and first calls, and of the GPU hours. None: no price is known.
        accuracy: Mean score by model id, 0 to 1, as in the summary; None where nothing was scored.
        seconds: Seconds in which requests were sent. None: unknown.
    """

    folder: Path
    state: str
    reason: str | None = None
    suite: str | None = None
    started_at: str | None = None
    models: int = 0
    planned: int = 0
    usd: float | None = None
    accuracy: dict[str, float | None] = field(default_factory=dict)
    seconds: float | None = None


def list_runs(folders: Sequence[Path], *, with_figures: bool = True) -> Iterator[ListedRun]:
    """Yield a row for each run, in the given order; a damaged run has a row too.

    Args:
        folders: The run folders.
        with_figures: Whether to read the rows for dollars and accuracy; a run takes a quarter of a second.
    """
    for folder in folders:
        try:
            manifest = read_manifest(folder)
            yield _row(folder, manifest, with_figures=with_figures)
        except InputError as exc:
            yield ListedRun(folder, "damaged", str(exc))


def _row(folder: Path, manifest: RunManifest, *, with_figures: bool) -> ListedRun:
    walls_s = [cell.wall_s for cell in manifest.cells if cell.wall_s is not None]
    usd, accuracy = _figures(folder, manifest) if with_figures else (None, {})
    return ListedRun(
        folder,
        manifest.state,
        manifest.reason,
        manifest.suite,
        manifest.started_at,
        len(manifest.models),
        sum(cell.planned for cell in manifest.cells),
        usd,
        accuracy,
        sum(walls_s) if walls_s else None,
    )


def _figures(folder: Path, manifest: RunManifest) -> tuple[float | None, dict[str, float | None]]:
    """Return the dollars and the accuracies of a run; none of them if it has no rows."""
    runs = load_runs([folder])
    if runs.tally.empty:
        return None, {}
    costs = cost(runs)
    by_model: dict[str, dict[str, float]] = {}
    for row in records(costs.frame):
        if row["usd_spent"] is not None:
            by_model.setdefault(str(row["model_id"]), {})[str(row["category"])] = row["usd_spent"]
    spent = [usd.get(ALL, sum(usd.values())) for usd in by_model.values()]
    first = first_calls_usd([manifest])
    rows: list[dict[str, Any]] = records(summarize(runs, costs, ("model",)).level("model"))
    accuracy = {str(row["model_id"]): row["accuracy"] for row in rows}
    return (None if first is None and not spent else sum(spent) + (first or 0.0)), accuracy
