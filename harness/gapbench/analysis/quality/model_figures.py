"""What the summary says of the attempts of each model, computed while its frame is in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.paid_attempts import PaidModels
from gapbench.analysis.frames import Runs, load_of_cell
from gapbench.analysis.performance.machine_clocks import ClockRefusals
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

_THREADS = 2
_OF_WINDOWS = (
    "window_s", "completed_rps", "input_tokens_per_s", "output_tokens_per_s", "invalid", "unplanned_cache",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ModelFigures:
    """The figures of one model.

    Attributes:
        windows: :func:`gapbench.analysis.performance.steady_state.steady_throughput` of its cells.
        rows: Columns of the summary by the names of a category, task and load; () is the whole model. Those that follow from
            the planned cells are None.
    """

    windows: pd.DataFrame
    rows: Mapping[tuple[str, ...], dict[str, Any]]


def read_figures(
    runs: Runs, depths: Collection[int], refusals: ClockRefusals | None = None, paid: PaidModels | None = None
) -> dict[str, ModelFigures]:
    """Return the figures of each model.

    Args:
        runs: The runs.
        depths: How many names the wanted rows have: 0 for the model, 3 for its cells.
        refusals: What the clocks of several machines do not allow to say.
        paid: What is computed of each frame besides, so that it is read once. None: nothing.
    """

    def of_model(model_id: str) -> ModelFigures:
        if paid is None:
            return _figures_of(runs, model_id, runs.model_frame(model_id), depths, refusals)
        frame = paid[model_id].frame()
        paid[model_id].read()
        return _figures_of(runs, model_id, frame, depths, refusals)

    _ = runs.applied_weights  # The threads share it.
    # Sorting and summing release the interpreter lock. The rows of the next model are read only when they are needed.
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(runs.models, pool.map(of_model, runs.models), strict=True))


def _figures_of(
    runs: Runs, model_id: str, frame: pd.DataFrame, depths: Collection[int], refusals: ClockRefusals | None
) -> ModelFigures:
    windows = steady_throughput(frame, runs.attempts)
    if refusals is not None:
        frame = refusals.without_lateness(frame)
    every = sort_by_cell(frame)
    others = every
    if runs.has_probes_beside_others:
        others = sort_by_cell(frame[(frame["load_kind"] != "search").to_numpy()])
    cells = [
        (cell.category, cell.task, load_of_cell(cell.cell_id))
        for _, cell in runs.cells
        if cell.model_id == model_id
    ]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for depth in depths:
        rows = every if depth == 3 else others
        for names in dict.fromkeys([cell[:depth] for cell in cells] if depth else [()]):
            found[names] = _metrics(rows.of(names), rows.span(names))
    return ModelFigures(windows, found)


def _metrics(replies: RequestRows, span: CellSpan) -> dict[str, Any]:
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
    row: dict[str, Any] = {
        "planned": None,
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
        rate_rps=None,
        retries=span.retries,
        replies=len(replies),
        **dict.fromkeys(_OF_WINDOWS),
        cached_share=share_of_tokens(replies, "cached_input_tokens", "input_tokens"),
    )
    for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
        row[name] = mean_by_request(replies, name)
    return row


def _coverage(measured: RequestRows, infra: int) -> float:
    """Return the share of measured requests, at least one, that did not end as ``infra``."""
    design = measured.design
    if design is None:
        return 1 - infra / len(measured)
    return design.mean(np.where(measured["outcome"] != OUTCOMES.index("infra"), 1.0, 0.0))
