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
``items_needed``      pairs that would resolve the observed gap at 80 % power; null where it is resolved
``selection_points``  what picking the best of several is estimated to have added to the gap
``ratio`` ``ratio_low`` ``ratio_high``  closed over open, for the two costs
``method``            what made the interval
``simulated``         whether either side is
===================== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.fairness import fairness
from harness.analysis.frames import Runs, read, records
from harness.analysis.pairs import Pairs, Side, pair, sides
from harness.analysis.pricing import Bill, bill
from harness.analysis.validity import mark_client_limits
from harness.stats import (
    Difference,
    compare_quotients,
    equivalent,
    holm,
    items_needed,
    paired_difference,
    quantile_difference,
    selection_bias,
    shifted,
)

OVERALL = "overall"
ALPHA = 0.05
FEWEST_FOR_P95 = 20
_TIMES = (
    ("response_p50_s", "response_s", 0.5, "s", "lower"),
    ("response_p95_s", "response_s", 0.95, "s", "lower"),
    ("answer_chars_per_s_p50", "answer_chars_per_s", 0.5, "chars/s", "higher"),
)
_SHAPE = ("category", "metric", "unit", "better")
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
    "selection_points",
    "ratio",
    "ratio_low",
    "ratio_high",
    "method",
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
    """

    frame: pd.DataFrame
    fairness: list[str]
    margin_points: float
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def headline(self) -> str:
        """Return the verdict on accuracy in one sentence."""
        rows = self.frame[self.frame["metric"] == "accuracy"]
        if rows.empty:
            return self.warnings[0] if self.warnings else "There is nothing to compare."
        row = (rows[rows["category"] == OVERALL] if (rows["category"] == OVERALL).any() else rows).iloc[0]
        if row["gap_points"] is None or pd.isna(row["gap_points"]):
            return f"{row['closed_model']} and {row['open_model']}: {row['verdict']}."
        return (
            f"{row['closed_model']} (closed) against {row['open_model']} (open): {row['verdict']}; "
            f"gap {row['gap_points']:+.1f} points, 95 % interval {row['ci_low']:+.1f} to {row['ci_high']:+.1f}, "
            f"over {row['n_pairs']} shared requests{_after_correction(row)}."
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
            "margin_points": self.margin_points,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def gap(
    runs: Runs | Sequence[Path],
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
    read_runs = read(runs)
    account = bill(read_runs) if billed is None else billed
    margin = float(read_runs.manifests[-1]["margin_points"]) if margin_points is None else margin_points
    models, categories = sides(read_runs, account.usd)
    closed = [name for name in read_runs.models if read_runs.model(name)["weights"] == "closed"]
    opened = [name for name in read_runs.models if read_runs.model(name)["weights"] == "open"]
    closed, opened = ([name for name in names if name in models] for names in (closed, opened))
    if not closed or not opened:
        lacks = "closed" if not closed else "open"
        said = f"no {lacks} model has a measured request here, so there is no gap; add one, or name two runs"
        return GapTable(pd.DataFrame(columns=list(COLUMNS)), [], margin, read_runs.simulated, [said])
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    named: dict[tuple[str, str], Pairs] = {}
    scopes: dict[str, int | None] = {name: categories.get(name) for name in read_runs.categories}
    scopes = {name: code for name, code in scopes.items() if code is not None}
    if len(scopes) > 1:
        scopes[OVERALL] = None
    for scope, code in scopes.items():
        chosen, bias = _chosen(models, closed, opened, code, scope, warnings, all_pairs=all_pairs)
        for one, other in chosen:
            if (one, other) not in named:
                named[one, other] = pair(models[one], models[other])
            shared = named[one, other].of(code)
            base = {
                "category": scope,
                "closed_model": one,
                "open_model": other,
                "simulated": any(bool(read_runs.model(name).get("simulated")) for name in (one, other)),
            }
            rows += [{**base, **found} for found in _measured(shared, margin, bias)]
    _correct(rows, margin)
    warnings += mark_client_limits(read_runs, rows, {name for name, *_ in _TIMES}, OVERALL)
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
        fairness(read_runs, named),
        margin,
        read_runs.simulated,
        [*warnings, *account.warnings],
    )


def _after_correction(row: pd.Series[Any]) -> str:
    """Return why an interval without zero does not make a verdict; "" where it does or holds zero."""
    outside = row["ci_low"] > 0 or row["ci_high"] < 0
    if row["verdict"] != "not distinguishable" or not outside:
        return ""
    return f" (p {row['p_value']:.2f} once corrected for the other rows of the table)"


def gap_json(runs: Runs | Sequence[Path], margin_points: float | None = None) -> dict[str, Any]:
    """Return :meth:`GapTable.to_json` of runs."""
    return gap(runs, margin_points).to_json()


def _chosen(
    models: Mapping[str, Side],
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
        scored = {name: _scored(models[name], code) for name in names}
        scored = {name: side for name, side in scored.items() if len(side.item)} or scored
        items = [side.item for side in scored.values()]
        shared = items[0]
        for more in items[1:]:
            shared = np.intersect1d(shared, more, assume_unique=True)
        common = len(shared) > 0
        if len(scored) > 1 and not common:
            warnings.append(
                f"{scope}: {', '.join(scored)} share no request; the best is picked on their own requests, uncorrected"
            )
        picked = {
            name: side.where(np.isin(side.item, shared)) if common else side for name, side in scored.items()
        }
        means = {
            name: float(side.columns["score"].mean()) if len(side.item) else -1.0
            for name, side in picked.items()
        }
        best.append(max(means, key=lambda name: means[name]))
        table = np.stack([side.columns["score"] for side in picked.values()], axis=1) if common else None
        clusters = next(iter(picked.values())).cluster
        biases.append(0.0 if table is None else selection_bias(table, clusters))
    return [(best[0], best[1])], biases[0] - biases[1]


def _scored(side: Side, code: int | None) -> Side:
    mask = ~np.isnan(side.columns["score"])
    return side.where(mask if code is None else mask & (side.category == code))


def _measured(shared: Pairs, margin: float, bias: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one pair in one scope, with raw p-values and no verdict on significance."""
    yield _accuracy(shared.both("score"), margin, bias)
    for metric, column, share, unit, better in _TIMES:
        known = shared.both(column)
        n = len(known.closed.item)
        row: dict[str, Any] = {"metric": metric, "unit": unit, "better": better, **_counts(known)}
        if n < (FEWEST_FOR_P95 if share > 0.9 else 2):
            row["verdict"] = f"too few pairs ({n})"
        else:
            first, second = known.closed.columns[column], known.open.columns[column]
            found = quantile_difference(first, second, known.closed.cluster, share)
            row.update(
                _difference(found, float(np.quantile(first, share)), float(np.quantile(second, share)))
            )
        yield row
    for metric, below in (("usd_per_task", None), ("usd_per_correct", "correct")):
        known = shared.both("usd")
        row = {"metric": metric, "unit": "usd", "better": "lower", **_counts(known)}
        if not len(known.closed.item):
            row["verdict"] = "unknown: no price"
        else:
            row.update(_quotients(known, below))
        yield row


