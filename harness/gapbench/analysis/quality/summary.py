"""The summary: scores with their intervals, coverage, outcomes, times, tokens and cost of each model.

Where items have weights (:attr:`Summary.weights`), shares, means and quantiles are those of the traffic; counts, ``rate_rps``
and what is computed over the window are those of the run.

Columns of :attr:`Summary.frame`. ``level`` is the level of aggregation; NaN or null means unknown:

===================== ===================================================================================
``level``             ``cell`` (model, task, load), ``task``, ``category`` or ``model`` (pooled over loads; the probes
                      of a load search are left out unless there is nothing else)
``model_id`` ``weights`` ``simulated`` ``category`` ``task`` ``load``
``planned`` ``done``  planned requests, and those with a final attempt; both include warm-up
``n``                 measured requests
``coverage``          share of ``n`` that is not ``infra``
``scored``            requests that ``accuracy`` is computed from
``accuracy``          mean score, 0 to 1, partial credit included, with ``accuracy_low`` and ``accuracy_high`` (95 %,
                      clustered Wilson); the gap compares it
``all_right``         share of ``scored`` with outcome ``correct``, with ``all_right_low`` and ``all_right_high``, by the
                      same function; dollars per correct answer count these. Without partial credit it equals ``accuracy``
``partial_credit``    whether a score differs from 1 for ``correct`` and 0 for every other outcome
``correct`` ``wrong`` ``unparsed`` ``truncated`` ``refused`` ``infra`` ``unscored``  counts of ``n``
``ttft_p50_s`` ``ttft_p95_s`` ``response_p50_s`` ``response_p95_s``  with ``_low``, ``_high`` (order statistics)
``complete_call_p50_s`` ``complete_call_p95_s``  from sending to the last byte of the first tool call, likewise
``answer_ttft_p50_s`` ``queue_p95_s`` ``answer_chars_per_s_p50``
``rate_rps``          measured requests over the cells' wall time
``window_s``          seconds of steady window (:mod:`gapbench.analysis.performance.steady_state`) that the next three
                      are computed over
``completed_rps`` ``input_tokens_per_s`` ``output_tokens_per_s``  events in the window per second of the window
``cached_share``      share of input tokens served from a cache, over answers that report it
``invalid``           why the times measure this client and not the server
                      (:mod:`gapbench.analysis.performance.client_limits`); null if they are valid
``unplanned_cache``   cache hits on prompts that were salted to miss the cache; null if there were none
``retries``           measured attempts that failed and were made again
``replies``           measured requests, each of an episode's replies counted. Times to first token, to the first call,
                      queue and cached share are of replies; the response time of an episode is that of the whole
``input_tokens`` ``output_tokens`` ``reasoning_tokens``  means over requests that reported them, of an episode all
                      replies together
``usd_per_task`` ``usd_per_correct``  see :mod:`gapbench.analysis.cost.cost`; models and categories only
===================== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.cost import ALL, CostTable, cost
from gapbench.analysis.cost.paid_attempts import PaidModels
from gapbench.analysis.frames import (
    Folders,
    Runs,
    load_of_cell,
    load_runs,
    without_search_probes,
)
from gapbench.analysis.notebook_html import table_html
from gapbench.analysis.performance.client_limits import (
    CLIENT_LIMIT_TEXT,
    client_limits,
    summarize_cells,
    unexpected_cache_hits,
)
from gapbench.analysis.performance.machine_clocks import clock_refusals, machine_notes
from gapbench.analysis.performance.prompt_lengths import prompt_length_notes
from gapbench.analysis.performance.replay_fidelity import replay_notes
from gapbench.analysis.quality.model_figures import ModelFigures, read_figures
from gapbench.analysis.weighting import AppliedWeights
from gapbench.formatting import count_of
from gapbench.store.json_records import records

_SHOWN = (
    "model_id", "weights", "n", "coverage", "accuracy", "accuracy_low", "accuracy_high", "all_right", "ttft_p50_s",
    "response_p50_s", "response_p95_s", "usd_per_task", "usd_per_correct", "invalid",
)  # fmt: skip
"""Columns that a notebook shows."""
LEVELS: Mapping[str, tuple[str, ...]] = {
    "model": ("model_id",),
    "category": ("model_id", "category"),
    "task": ("model_id", "category", "task"),
    "cell": ("model_id", "category", "task", "load"),
}


@dataclass(frozen=True, repr=False)
class Summary:
    """One row for each cell, task, category and model.

    Attributes:
        frame: See the module's docstring.
        simulated: Whether any row is simulated.
        warnings: One sentence for each caveat that readers need to know.
        weights: What the figures count.
    """

    frame: pd.DataFrame
    simulated: bool
    warnings: list[str] = field(default_factory=list)
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    def __repr__(self) -> str:
        models = len(self.level("model"))
        return f"<gapbench.Summary: {len(self.frame)} rows of {count_of(models, 'model')}>"

    def _repr_html_(self) -> str:
        return table_html("Models", self.level("model"), _SHOWN, self.warnings, simulated=self.simulated)

    def level(self, level: str) -> pd.DataFrame:
        """Return the rows of one level."""
        return self.frame[self.frame["level"] == level].reset_index(drop=True)

    def to_json(self) -> dict[str, Any]:
        """Return the shape of ``bench report --json``."""
        return {
            "schema": 1,
            "rows": records(self.frame),
            "weights": self.weights.name,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def summary_figures(runs: Runs, levels: Collection[str], paid: PaidModels) -> dict[str, ModelFigures]:
    """Return the figures of each model that :func:`summarize` needs, and read what the cost table needs of the same rows.

    Args:
        runs: The runs.
        levels: Levels of aggregation, of :data:`LEVELS`.
        paid: The attempts that the cost table reads.
    """
    return read_figures(runs, [len(LEVELS[level]) - 1 for level in levels], paid=paid)


def summarize(
    runs: Runs | Folders,
    costs: CostTable | None = None,
    levels: Collection[str] = tuple(LEVELS),
    figures: Mapping[str, ModelFigures] | None = None,
) -> Summary:
    """Return the summary of runs.

    Args:
        runs: Run folders, or runs already loaded.
        costs: Result of :func:`cost`, if it was already computed.
        levels: Levels of aggregation that are wanted, of :data:`LEVELS`.
        figures: :func:`summary_figures` of these levels, if they were already computed.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    depths = [len(LEVELS[level]) - 1 for level in levels]
    found = read_figures(read_runs, depths) if figures is None else figures
    table = cost(read_runs) if costs is None else costs
    windows = [of_model.windows for of_model in found.values() if len(of_model.windows)]
    done = pd.concat(windows or [of_model.windows for of_model in found.values()][:1])
    refusals = clock_refusals(read_runs, done)
    if refusals.lateness:
        found = read_figures(read_runs, depths, refusals)
    cells = _cells(read_runs, refusals.without_windows(done))
    shown = (
        cells[(cells["load_kind"] != "search").to_numpy()] if read_runs.has_probes_beside_others else cells
    )
    rows: list[dict[str, Any]] = []
    for level, columns in LEVELS.items():
        if level not in levels:
            continue
        groups = [*(cells if level == "cell" else shown).groupby(list(columns), sort=False)]
        if cells.empty and level == "model":
            # A suite that only searches for a rate has no cells before its first probe.
            groups = [((model_id,), cells) for model_id in read_runs.models]
        for key, planned in groups:
            names = tuple(map(str, key))
            row = {"level": level, **found[names[0]].rows[names[1:]], **_planned(planned)}
            wall_s = row.pop("wall_s")
            row["rate_rps"] = row["n"] / wall_s if wall_s and row["n"] else None
            row.update(dict.fromkeys(("category", "task", "load")), **dict(zip(columns, names, strict=True)))
            row.update(_model_facts(read_runs, names[0]), **_cost(table, row))
            rows.append(row)
    head = ["level", "model_id", "weights", "simulated", "category", "task", "load"]
    summary = pd.DataFrame(rows)
    summary = summary[[*head, *(name for name in summary.columns if name not in head)]]
    return Summary(
        summary,
        read_runs.simulated,
        [
            *_warnings(read_runs, cells),
            *machine_notes(read_runs, refusals),
            *replay_notes(read_runs),
            *prompt_length_notes(read_runs),
            *table.warnings,
        ],
        read_runs.applied_weights,
    )


