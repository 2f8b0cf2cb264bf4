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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.cost import ALL, CostTable, cost
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
from gapbench.analysis.performance.machine_clocks import ClockRefusals, clock_refusals, machine_notes
from gapbench.analysis.performance.prompt_lengths import prompt_length_notes
from gapbench.analysis.performance.replay_fidelity import replay_notes
from gapbench.analysis.performance.steady_state import steady_throughput
from gapbench.analysis.quality.cell_rows import OUTCOMES, CellSpan, sort_by_cell
from gapbench.analysis.quality.request_figures import (
    RequestRows,
    mean_by_request,
    mean_figures,
    quantile,
    quantile_figures,
    share_of_tokens,
)
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


_THREADS = 2


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


def summarize(
    runs: Runs | Folders, costs: CostTable | None = None, levels: Collection[str] = tuple(LEVELS)
) -> Summary:
    """Return the summary of runs.

    Args:
        runs: Run folders, or runs already loaded.
        costs: Result of :func:`cost`, if it was already computed.
        levels: Levels of aggregation that are wanted, of :data:`LEVELS`.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    table = cost(read_runs) if costs is None else costs
    done = _throughput(read_runs)
    refusals = clock_refusals(read_runs, done)
    cells = _cells(read_runs, refusals.without_windows(done))
    shown = (
        cells[(cells["load_kind"] != "search").to_numpy()] if read_runs.has_probes_beside_others else cells
    )
    planned = {
        (level, tuple(map(str, key))): part
        for level in LEVELS
        if level in levels
        for key, part in (cells if level == "cell" else shown).groupby(list(LEVELS[level]), sort=False)
    }
    of_model: dict[str, dict[tuple[str, tuple[str, ...]], pd.DataFrame]] = {}
    for key, part in planned.items():
        of_model.setdefault(key[1][0], {})[key] = part
    found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    # Sorting and summing release the interpreter lock. The rows of the next model are read only when they are needed.
    with ThreadPoolExecutor(_THREADS) as pool:
        for of_one in pool.map(
            lambda model_id: _rows_of_model(read_runs, table, model_id, of_model[model_id], refusals),
            of_model,
        ):
            found |= of_one
    rows = [found[key] for key in planned]
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


def _throughput(runs: Runs) -> pd.DataFrame:
    """Return the events in the steady window of each cell, read two models at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = list(
            pool.map(
                lambda model_id: steady_throughput(runs.model_frame(model_id), runs.attempts), runs.models
            )
        )
    return pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else parts[0]


def _rows_of_model(
    runs: Runs,
    table: CostTable,
    model_id: str,
    planned: Mapping[tuple[str, tuple[str, ...]], pd.DataFrame],
    refusals: ClockRefusals,
) -> dict[tuple[str, tuple[str, ...]], dict[str, Any]]:
    """Return the rows of a model by level and names.

    Args:
        runs: The runs.
        table: Their costs.
        model_id: The model.
        planned: The planned cells of each row.
        refusals: What the clocks of several machines do not allow to say.
    """
    whole = refusals.without_lateness(runs.model_frame(model_id))
    every = sort_by_cell(whole)
    others = every
    if runs.has_probes_beside_others:
        others = sort_by_cell(whole[(whole["load_kind"] != "search").to_numpy()])
    found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for level, names in planned:
        columns = list(LEVELS[level])
        rows = every if level == "cell" else others
        row = {"level": level, **_metrics(rows.of(names[1:]), rows.span(names[1:]), planned[level, names])}
        row.update(dict.fromkeys(("category", "task", "load")), **dict(zip(columns, names, strict=True)))
        row.update(_model_facts(runs, model_id), **_cost(table, row))
        found[level, names] = row
    return found


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


def _window(planned: pd.DataFrame) -> dict[str, Any]:
    """Return the throughput over the windows of some cells, and the reasons not to trust their times."""
    window_s = float(planned["window_s"].sum())
    row: dict[str, Any] = {"window_s": window_s or None}
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


def _metrics(replies: RequestRows, span: CellSpan, planned: pd.DataFrame) -> dict[str, Any]:
    measured = replies.where(replies["measured"])
    n = len(measured)
    counts = np.bincount(measured["outcome"], minlength=len(OUTCOMES)).tolist()
    outcomes = dict(zip(OUTCOMES, counts, strict=False))
    scored = measured.where(measured["scored"])
    scores, right = scored["score"], (scored["outcome"] == OUTCOMES.index("correct")).astype(np.float64)
    design, clusters = scored.design, scored["cluster"]
    gives_partial_credit = bool((scores != right).any())
    accuracy = mean_figures(scores, clusters, "accuracy", design)
    all_right = (
        mean_figures(right, clusters, "all_right", design)
        if gives_partial_credit
        else {name.replace("accuracy", "all_right"): value for name, value in accuracy.items()}
    )
    wall = planned["wall_s"].astype(float)
    wall_s = float(wall.sum()) if wall.notna().all() else None
    row: dict[str, Any] = {
        "planned": int(planned["planned"].sum()),
        "done": span.done,
        "n": n,
        "coverage": _coverage(measured, outcomes["infra"]) if n else None,
        "scored": len(scored),
        **accuracy,
        **all_right,
        "partial_credit": gives_partial_credit,
        **outcomes,
    }
    for name, times in (("ttft", replies), ("response", measured), ("complete_call", replies)):
        row.update(quantile_figures(times, name))
    row.update(
        answer_ttft_p50_s=quantile(replies, "answer_ttft_s", 0.5),
        queue_p95_s=quantile(replies, "queue_s", 0.95),
        answer_chars_per_s_p50=quantile(measured, "answer_chars_per_s", 0.5),
        rate_rps=n / wall_s if wall_s and n else None,
        retries=span.retries,
        replies=len(replies),
    )
    row.update(_window(planned))
    row["cached_share"] = share_of_tokens(replies, "cached_input_tokens", "input_tokens")
    for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
        row[name] = mean_by_request(replies, name)
    return row


def _coverage(measured: RequestRows, infra: int) -> float:
    """Return the share of measured requests, at least one, that did not end as ``infra``."""
    design = measured.design
    if design is None:
        return 1 - infra / len(measured)
    return design.mean(np.where(measured["outcome"] != OUTCOMES.index("infra"), 1.0, 0.0))


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
