"""The gap table: how large the gap between closed and open models is, how certain, and whether the comparison is fair.

A gap is the closed model's value minus the open one's, on the same requests with the same prompts. Columns of :attr:`GapTable.frame`:

===================== ===================================================================================
``category``          a category, or ``overall`` (every pair counts once)
``metric``            ``accuracy``, ``response_p50_s``, ``response_p95_s``, ``answer_chars_per_s_p50``,
                      ``usd_per_task``, ``usd_per_correct``
``unit`` ``better``   unit of values and gap; whether ``higher`` or ``lower`` is better
``closed_model`` ``closed_value`` ``closed_n``   value over the pairs; accuracy 0 to 1
``open_model`` ``open_value`` ``open_n``
``gap_points``        closed minus open: points of 100 for accuracy, less ``selection_points``; else in ``unit``
``gap_percent_of_closed``  the same in percent of the closed value
``ci_low`` ``ci_high``     interval of ``gap_points`` at ``confidence``
``p_value``           two-sided, Holm-corrected within ``family``; ``p_value_raw`` is uncorrected
``verdict``           in words, such as ``closed ahead`` or ``not distinguishable``; it follows from the interval
``n_pairs`` ``n_clusters``
``items_needed``      pairs that would settle the row at 80 % power: resolve the observed gap, or place it within
                      the margin, whichever takes fewer; null if the row is settled
``repeats``           mean number of answers to one item on each side
``repeat_noise_points``  standard deviation of the gap from one repetition of all items to the next
``repeat_variance_share``  share of the variance of ``gap_points`` that more repeats would remove
``noise_floor_points``  standard deviation of the gap from one whole run of the same items to the next
``icc``               share of the variance of one paired difference that lies between items
``repeats_needed``    repeats of each item that detect a gap of this size with 80 % power; null: no number does, or
                      there were no repeats to estimate it from
``episodes``          how many of ``n_pairs`` are episodes; accuracy only
``selection_points``  estimate of what choosing the best of several models added to the gap
``ratio`` ``ratio_low`` ``ratio_high``  closed over open, for the two costs
``method`` ``test``    how the interval and the p-value were computed
``load``              load of the requests, such as ``c8``; null if several loads are pooled (accuracy only)
``family``            rows that are corrected together: ``overall quality`` (the primary endpoint, alone),
                      ``quality by category``, ``speed``, ``cost``; and ``quality``, ``speed`` and ``cost`` ``of other
                      models``, which are not the best of their side
``confidence``        of the interval: 0.95, or more in a family, so that the family's verdicts are false in 5 %
``simulated``         whether either model is simulated
``rule``              the stopping rule that gave interval and verdict (``bench run --until-sure``); null: a fixed number of pairs
``standard_error``    of ``gap_points``, cluster-robust; null if unknown
``unpriced_share``    the two costs only: share of the pairs that both answered, by weight, in which a cost is not known
===================== ===================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from gapbench import formatting
from gapbench.analysis.caveats import Caveats, find_caveats
from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.notebook_html import table_html
from gapbench.analysis.performance.client_limits import CLIENT_LIMIT, limited_categories
from gapbench.analysis.performance.replay_fidelity import replay_notes
from gapbench.analysis.quality.answer import LoneFigures, answer_of, lone_figures
from gapbench.analysis.quality.applied_rule import applied_rule
from gapbench.analysis.quality.comparisons import (
    PlannedComparison,
    Sides,
    against_model,
    against_references,
    describe_selection,
    every_pair,
    name_winners,
)
from gapbench.analysis.quality.equal_quality import cheapest_equal_quality, lag_by_category
from gapbench.analysis.quality.fairness import request_conditions, violations_by_pair
from gapbench.analysis.quality.gap_metrics import TIMES, describe_pairs_needed, metric_rows, remarks
from gapbench.analysis.quality.gap_row import COLUMNS, OF_OTHERS, PLAIN_CONFIDENCE, Comparison, GapRow, decide
from gapbench.analysis.quality.ladders import Ladder, summarize_ladders
from gapbench.analysis.quality.looks import ADVICE, ADVICE_WITH_WEIGHTS, apply_stopping_rule, looks_notes
from gapbench.analysis.quality.model_pairs import ModelPairs, Pair, pair_requests
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.quality.reference_models import choose_reference
from gapbench.analysis.quality.request_reader import RequestsByModel
from gapbench.analysis.unscorable_answers import unscorable_warning
from gapbench.analysis.weighting import AppliedWeights
from gapbench.store.json_records import records

OVERALL = formatting.OVERALL
_SHOWN = (
    "category", "metric", "closed_model", "closed_value", "open_model", "open_value", "gap_points", "ci_low", "ci_high", "verdict",
    "n_pairs",
)  # fmt: skip
"""Columns that a notebook shows."""
_THREADS = 2
_COUNTS = ["closed_n", "open_n", "n_pairs", "n_clusters", "items_needed", "repeats_needed", "episodes"]


@dataclass(frozen=True, repr=False)
class GapTable:
    """The open-versus-closed table.

    Attributes:
        frame: See the module's docstring.
        fairness: One sentence for each violated condition of a fair comparison; [] if none is violated.
        margin_points: Gap that makes no difference, in points of accuracy.
        simulated: Whether any row is simulated.
        warnings: One sentence for each caveat that readers need to know.
        conditions: Under what conditions each compared model was asked; see :func:`gapbench.analysis.quality.fairness.request_conditions`.
        matched: For each closed model, the cheapest open model that is no worse; see
            :func:`gapbench.analysis.quality.equal_quality.cheapest_equal_quality`.
        lag: For each category, how much earlier a closed model was as good; see
            :func:`gapbench.analysis.quality.equal_quality.lag_by_category`.
        unscorable_warning: Sentence on the model whose answers mostly could not be scored; "" if there is none.
        look_notes: Those of ``warnings`` that are about the stopping rule, or about looks without one.
        against: The model that every other one was compared with. None: the best of each side.
        unequal: The sentences of ``fairness`` by (closed model, open model).
        is_every_pair: Whether every closed model was compared with every open one.
        caveats: What limits the answer of these runs, counted.
        alone: The best model of the only side that has any. None: both sides have one, or neither.
        ladders: The gap in rungs on each ladder.
        weights: What the figures count.
        selection_note: How the choice of the best models changed the gaps of accuracy, as a sentence; "" if it did not.
        limited: The (model, category, load) whose times are invalid because this client was the limit.
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
    look_notes: list[str] = field(default_factory=list)
    against: str | None = None
    caveats: Caveats = field(default_factory=Caveats)
    alone: LoneFigures | None = None
    unequal: Mapping[Pair, list[str]] = field(default_factory=dict)
    is_every_pair: bool = False
    ladders: list[Ladder] = field(default_factory=list)
    weights: AppliedWeights = field(default_factory=AppliedWeights)
    selection_note: str = ""
    limited: Collection[tuple[str, str, str]] = frozenset()

    @property
    def has_answer(self) -> bool:
        """Whether the table compares the best of each side, so that it has the answer of the runs."""
        return self.against is None and not self.is_every_pair

    def main_rows(self) -> pd.DataFrame:
        """Return the rows of the headline's comparison: the best model of each side, in every category."""
        return self.frame[~self.frame["family"].astype(str).str.endswith(OF_OTHERS)]

    def __repr__(self) -> str:
        return f"<gapbench.GapTable: {len(self.frame)} rows; {self.headline()}>"

    def _repr_html_(self) -> str:
        lines = [*self.fairness, *self.warnings]
        return table_html(self.headline(), self.frame, _SHOWN, lines, simulated=self.simulated)

    def headline(self) -> str:
        """Return the verdict on accuracy as a sentence, followed by ``unscorable_warning`` if there is one."""
        verdict = self._accuracy_verdict()
        return (
            f"{verdict.removesuffix('.')}. {self.unscorable_warning}" if self.unscorable_warning else verdict
        )

    def _accuracy_verdict(self) -> str:
        rows = self.frame[self.frame["metric"] == "accuracy"]
        if rows.empty:
            return self.warnings[0] if self.warnings else "There is nothing to compare."
        row = (rows[rows["category"] == OVERALL] if (rows["category"] == OVERALL).any() else rows).iloc[0]
        if (row["gap_points"] is None or pd.isna(row["gap_points"])) and self.ladders:
            return self._rung_verdict(self.ladders[0])
        if row["gap_points"] is None or pd.isna(row["gap_points"]):
            return f"{row['closed_model']} and {row['open_model']}: {row['verdict']}."
        values = {str(name): value for name, value in row.items()}
        more = "".join(f"; {note}" for note in remarks(values)) + (
            f" to settle it: {ADVICE_WITH_WEIGHTS if self.weights.has_design else ADVICE}"
            if describe_pairs_needed(values)
            else ""
        )
        # With every pair of models there are several rows of overall quality.
        is_corrected = pd.notna(row["confidence"]) and float(row["confidence"]) > PLAIN_CONFIDENCE
        interval = "corrected 95 % interval" if is_corrected else "95 % interval"
        return (
            f"{row['closed_model']} (closed) against {row['open_model']} (open): {row['verdict']}; "
            f"gap {formatting.format_gap('points', row['gap_points'])} points, "
            f"{interval} {formatting.format_interval('points', row['ci_low'], row['ci_high'])}, "
            f"over {row['n_pairs']} shared requests{more}."
        )

    def _rung_verdict(self, ladder: Ladder) -> str:
        found = ladder.main_gap
        if found is None:
            return f"{ladder.task}: a side is missing, so there is no gap in rungs."
        return f"{found.closed} (closed) against {found.open} (open) on {ladder.task}: {found.verdict}; gap {found.gap.rungs:+.1f} rungs."

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
            "answer": answer_of(self).to_json() if self.has_answer else None,
            "rows": rows,
            "fairness": self.fairness,
            "conditions": self.conditions,
            "ladders": [ladder.to_json() for ladder in self.ladders],
            "matched": self.matched,
            "lag": self.lag,
            "margin_points": self.margin_points,
            "weights": self.weights.name,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def gap(
    runs: Runs | Folders,
    margin_points: float | None = None,
    all_pairs: bool = False,
    billed: Bill | None = None,
    *,
    against: str | None = None,
) -> GapTable:
    """Return the gap between closed and open models.

    The best closed model is compared with the best open one in every category. Every other model has rows over all requests,
    against the best model of the other side.

    Args:
        runs: Run folders, or runs already loaded.
        margin_points: Gap that makes no difference, in points of accuracy. None: the margin of the newest run's suite.
        all_pairs: Compare every closed model with every open one, in every category.
        billed: Result of :func:`bill`, if it was already computed.
        against: Compare every other model, of either side, with this one, in every category. The verdict on two models of
            one side names the model that is ahead.

    Raises:
        ResultsError: A folder is not a run, or ``against`` is no model with a measured request.
    """
    read_runs = load_runs(runs)
    account = bill(read_runs) if billed is None else billed
    margin = float(read_runs.manifests[-1].margin_points) if margin_points is None else margin_points
    requests = RequestsByModel(read_runs, account)
    sides = Sides(requests, *(_models_with_weights(read_runs, requests, kind) for kind in ("closed", "open")))
    if against is None and (not sides.closed or not sides.open):
        return _empty_table(read_runs, margin, sides, account)
    scopes = _scopes(read_runs, requests.categories)
    rule, notes = applied_rule(read_runs)
    if rule is not None and read_runs.applied_weights.has_design:
        notes = [rule.without_weights]
        rule = None
    # Sorting and summing release the interpreter lock.
    with ThreadPoolExecutor(_THREADS) as pool:
        choice_warnings: list[str] = []
        if against is not None:
            comparisons = against_model(sides, scopes, against)
        elif all_pairs:
            comparisons = every_pair(sides, scopes)
        else:
            comparisons, choice_warnings = against_references(sides, scopes, pool)
        compared = _compare_models(read_runs, sides, scopes, comparisons, pool)
        matched = cheapest_equal_quality(
            requests, sides.closed, sides.open, margin, rule, compared.pairs, pool
        )
    rows = compared.rows
    if rule is None:
        notes += looks_notes(read_runs)
    else:
        rows, note = apply_stopping_rule(rule, rows, compared.pairs, margin)
        notes.append(note)
    limited, limit_warnings = limited_categories(read_runs, OVERALL)
    rows = _mark_client_limits(rows, limited)
    rows = name_winners(decide(rows, margin), sides)
    selection_note = "" if all_pairs or against is not None else describe_selection(sides, rows)
    warnings = [*notes, *choice_warnings, *_load_warnings(rows), *limit_warnings, *replay_notes(read_runs)]
    if selection_note:
        warnings.append(selection_note)
    unequal = violations_by_pair(read_runs, compared.pairs, margin)
    return GapTable(
        frame=_frame_of(rows),
        fairness=list(dict.fromkeys(line for lines in unequal.values() for line in lines)),
        unequal=unequal,
        margin_points=margin,
        simulated=read_runs.simulated,
        warnings=[*warnings, *account.warnings],
        conditions=request_conditions(
            read_runs,
            {name: requests.prompt_fingerprints[name] for names in compared.pairs for name in names},
        ),
        matched=matched,
        lag=lag_by_category(read_runs, requests, scopes, sides.closed, sides.open),
        unscorable_warning=unscorable_warning(read_runs),
        look_notes=notes,
        against=against,
        is_every_pair=all_pairs and against is None,
        caveats=find_caveats(read_runs, account),
        ladders=summarize_ladders(read_runs),
        weights=read_runs.applied_weights,
        selection_note=selection_note,
        limited=limited,
    )