def _cells(runs: Runs, throughput: pd.DataFrame) -> pd.DataFrame:
    """Return the planned cells with their steady-state counts; cells that never started have a row too."""
    limits, hits = client_limits(runs), unexpected_cache_hits(runs)
    done: dict[Any, Any] = throughput.to_dict("index")
    nothing: dict[str, Any] = {"window_s": 0.0, "completed": 0, "input_tokens": 0.0, "output_tokens": 0.0}
    rows = []
    for run_id, cell in runs.cells:
        key = (run_id, cell.cell_id)
        rows.append(
            {
                "run_id": key[0],
                "cell_id": key[1],
                "model_id": cell.model_id,
                "category": cell.category,
                "task": cell.task,
                "load": load_of_cell(key[1]),
                "load_kind": cell.load_kind,
                "planned": cell.planned,
                "wall_s": cell.wall_s,
                **done.get(key, nothing),
                "invalid": limits.get(key),
                "unplanned_cache": hits.get(key),
            }
        )
    columns = [
        "run_id",
        "cell_id",
        "model_id",
        "category",
        "task",
        "load",
        "load_kind",
        "planned",
        "wall_s",
        *nothing,
    ]
    return pd.DataFrame(rows, columns=[*columns, "invalid", "unplanned_cache"])


def _planned(planned: pd.DataFrame) -> dict[str, Any]:
    """Return the planned requests of some cells, their throughput, and the reasons not to trust their times."""
    window_s, wall = float(planned["window_s"].sum()), planned["wall_s"].astype(float)
    row: dict[str, Any] = {
        "planned": int(planned["planned"].sum()),
        "wall_s": float(wall.sum()) if wall.notna().all() else None,
        "window_s": window_s or None,
    }
    names = ("completed_rps", "input_tokens_per_s", "output_tokens_per_s")
    for name, column in zip(names, ("completed", "input_tokens", "output_tokens"), strict=True):
        # A plain sum, so that one unknown count makes the total unknown.
        row[name] = float(planned[column].to_numpy(np.float64).sum()) / window_s if window_s else None
    for name in ("invalid", "unplanned_cache"):
        flagged = planned[planned[name].notna()]
        row[name] = None
        if len(planned) == 1 and len(flagged):
            row[name] = str(flagged[name].iloc[0])
        elif len(flagged):
            row[name] = "; ".join(
                f"{cell['load']}: {cell[name]}" for cell in flagged.drop_duplicates("load").to_dict("records")
            )
    return row