def _counts(pairs: Pairs) -> dict[str, Any]:
    n = len(pairs.closed.item)
    return {
        "closed_n": n,
        "open_n": n,
        "n_pairs": n,
        "n_clusters": len(np.unique(pairs.closed.cluster)),
    }


def _accuracy(pairs: Pairs, margin: float, bias: float) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": "accuracy", "unit": "points", "better": "higher", **_counts(pairs)}
    if not row["n_pairs"]:
        return {**row, "verdict": "no shared scored requests"}
    first, second = pairs.closed.columns["score"], pairs.open.columns["score"]
    seen = paired_difference(first, second, pairs.closed.cluster)
    found = shifted(seen, -bias)
    row.update(_difference(found, float(first.mean()), float(second.mean())))
    row["gap_points"] = seen.estimate
    for name in ("gap_points", "ci_low", "ci_high"):
        row[name] *= 100
    if row["gap_percent_of_closed"] is not None:
        row["gap_percent_of_closed"] = row["gap_points"] / row["closed_value"]
    row["selection_points"] = bias * 100
    row["equivalent"] = equivalent(found, margin / 100)
    return row


def _difference(found: Difference, closed_value: float, open_value: float) -> dict[str, Any]:
    return {
        "closed_value": closed_value,
        "open_value": open_value,
        "gap_points": found.estimate,
        "gap_percent_of_closed": found.estimate / closed_value * 100 if closed_value else None,
        "ci_low": found.low,
        "ci_high": found.high,
        "p_value_raw": found.p_value,
        "seen": found,
        "method": found.method,
    }


def _quotients(pairs: Pairs, column: str | None) -> dict[str, Any]:
    ones = np.ones(len(pairs.closed.item))
    below = [side.columns[column] if column else ones for side in (pairs.closed, pairs.open)]
    found = compare_quotients(
        (pairs.closed.columns["usd"], below[0]), (pairs.open.columns["usd"], below[1]), pairs.closed.cluster
    )
    row: dict[str, Any] = {"closed_value": found.first, "open_value": found.second, "method": "bootstrap"}
    if found.first is None or found.second is None:
        return {**row, "verdict": "unknown: none correct"}
    change = found.first - found.second
    row.update(
        gap_points=change,
        gap_percent_of_closed=change / found.first * 100 if found.first else None,
        ci_low=found.low,
        ci_high=found.high,
        p_value_raw=found.p_value,
        ratio=found.ratio,
        ratio_low=found.ratio_low,
        ratio_high=found.ratio_high,
    )
    return row


def _correct(rows: list[dict[str, Any]], margin: float) -> None:
    """Correct the p-values over the table and put the verdicts in words."""
    for row, corrected in zip(rows, holm([row.get("p_value_raw") for row in rows]), strict=True):
        row["p_value"] = corrected
        if "verdict" in row:
            continue
        seen: Difference | None = row.pop("seen", None)
        if row.pop("equivalent", False):
            row["verdict"] = f"equivalent within {margin:g} points"
        elif corrected is None or corrected >= ALPHA:
            row["verdict"] = "not distinguishable"
            if seen is not None and corrected:
                # The level that this row has to reach in a table of as many rows.
                level = ALPHA * min(1.0, row["p_value_raw"] / corrected)
                row["items_needed"] = items_needed(
                    seen.estimate, seen.standard_error, seen.n_pairs, alpha=level
                )
        else:
            corrected_gap = row["gap_points"] - (row.get("selection_points") or 0.0)
            closed_ahead = (corrected_gap > 0) == (row["better"] == "higher")
            row["verdict"] = "closed ahead" if closed_ahead else "open ahead"
