"""A new run against a baseline: paired differences of the same requests, and what is a regression.

A rule such as ``accuracy<-2pp`` names a metric, a direction, and how much worse is tolerated. It fails when
the one-sided 95 % bound of the paired difference lies beyond that, that is when a test at 5 % rejects "no
worse than tolerated"; a difference that noise explains fails nothing, however large it looks.

Columns of :attr:`Comparison.frame`, one row for each model and rule, values as the rule's unit has them:

============ ==============================================================================================
``model_id``  the model, by the name that both runs use
``metric``    see :data:`METRICS`
``rule``      as given
``base`` ``new``  the metric of both runs over the shared requests
``change``    new minus base: points for shares, percent of base for the others
``low`` ``high``  one-sided 95 % bounds of the change (a 90 % interval)
``limit``     the change tolerated
``verdict``   ``pass``, ``regression``, or ``unknown`` where a side has no figure
``worse_in_sight``  whether the change itself, noise aside, is beyond the limit
``pairs`` ``method``  shared requests behind it, and how the bounds were made
``simulated`` whether either side is
============ ==============================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from harness.analysis.frames import Runs, codes, floats, read, records
from harness.analysis.pricing import bill
from harness.errors import InputError, ResultsError
from harness.stats import Floats, Ints, cluster_sums, paired_difference, quantile_difference, resample_sums

Unit = Literal["pp", "%"]
COLUMNS = (
    "model_id", "metric", "rule", "base", "new", "change", "low", "high", "limit", "unit", "verdict",
    "worse_in_sight", "pairs", "method", "simulated",
)  # fmt: skip
METRICS: Mapping[str, str] = {
    "accuracy": "mean score, in points (pp)",
    "coverage": "share of requests that got an answer, in points (pp)",
    "p50_response": "median of scheduled to done, in percent (%)",
    "p95_response": "95th percentile of scheduled to done, in percent (%)",
    "p50_ttft": "median of sent to first token, in percent (%)",
    "p95_ttft": "95th percentile of sent to first token, in percent (%)",
    "cost_per_task": "dollars over answered requests, in percent (%)",
    "cost_per_correct": "dollars over correct answers, in percent (%)",
}
"""Metrics of a rule and their units."""

_RULE = re.compile(r"\s*([a-z0-9_]+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(pp|%)\s*")
_SHARES = {"accuracy", "coverage"}


@dataclass(frozen=True, slots=True)
class Rule:
    """How much worse a metric may become.

    Attributes:
        metric: See :data:`METRICS`.
        sign: ``<``: a fall below ``limit`` fails; ``>``: a rise above it.
        limit: In the unit: points, or percent of the baseline.
        unit: ``pp`` for shares, ``%`` for the others.
        text: As given.
    """

    metric: str
    sign: Literal["<", ">"]
    limit: float
    unit: Unit
    text: str

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Return a rule written such as ``accuracy<-2pp`` or ``p95_response>+20%``.

        Raises:
            InputError: It is none.
        """
        found = _RULE.fullmatch(text)
        if not found:
            raise InputError(
                f"--fail-on {text!r}: write a metric, < or >, and a change, such as accuracy<-2pp or p95_response>+20%"
            )
        metric, sign, limit, unit = found.groups()
        if metric not in METRICS:
            raise InputError(f"--fail-on {text!r}: no metric {metric!r}; there are: {', '.join(METRICS)}")
        due = "pp" if metric in _SHARES else "%"
        if unit != due:
            raise InputError(
                f"--fail-on {text!r}: {metric} changes in {due}, write {metric}{sign}{limit}{due}"
            )
        if (sign == "<") != (metric in _SHARES):
            better = "falls" if metric in _SHARES else "rises"
            raise InputError(
                f"--fail-on {text!r}: {metric} is worse when it {better}; write {'<' if metric in _SHARES else '>'}"
            )
        return cls(
            metric, "<" if sign == "<" else ">", float(limit), "pp" if unit == "pp" else "%", text.strip()
        )

    def is_broken_by(self, change: float) -> bool:
        """Say whether a change is beyond the limit."""
        return change < self.limit if self.sign == "<" else change > self.limit


DEFAULT_RULES = ("accuracy<-2pp", "coverage<-1pp")
"""Where the user names none; times and prices have no tolerance that fits everybody."""