def _model_facts(runs: Runs, model_id: str) -> dict[str, Any]:
    model = runs.model(model_id)
    return {"weights": model.weights, "simulated": model.simulated}


def _cost(table: CostTable, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cost of a model or category row; the cost table has no rows for tasks and cells."""
    nothing = {"usd_per_task": None, "usd_per_correct": None}
    if row["level"] not in {"model", "category"}:
        return nothing
    frame = table.frame
    model_rows = frame[frame["model_id"] == row["model_id"]]
    category = row["category"] or (ALL if (model_rows["category"] == ALL).any() else None)
    found = model_rows if category is None else model_rows[model_rows["category"] == category]
    return {key: found[key].iloc[0] for key in nothing} if len(found) else nothing


def _warnings(runs: Runs, cells: pd.DataFrame) -> list[str]:
    warnings: list[str] = []
    for manifest in runs.manifests:
        if manifest.state != "complete":
            why = manifest.reason or manifest.state
            warnings.append(
                f"{manifest.run_id} is not complete ({why}); the results cover only what was done"
            )
        warnings += [f"{failure.model_id} failed: {failure.message}" for failure in manifest.failures]
    marked = without_search_probes(cells)
    for name, words in (("invalid", CLIENT_LIMIT_TEXT), ("unplanned_cache", "unplanned cache hits")):
        found = marked[marked[name].notna()]
        keys = zip(found["run_id"], found["cell_id"], strict=True)
        warnings += summarize_cells(runs, dict(zip(keys, found[name], strict=True)), words)
    loads = list(marked["load"].unique())
    if len(loads) > 1:
        warnings.append(f"{len(loads)} loads ({', '.join(loads)}): times over several loads are pooled")
    return warnings
