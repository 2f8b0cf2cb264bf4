"""How big the gap between closed and open is, how sure that is, and whether the comparison is fair.

A gap is closed minus open, on the same requests with the same prompts. Columns of :attr:`GapTable.frame`:

===================== ===================================================================================
``category``          a category, or ``overall`` (every pair counts once)
``metric``            ``accuracy``, ``response_p50_s``, ``response_p95_s``, ``answer_chars_per_s_p50``,
                      ``usd_per_task``, ``usd_per_correct``
``unit`` ``better``   unit of values and gap; whether ``higher`` or ``lower`` is better
``closed_model`` ``closed_value`` ``closed_n``   value over the pairs; accuracy 0 to 1
``open_model`` ``open_value`` ``open_n``
``gap_points``        closed minus open: points of 100 for accuracy, else in ``unit``
``gap_percent_of_closed``  the same in percent of the closed value
``ci_low`` ``ci_high``     95 % interval of ``gap_points``, shifted by ``selection_points``
``p_value``           two-sided, Holm-corrected over the table; ``p_value_raw`` before
``verdict``           in words
``n_pairs`` ``n_clusters``
``items_needed``      pairs that would settle it at 80 % power: resolve the observed gap, or put it within the
                      margin, whichever takes fewer; null where it is settled
``repeats``           answers to one item on each side, on average
``repeat_noise_points``  standard deviation of the gap from one repetition of all items to the next
``repeat_variance_share``  share of the variance of ``gap_points`` that asking again would take away
``selection_points``  what picking the best of several is estimated to have added to the gap
``ratio`` ``ratio_low`` ``ratio_high``  closed over open, for the two costs
``method`` ``test``    what made the interval, and what the p-value
``simulated``         whether either side is
===================== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapbench import formatting
from gapbench.analysis.cost.attempt_costs import BILL_COLUMNS, Bill, bill
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.performance.client_limits import LIMIT_COLUMNS, mark_client_limits
from gapbench.analysis.quality.equal_quality import cheapest_equal_quality, lag_by_category
from gapbench.analysis.quality.fairness import FAIRNESS_COLUMNS, fairness_violations, request_conditions
from gapbench.analysis.quality.gap_metrics import (
    ALPHA,
    NOT_DISTINGUISHABLE,
    TIMES,
    describe_pairs_needed,
    metric_rows,
    remarks,
)
from gapbench.analysis.quality.model_pairs import (
    PAIR_COLUMNS,
    ModelPairs,
    ModelRequests,
    pair_requests,
    requests_by_model,
)
from gapbench.analysis.unscorable_answers import UNSCORABLE_COLUMNS, unscorable_warning
from gapbench.stats import Difference, holm, pairs_to_decide, selection_bias
from gapbench.store.json_records import records

OVERALL = formatting.OVERALL
_SHAPE = ("category", "metric", "unit", "better")
_NEEDED = {*BILL_COLUMNS, *PAIR_COLUMNS, *LIMIT_COLUMNS, *FAIRNESS_COLUMNS, *UNSCORABLE_COLUMNS}
COLUMNS = (
    *_SHAPE,
    "closed_model",
    "closed_value",
    "closed_n",
    "open_model",
    "open_value",
    "open_n",
    "gap_points",
    "gap_percent_of_closed",
    "ci_low",
    "ci_high",
    "p_value",
    "p_value_raw",
    "verdict",
    "n_pairs",
    "n_clusters",
    "items_needed",
    "repeats",
    "repeat_noise_points",
    "repeat_variance_share",
    "selection_points",
    "ratio",
    "ratio_low",
    "ratio_high",
    "method",
    "test",
    "simulated",
)


@dataclass(frozen=True)
class GapTable:
    """The open-versus-closed table.

    Attributes:
        frame: See the module's docstring.
        fairness: One sentence for each condition of a fair comparison that is broken; [] for none.
        margin_points: Gap that makes no difference, in points of accuracy.
        simulated: Whether any row is simulated.
        warnings: One sentence for each thing that a reader must know.
        conditions: What each compared model was asked under; see :func:`gapbench.analysis.quality.fairness.request_conditions`.
        matched: For each closed model the cheapest open one that is no worse; see
            :func:`gapbench.analysis.quality.equal_quality.cheapest_equal_quality`.
        lag: By category how long before, a closed model was as good; see :func:`gapbench.analysis.quality.equal_quality.lag_by_category`.
        unscorable_warning: Whose answers could mostly not be judged, and how to see why; "" for nobody's.
    """

    frame: pd.DataFrame
    fairness: list[str]
    margin_points: float
    simulated: bool
    warnings: list[str] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    matched: list[dict[str, Any]] = field(default_factory=list)
    lag: list[dict[str, Any]] = field(default_factory=list)
    unscorable_warning: str = ""

    def headline(self) -> str:
        """Return the verdict on accuracy in one sentence, and in a second whether most answers could not be judged."""
        said = self._verdict()
        return f"{said.removesuffix('.')}. {self.unscorable_warning}" if self.unscorable_warning else said

    def _verdict(self) -> str:
        rows = self.frame[self.frame["metric"] == "accuracy"]
        if rows.empty:
            return self.warnings[0] if self.warnings else "There is nothing to compare."
        row = (rows[rows["category"] == OVERALL] if (rows["category"] == OVERALL).any() else rows).iloc[0]
        if row["gap_points"] is None or pd.isna(row["gap_points"]):
            return f"{row['closed_model']} and {row['open_model']}: {row['verdict']}."
        values = {str(name): value for name, value in row.items()}
        more = "".join(f"; {said}" for said in remarks(values)) + (
            " to settle it" if describe_pairs_needed(values) else ""
        )
        return (
            f"{row['closed_model']} (closed) against {row['open_model']} (open): {row['verdict']}; "
            f"gap {row['gap_points']:+.1f} points, 95 % interval {row['ci_low']:+.1f} to {row['ci_high']:+.1f}, "
            f"over {row['n_pairs']} shared requests{more}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench gap --json``."""
        rows = []
        for record in records(self.frame):
            closed = {"model": record.pop("closed_model"), "value": record.pop("closed_value")}
            opened = {"model": record.pop("open_model"), "value": record.pop("open_value")}
            closed["n"], opened["n"] = record.pop("closed_n"), record.pop("open_n")
            first = {"category": record.pop("category"), "metric": record.pop("metric")}
            rows.append({**first, "closed": closed, "open": opened, **record})
        return {
            "schema": 1,
            "rows": rows,
            "fairness": self.fairness,
            "conditions": self.conditions,
            "matched": self.matched,
            "lag": self.lag,
            "margin_points": self.margin_points,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def gap(
    runs: Runs | Folders,
    margin_points: float | None = None,
    all_pairs: bool = False,
    billed: Bill | None = None,
) -> GapTable:
    """Return the gap between closed and open models.

    Args:
        runs: Run folders, or what was read from them.
        margin_points: Gap that makes no difference. None: the suite's, of the newest run.
        all_pairs: Every closed model against every open one, not the best against the best.
        billed: What :func:`bill` gave, when it is at hand.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs, columns=_NEEDED)
    account = bill(read_runs) if billed is None else billed
    margin = float(read_runs.manifests[-1].margin_points) if margin_points is None else margin_points
    models, categories = requests_by_model(read_runs, account.usd)
    closed = [name for name in read_runs.models if read_runs.model(name).weights == "closed"]
    opened = [name for name in read_runs.models if read_runs.model(name).weights == "open"]
    closed, opened = ([name for name in names if name in models] for names in (closed, opened))
    if not closed or not opened:
        lacks = "closed" if not closed else "open"
        said = f"no {lacks} model has a measured request here, so there is no gap; add one, or name two runs"
        empty = pd.DataFrame(columns=list(COLUMNS))
        return GapTable(
            empty, [], margin, read_runs.simulated, [said], unscorable_warning=unscorable_warning(read_runs)
        )
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    named: dict[tuple[str, str], ModelPairs] = {}
    scopes: dict[str, int | None] = {name: categories.get(name) for name in read_runs.categories}
    scopes = {name: code for name, code in scopes.items() if code is not None}
    if len(scopes) > 1:
        scopes[OVERALL] = None
    for scope, code in scopes.items():
        chosen, bias = _choose_pairs(models, closed, opened, code, scope, warnings, all_pairs=all_pairs)
        for one, other in chosen:
            if (one, other) not in named:
                named[one, other] = pair_requests(models[one], models[other])
            shared = named[one, other].in_category(code)
            base = {
                "category": scope,
                "closed_model": one,
                "open_model": other,
                "simulated": any(bool(read_runs.model(name).simulated) for name in (one, other)),
            }
            rows += [{**base, **found} for found in metric_rows(shared, margin, bias)]
    _correct_p_values(rows, margin)
    warnings += mark_client_limits(read_runs, rows, {name for name, *_ in TIMES}, OVERALL)
    if not all_pairs and (len(closed) > 1 or len(opened) > 1):
        most = max(abs(row.get("selection_points") or 0.0) for row in rows)
        warnings.append(
            f"the best of {len(closed)} closed and {len(opened)} open models is picked on the items it is judged by; "
            f"intervals and p-values of accuracy are corrected for that, by up to {most:.1f} points"
        )
    frame = pd.DataFrame([{name: row.get(name) for name in COLUMNS} for row in rows], columns=list(COLUMNS))
    counted = ["closed_n", "open_n", "n_pairs", "n_clusters", "items_needed"]
    frame[counted] = frame[counted].astype("Int64")
    return GapTable(
        frame,
        fairness_violations(read_runs, named),
        margin,
        read_runs.simulated,
        [*warnings, *account.warnings],
        request_conditions(read_runs, list(dict.fromkeys(name for names in named for name in names))),
        cheapest_equal_quality(models, closed, opened, margin),
        lag_by_category(read_runs, models, scopes, closed, opened),
        unscorable_warning(read_runs),
    )


def gap_json(runs: Runs | Folders, margin_points: float | None = None) -> dict[str, Any]:
    """Return :meth:`GapTable.to_json` of runs."""
    return gap(runs, margin_points).to_json()


def _choose_pairs(
    models: Mapping[str, ModelRequests],
    closed: list[str],
    opened: list[str],
    code: int | None,
    scope: str,
    warnings: list[str],
    *,
    all_pairs: bool,
) -> tuple[list[tuple[str, str]], float]:
    """Return the pairs to compare in a scope, and what picking them has added to the gap."""
    if all_pairs:
        return [(one, other) for one in closed for other in opened], 0.0
    best: list[str] = []
    biases: list[float] = []
    for names in (closed, opened):
        scored = {name: _scored_requests(models[name], code) for name in names}
        scored = {name: side for name, side in scored.items() if len(side.item)} or scored
        counts = np.bincount(np.concatenate([side.item for side in scored.values()]))
        shared = counts == len(scored)
        common = bool(shared.any())
        if len(scored) > 1 and not common:
            warnings.append(
                f"{scope}: {', '.join(scored)} share no request; the best is picked on their own requests, uncorrected"
            )
        picked = {name: side.filter(shared[side.item]) if common else side for name, side in scored.items()}
        means = {
            name: float(side.columns["score"].mean()) if len(side.item) else -1.0
            for name, side in picked.items()
        }
        best.append(max(means, key=lambda name: means[name]))
        table = np.stack([side.columns["score"] for side in picked.values()], axis=1) if common else None
        clusters = next(iter(picked.values())).cluster
        biases.append(0.0 if table is None else selection_bias(table, clusters))
    return [(best[0], best[1])], biases[0] - biases[1]


def _scored_requests(side: ModelRequests, code: int | None) -> ModelRequests:
    mask = ~np.isnan(side.columns["score"])
    return side.select("score").filter(mask if code is None else mask & (side.category == code))


def _correct_p_values(rows: list[dict[str, Any]], margin: float) -> None:
    """Correct the p-values over the table and put the verdicts in words."""
    for row, corrected in zip(rows, holm([row.get("p_value_raw") for row in rows]), strict=True):
        row["p_value"] = corrected
        if "verdict" in row:
            continue
        seen: Difference | None = row.pop("seen", None)
        if row.pop("equivalent", False):
            row["verdict"] = f"equivalent within {margin:g} points"
        elif corrected is None or corrected >= ALPHA:
            row["verdict"] = NOT_DISTINGUISHABLE
            if seen is not None and corrected:
                # The level that this row has to reach in a table of as many rows.
                level = ALPHA * min(1.0, row["p_value_raw"] / corrected)
                row["items_needed"] = pairs_to_decide(
                    seen, alpha=level, margin=margin / 100 if row["metric"] == "accuracy" else None
                )
        else:
            corrected_gap = row["gap_points"] - (row.get("selection_points") or 0.0)
            closed_ahead = (corrected_gap > 0) == (row["better"] == "higher")
            row["verdict"] = "closed ahead" if closed_ahead else "open ahead"