@dataclass(frozen=True)
class Comparison:
    """A new run against a baseline.

    Attributes:
        frame: See the module's docstring.
        base: Run id of the baseline.
        new: Run id of the new run.
        warnings: One sentence for each thing that a reader must know.
        simulated: Whether any row is simulated.
    """

    frame: pd.DataFrame
    base: str
    new: str
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    @property
    def regressions(self) -> pd.DataFrame:
        """The rows that fail."""
        return self.frame[self.frame["verdict"] == "regression"]

    @property
    def verdict(self) -> Literal["pass", "regression", "broken"]:
        """``broken`` when a rule could be judged of no model: nothing was measured, which is no pass."""
        if len(self.regressions):
            return "regression"
        return "broken" if (self.frame["verdict"] == "unknown").any() else "pass"

    def to_json(self) -> dict[str, Any]:
        """Return the shape of ``bench compare --json``."""
        return {
            "schema": 1,
            "base": self.base,
            "new": self.new,
            "verdict": self.verdict,
            "rows": records(self.frame),
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def compare(base: Runs | Sequence[Path], new: Runs | Sequence[Path], rules: Sequence[Rule]) -> Comparison:
    """Compare two runs model by model on the requests that both have, with the same prompt.

    Raises:
        ResultsError: They share no model, or no request.
    """
    before, after = read(base), read(new)
    shared = [model for model in before.models if model in after.models]
    if not shared:
        raise ResultsError(
            f"the runs share no model: {', '.join(before.models)} against {', '.join(after.models)}; "
            "compare runs of one suite"
        )
    rows: list[dict[str, Any]] = []
    paired = 0
    warnings = _changes(before, after)
    sides = [_sides(runs) for runs in (before, after)]
    for model_id in shared:
        pairs = _Pairs.of(sides[0].get(model_id), sides[1].get(model_id))
        paired += len(pairs.base)
        if pairs.left_out:
            warnings.append(
                f"{model_id}: {pairs.left_out} requests are in one run only, or have another prompt"
            )
        simulated = bool(before.model(model_id).get("simulated") or after.model(model_id).get("simulated"))
        rows += [{**_judge(pairs, rule), "model_id": model_id, "simulated": simulated} for rule in rules]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if not paired:
        raise ResultsError(
            "the runs share no request with the same prompt; compare runs of one suite and data"
        )
    ids = [", ".join(str(manifest["run_id"]) for manifest in runs.manifests) for runs in (before, after)]
    return Comparison(frame, ids[0], ids[1], before.simulated or after.simulated, warnings)


def _changes(before: Runs, after: Runs) -> list[str]:
    """Return what differs beside the models' answers."""
    said: list[str] = []
    for name in ("suite_sha256", "machine"):
        old, now = (runs.manifests[-1].get(name) for runs in (before, after))
        if old != now:
            said.append(
                "the suites differ in content"
                if name == "suite_sha256"
                else "the runs were made on different machines: times need not compare"
            )
    for runs, word in ((before, "baseline"), (after, "new run")):
        states = {str(manifest["state"]) for manifest in runs.manifests} - {"complete"}
        if states:
            said.append(f"the {word} is {', '.join(sorted(states))}, not complete")
    return said


@dataclass(frozen=True)
class _Side:
    """One model's measured requests by key."""

    rows: pd.DataFrame
    usd: Floats


def _sides(runs: Runs) -> dict[str, _Side]:
    frame = runs.frame
    account = bill(runs)
    usd = np.asarray(account.usd, dtype=np.float64)
    request = codes(frame, ["run_id", "cell_id", "sample_id", "repeat", "phase"])
    whole = np.bincount(request, weights=usd)[request] if len(frame) else usd
    mask = (frame["final"] & (frame["phase"] == "measure")).to_numpy()
    rows = frame[mask].assign(whole_usd=whole[mask])
    rows = rows.drop_duplicates(["model_id", "task", "load", "sample_id", "repeat"], keep="last")
    return {
        str(model): _Side(part.set_index(["task", "load", "sample_id", "repeat"]), floats(part["whole_usd"]))
        for model, part in rows.groupby("model_id", observed=True)
    }


@dataclass(frozen=True)
class _Pairs:
    """The same requests of two runs, in one order."""

    base: pd.DataFrame
    new: pd.DataFrame
    clusters: Ints
    left_out: int

    @classmethod
    def of(cls, base: _Side | None, new: _Side | None) -> _Pairs:
        if base is None or new is None:
            nothing = pd.DataFrame()
            return cls(nothing, nothing, np.zeros(0, dtype=np.int64), 0)
        index = base.rows.index.intersection(new.rows.index).sort_values()
        left, right = base.rows.loc[index], new.rows.loc[index]
        same = (left["prompt_sha256"].astype(str) == right["prompt_sha256"].astype(str)).to_numpy()
        left, right = left[same], right[same]
        out = len(base.rows) + len(new.rows) - 2 * len(left)
        return cls(left, right, codes(left.reset_index(), ["task", "cluster_id"]), out)

    def known(self, *columns: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where every column is known."""
        mask = np.ones(len(self.base), dtype=bool)
        for column in columns:
            mask &= ~np.isnan(column)
        return mask


def _judge(pairs: _Pairs, rule: Rule) -> dict[str, Any]:
    """Return the row of one rule."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(
        metric=rule.metric, rule=rule.text, limit=rule.limit, unit=rule.unit, verdict="unknown", pairs=0
    )
    if not len(pairs.base):
        return row
    row.update(_figures(pairs, rule.metric))
    if row["change"] is None:
        return row
    # The bound nearest to "no worse": only when it too is beyond the limit has the test rejected.
    bound = row["high"] if rule.sign == "<" else row["low"]
    row["worse_in_sight"] = rule.is_broken_by(row["change"])
    if bound is not None:
        row["verdict"] = "regression" if rule.is_broken_by(bound) else "pass"
    return row


def _figures(pairs: _Pairs, metric: str) -> dict[str, Any]:
    if metric == "coverage":
        base, new = (_ones(side["outcome"] != "infra") for side in (pairs.base, pairs.new))
        return _points(base, new, pairs.clusters)
    if metric == "accuracy":
        scores = [
            np.where(side["scored"].to_numpy(), floats(side["score"]), np.nan)
            for side in (pairs.base, pairs.new)
        ]
        mask = pairs.known(*scores)
        return _points(scores[0][mask], scores[1][mask], pairs.clusters[mask])
    if metric.startswith("cost"):
        return _cost(pairs, metric)
    share, column = float(metric[1:3]) / 100, f"{metric[4:]}_s"
    times = [
        np.where((side["outcome"] == "infra").to_numpy(), np.nan, floats(side[column]))
        for side in (pairs.base, pairs.new)
    ]
    mask = pairs.known(*times)
    return _quantiles(times[0][mask], times[1][mask], pairs.clusters[mask], share)


def _points(base: Floats, new: Floats, clusters: Ints) -> dict[str, Any]:
    if len(base) == 0:
        return {}
    found = paired_difference(new, base, clusters)
    return {
        "base": float(base.mean()), "new": float(new.mean()), "change": 100 * found.estimate,
        "low": 100 * found.inner_low, "high": 100 * found.inner_high, "pairs": len(base), "method": found.method,
    }  # fmt: skip


def _quantiles(base: Floats, new: Floats, clusters: Ints, share: float) -> dict[str, Any]:
    if len(base) == 0:
        return {}
    here, now = float(np.quantile(base, share)), float(np.quantile(new, share))
    found = quantile_difference(new, base, clusters, share)
    row = {"base": here, "new": now, "pairs": len(base), "method": "paired quantiles"}
    if here <= 0:
        return row
    return row | {
        "change": 100 * found.estimate / here, "low": 100 * found.inner_low / here, "high": 100 * found.inner_high / here,
    }  # fmt: skip


def _cost(pairs: _Pairs, metric: str) -> dict[str, Any]:
    """Return dollars over answers, or over correct ones: a ratio of ratios, resampled by clusters."""
    columns: list[Floats] = []
    for side in (pairs.base, pairs.new):
        counts = side["outcome"] == "correct" if metric == "cost_per_correct" else side["outcome"] != "infra"
        columns += [floats(side["whole_usd"]), _ones(counts)]
    mask = pairs.known(columns[0], columns[2])
    sums = np.stack([cluster_sums(column[mask], pairs.clusters[mask])[0] for column in columns], axis=1)
    total = sums.sum(axis=0)
    if len(sums) < 2 or (total <= 0).any():
        return {"pairs": int(mask.sum())}
    drawn = resample_sums(sums, 10_000)
    drawn = drawn[(drawn > 0).all(axis=1)]
    ratios = (drawn[:, 2] / drawn[:, 3]) / (drawn[:, 0] / drawn[:, 1])
    base, new = total[0] / total[1], total[2] / total[3]
    low, high = np.quantile(ratios, [0.05, 0.95])
    return {
        "base": float(base), "new": float(new), "change": float(100 * (new / base - 1)), "low": float(100 * (low - 1)),
        "high": float(100 * (high - 1)), "pairs": int(mask.sum()), "method": "paired bootstrap",
    }  # fmt: skip


def _ones(mask: pd.Series[Any]) -> Floats:
    """Return 1 where a condition holds and 0 elsewhere."""
    return np.where(mask.to_numpy(dtype=bool), 1.0, 0.0)