@dataclass(frozen=True)
class _Compared:
    """All comparisons: rows without verdicts, and pairs by (closed model, open model)."""

    rows: list[GapRow]
    pairs: dict[Pair, ModelPairs]


def _models_with_weights(runs: Runs, requests: Mapping[str, ModelRequests], weights: str) -> list[str]:
    return [name for name in runs.models if name in requests and runs.model(name).weights == weights]


def _empty_table(runs: Runs, margin: float, sides: Sides, account: Bill) -> GapTable:
    present, missing = ("closed", "open") if sides.closed else ("open", "closed")
    names = sides.closed or sides.open
    warning = f"no {missing} model has a measured request here, so there is no gap; add one, or name two runs"
    alone = None
    if names:
        best = choose_reference(sides.requests, names).model
        alone = lone_figures(best, present, sides.requests[best])
    return GapTable(
        _frame_of([]),
        [],
        margin,
        runs.simulated,
        [warning],
        unscorable_warning=unscorable_warning(runs),
        caveats=find_caveats(runs, account),
        alone=alone,
        ladders=summarize_ladders(runs),
        weights=runs.applied_weights,
    )


def _frame_of(rows: Sequence[GapRow]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [{name: getattr(row, name) for name in COLUMNS} for row in rows], columns=list(COLUMNS)
    )
    if rows:
        frame[_COUNTS] = frame[_COUNTS].astype("Int64")
    return frame


