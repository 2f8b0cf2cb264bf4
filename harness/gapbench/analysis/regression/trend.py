"""Quality, speed and cost of each model night by night, and the nights from which they changed.

A night is a complete run of one suite. Rows of :attr:`Trend.rows`, one for each night and model:

===================== ===================================================================================
``run``  ``started_at`` the run's id, and when it began
``model_id`` ``weights`` ``simulated``
``accuracy`` ``response_p50_s`` ``usd_per_task``  as in the summary and the cost table of that run
``accuracy_low`` ``accuracy_high``  95 % interval; likewise for the other two. Null: it is not known
``scored`` ``coverage``  requests behind the accuracy, and the share that got an answer
``level``             accuracy on the scale of items that the nights share, which the search for changes uses; equal to
                      ``accuracy`` if every night has the same scored items
``invalid``           why the times measure this client and not the server; such a night's time is not searched
``usable``            by metric, whether the search for changes uses the night
===================== ===================================================================================

How changes are found, and how often that is a false alarm: :mod:`gapbench.stats.change_points`. Accuracy is searched with
``mean`` over the paired levels, times and dollars with ``rank``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import ALL, CostTable, cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.night_scores import NightScores
from gapbench.analysis.regression.setup_changes import setup_changes
from gapbench.errors import ResultsError
from gapbench.stats.change_points import FALSE_ALARM, FIRST, HORIZON, Change, Method, find_changes
from gapbench.store import RunManifest, read_manifest
from gapbench.store.json_records import to_json_value

Metric = Literal["accuracy", "response_p50_s", "usd_per_task"]
METRICS: Mapping[Metric, Method] = {"accuracy": "mean", "response_p50_s": "rank", "usd_per_task": "rank"}
"""The figures that are followed, and how changes of each are found."""
LEAST_CHANGE = 0.01
"""Changes of times and dollars below this share of the figure are not shown, because they are too small to act on."""
NEARBY = 2
"""A recorded change of the setup may explain a change of a figure that begins at most this many nights apart."""


@dataclass(frozen=True, slots=True)
class Night:
    """A run of the trend.

    Attributes:
        run: Run id.
        started_at: When it began.
        baselines: Names under which it is kept as a baseline.
        changes: What differs from the setup of the night before: ``kind`` (``price``, ``model``, ``engine``, ``code``),
            ``what``, ``a`` and ``b``.
    """

    run: str
    started_at: str
    baselines: tuple[str, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TrendChange:
    """A change of one figure of one model.

    Attributes:
        model_id: The model.
        metric: See :data:`METRICS`.
        last_before: Run id of the last night before it.
        first_after: Run id of the first night after it.
        found: Run id of the night on which the search finds it.
        nights_to_find: Nights from the first after it to the one on which it is found, both included.
        before: The figure before it: mean of the nights, or median for times and dollars.
        after: The figure after it, up to the next change.
        low: Lower bound of the 95 % interval of after minus before. None for times and dollars.
        high: Upper bound.
        is_worse: Whether the figure got worse.
        is_new: Whether it is found on the last night: what a notification is about.
        causes: Recorded changes of the setup that may explain it, each with ``run`` and ``nights_apart`` (0: on the same
            night). Empty: nothing that is recorded changed nearby.
    """

    model_id: str
    metric: Metric
    last_before: str
    first_after: str
    found: str
    nights_to_find: int
    before: float
    after: float
    low: float | None
    high: float | None
    is_worse: bool
    is_new: bool
    causes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Trend:
    """The nights of a suite.

    Attributes:
        suite: Name of the suite.
        nights: Oldest first.
        rows: See the module's docstring.
        changes: Oldest first.
        warnings: One sentence for each caveat that readers need to know.
        simulated: Whether any row is simulated.
    """

    suite: str
    nights: tuple[Night, ...]
    rows: Sequence[Mapping[str, Any]]
    changes: tuple[TrendChange, ...]
    warnings: list[str] = field(default_factory=list)
    simulated: bool = False

    @property
    def models(self) -> list[str]:
        """Model ids, in the order in which they first appear."""
        return list(dict.fromkeys(str(row["model_id"]) for row in self.rows))

    @property
    def new_changes(self) -> tuple[TrendChange, ...]:
        """The changes that the last night brought to light."""
        return tuple(change for change in self.changes if change.is_new)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench trend --json``."""
        return {
            "schema": 1,
            "suite": self.suite,
            "nights": [_plain(night) for night in self.nights],
            "rows": [{name: to_json_value(value) for name, value in row.items()} for row in self.rows],
            "changes": [_plain(change) for change in self.changes],
            "search": {"false_alarm": FALSE_ALARM, "nights": HORIZON, "first_tested_night": FIRST},
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def trend(folders: Sequence[Path], baselines: Mapping[str, Sequence[str]] | None = None) -> Trend:
    """Return the nights of one suite with their changes.

    Args:
        folders: Run folders of one suite, oldest first; see :func:`select_nights`.
        baselines: Names of the baselines by run id.

    Raises:
        ResultsError: There is no run, or a folder is not one.
    """
    if not folders:
        raise ResultsError("a trend needs at least one complete run")
    nights: list[Night] = []
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    before: tuple[Runs, CostTable] | None = None
    for folder in folders:
        runs, unweighted = load_runs([folder]).without_weights("bench trend counts")
        table = cost(runs, bill(runs))
        manifest = runs.manifests[-1]
        changes = () if before is None else tuple(_changes_since(before, (runs, table)))
        run = str(manifest.run_id)
        nights.append(Night(run, str(manifest.started_at), tuple((baselines or {}).get(run, ())), changes))
        rows += _rows(runs, table)
        before = runs, table
        warnings += [line for line in unweighted if line not in warnings]
    scores = NightScores.read(folders)
    found: list[tuple[int, TrendChange]] = []
    for model_id in dict.fromkeys(row["model_id"] for row in rows):
        own = [row for row in rows if row["model_id"] == model_id]
        floors = _set_levels(own, scores, str(model_id), warnings)
        for metric, method in METRICS.items():
            for stretch, floor in _stretches(own, metric, floors):
                values = [row["level" if metric == "accuracy" else metric] for row in stretch]
                found += [
                    _describe(nights, stretch, metric, change)
                    for change in find_changes(values, method, floor)
                    if method == "mean" or abs(change.after - change.before) >= LEAST_CHANGE * change.before
                ]
    found.sort(key=lambda entry: entry[0])
    simulated = any(row["simulated"] for row in rows)
    suite = str(read_manifest(folders[-1]).suite)
    return Trend(suite, tuple(nights), rows, tuple(change for _, change in found), warnings, bool(simulated))


def select_nights(
    folders: Sequence[Path], last: int, suite: str | None = None
) -> tuple[list[Path], list[str]]:
    """Return the newest complete runs of a suite, oldest first and each once, and sentences about what was left out.

    Args:
        folders: Run folders; only ``run.json`` of each is read.
        last: How many to return at most.
        suite: Name of the suite. None: that of the newest complete run.

    Raises:
        ResultsError: There is no complete run of the suite.
    """
    manifests: list[tuple[Path, RunManifest]] = []
    notes: list[str] = []
    for folder in folders:
        try:
            manifests.append((folder, read_manifest(folder)))
        except ResultsError as exc:
            notes.append(f"left out: {exc}")
    manifests.sort(key=lambda entry: (str(entry[1].started_at), entry[0].name))
    finished = [entry for entry in manifests if entry[1].state == "complete"]
    # A run that was copied is one night.
    firsts: dict[str, Path] = {}
    for folder, manifest in finished:
        firsts.setdefault(str(manifest.run_id), folder)
    complete = [entry for entry in finished if firsts[str(entry[1].run_id)] is entry[0]]
    known = list(dict.fromkeys(str(manifest.suite) for _, manifest in complete))
    if not complete or (suite is not None and suite not in known):
        there = f"there are runs of: {', '.join(sorted(known))}" if known else "there is no complete run"
        raise ResultsError(f"no complete run of {'any suite' if suite is None else repr(suite)}; {there}")
    name = suite or str(complete[-1][1].suite)
    chosen = [(folder, manifest) for folder, manifest in complete if manifest.suite == name][-last:]
    since = str(chosen[0][1].started_at)
    notes += [
        f"left out: {folder.name}, a copy of {firsts[str(manifest.run_id)]}"
        for folder, manifest in finished
        if manifest.suite == name
        and str(manifest.started_at) >= since
        and firsts[str(manifest.run_id)] is not folder
    ]
    stopped = [
        f"{folder.name} ({manifest.state})"
        for folder, manifest in manifests
        if manifest.suite == name and manifest.state != "complete" and str(manifest.started_at) >= since
    ]
    if stopped:
        more = f" and {len(stopped) - 3} more" if len(stopped) > 3 else ""
        notes.append(f"left out, as not complete: {', '.join(stopped[:3])}{more}")
    others = [other for other in known if other != name]
    if suite is None and others:
        notes.append(f"shown: {name}; runs of other suites: {', '.join(others)} (choose with --suite)")
    return [folder for folder, _ in chosen], notes


def _plain(value: Any) -> dict[str, Any]:
    return {name: to_json_value(inner) for name, inner in dataclasses.asdict(value).items()}


def _changes_since(before: tuple[Runs, CostTable], now: tuple[Runs, CostTable]) -> list[dict[str, Any]]:
    """Return what changed in the setup, and prices that changed in the price book alone."""
    found = list(setup_changes(before[0], now[0]))
    stated = {change["what"] for change in found if change["kind"] == "price"}
    prices = [_prices(table) for _, table in (before, now)]
    for model_id, price in prices[1].items():
        old = prices[0].get(model_id)
        if old is not None and old != price and f"{model_id} cost" not in stated:
            found.append({"kind": "price", "what": f"{model_id} price", "a": old, "b": price})
    return found


def _prices(table: CostTable) -> dict[str, str]:
    """Return the unit prices of each model in words."""
    frame = table.frame[table.frame["price"].notna()]
    return dict(zip(map(str, frame["model_id"]), map(str, frame["price"]), strict=True))


def _rows(runs: Runs, table: CostTable) -> list[dict[str, Any]]:
    """Return the row of each model of a night."""
    manifest = runs.manifests[-1]
    costs = table.frame
    rows: list[dict[str, Any]] = []
    for found in summarize(runs, table, ("model",)).frame.to_dict(orient="records"):
        row = {str(name): to_json_value(value) for name, value in found.items()}
        own = costs[costs["model_id"] == row["model_id"]]
        whole = own[own["category"] == ALL] if (own["category"] == ALL).any() else own
        bounds = {
            f"usd_per_task_{end}": to_json_value(whole[f"usd_per_task_{end}"].iloc[0]) if len(whole) else None
            for end in ("low", "high")
        }
        rows.append(
            {
                "run": str(manifest.run_id),
                "started_at": str(manifest.started_at),
                "model_id": row["model_id"],
                "weights": row["weights"],
                "simulated": bool(row["simulated"]),
                **{name: row[name] for metric in ("accuracy", "response_p50_s") for name in (metric, f"{metric}_low", f"{metric}_high")},
                "usd_per_task": row["usd_per_task"],
                **bounds,
                "scored": row["scored"],
                "coverage": row["coverage"],
                "level": None,
                "invalid": row["invalid"],
            }
        )  # fmt: skip
    return rows


def _set_levels(
    rows: list[dict[str, Any]], scores: NightScores, model_id: str, warnings: list[str]
) -> dict[int, float]:
    """Set ``level`` and ``usable`` of a model's nights; return each night's stretch of comparable nights and its error.

    The returned mapping has, by the index of the first night of each stretch, the standard error of a night in it.
    """
    floors: dict[int, float] = {}
    for row in rows:
        row["usable"] = {
            "accuracy": False,
            "response_p50_s": row["response_p50_s"] is not None and row["invalid"] is None,
            "usd_per_task": row["usd_per_task"] is not None,
        }
    places = {row["run"]: number for number, row in enumerate(rows)}
    for number, stretch in enumerate(scores.stretches(model_id)):
        first = places[stretch.runs[0]]
        floors[first] = stretch.error
        if number:
            warnings.append(
                f"{model_id}: from {stretch.runs[0]} on most questions, or what they are judged by, are others; "
                "accuracy is not compared across that night"
            )
        for run, level in zip(stretch.runs, stretch.levels, strict=True):
            rows[places[run]]["level"] = float(level)
            rows[places[run]]["usable"]["accuracy"] = True
    return floors


def _stretches(
    rows: Sequence[dict[str, Any]], metric: Metric, floors: Mapping[int, float]
) -> list[tuple[list[dict[str, Any]], float]]:
    """Return the nights that are searched together, and the least standard error of a night."""
    if metric != "accuracy":
        usable = [row for row in rows if row["usable"][metric]]
        return [(usable, 0.0)] if usable else []
    starts = sorted(floors)
    if not starts:  # no night has a scored answer
        return []
    found = []
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        usable = [row for row in rows[start:end] if row["usable"][metric]]
        found.append((usable, floors[start]))
    return found


def _describe(
    nights: Sequence[Night],
    stretch: Sequence[Mapping[str, Any]],
    metric: Metric,
    change: Change,
) -> tuple[int, TrendChange]:
    """Return a change with the runs and causes it refers to, after the number of its night."""
    places = {night.run: number for number, night in enumerate(nights)}
    model_id = str(stretch[0]["model_id"])
    first = places[stretch[change.split]["run"]]
    found = places[stretch[change.found]["run"]]
    rises = change.after > change.before
    return first, TrendChange(
        model_id=model_id,
        metric=metric,
        last_before=stretch[change.split - 1]["run"],
        first_after=stretch[change.split]["run"],
        found=stretch[change.found]["run"],
        nights_to_find=found - first + 1,
        before=change.before,
        after=change.after,
        low=change.low,
        high=change.high,
        is_worse=not rises if metric == "accuracy" else rises,
        is_new=found == len(nights) - 1,
        causes=tuple(_causes(nights, model_id, metric, first, found)),
    )


def _causes(
    nights: Sequence[Night], model_id: str, metric: Metric, first: int, found: int
) -> list[dict[str, Any]]:
    """Return the recorded changes near the first night of a change, the nearest first."""
    causes = []
    for number, night in enumerate(nights[: found + 1]):
        if abs(number - first) > NEARBY:
            continue
        causes += [
            {**change, "run": night.run, "nights_apart": number - first}
            for change in night.changes
            if _concerns(change, model_id) and (change["kind"] != "price" or metric == "usd_per_task")
        ]
    return sorted(causes, key=lambda cause: abs(cause["nights_apart"]))


def _concerns(change: Mapping[str, Any], model_id: str) -> bool:
    """Return whether a change of the setup is about a model: its own, or one that all models share."""
    what = str(change["what"])
    shared = what in {"package", "gapbench"} or what.startswith("task ")
    return shared or what == model_id or what.startswith(f"{model_id} ")