def _scopes(runs: Runs, categories: Mapping[str, int]) -> dict[str, int | None]:
    """Return the code of each category with requests, and None for ``overall`` if there are several."""
    scopes: dict[str, int | None] = {name: categories[name] for name in runs.categories if name in categories}
    return {**scopes, OVERALL: None} if len(scopes) > 1 else scopes


def _compare_models(
    runs: Runs,
    sides: Sides,
    scopes: Mapping[str, int | None],
    comparisons: Sequence[PlannedComparison],
    pool: Executor,
) -> _Compared:
    requests = sides.requests
    names = list(dict.fromkeys(one.pair for one in comparisons))
    paired = pool.map(lambda pair: pair_requests(requests[pair[0]], requests[pair[1]]), names)
    pairs = dict(zip(names, paired, strict=True))

    def compare(one: PlannedComparison) -> list[GapRow]:
        simulated = any(runs.model(name).simulated for name in one.pair)
        comparison = Comparison(one.scope, *one.pair, simulated, one.is_main)
        return list(metric_rows(comparison, pairs[one.pair].in_category(scopes[one.scope]), one.bias))

    return _Compared([row for rows in pool.map(compare, comparisons) for row in rows], pairs)


def _mark_client_limits(rows: Sequence[GapRow], limited: Collection[tuple[str, str, str]]) -> list[GapRow]:
    """Give a verdict to the times that the client's own delays invalidate; more pairs would not help there."""
    times = {name for name, *_ in TIMES}

    def is_limited(row: GapRow) -> bool:
        models = (row.closed_model, row.open_model)
        return row.metric in times and any((model, row.category, row.load) in limited for model in models)

    return [replace(row, verdict=CLIENT_LIMIT) if is_limited(row) else row for row in rows]


def _load_warnings(rows: Sequence[GapRow]) -> list[str]:
    loads = list(dict.fromkeys(row.load for row in rows if row.load is not None))
    if len(loads) < 2:
        return []
    listed = ", ".join(loads)
    return [
        f"{len(loads)} loads ({listed}): accuracy is pooled over them; times and dollars have a row for each load"
    ]
