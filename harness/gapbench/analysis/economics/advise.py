"""A recommendation by fixed rules, with the numbers behind it and what would change it.

The rules, in this order:

1. If data must stay in house, only self-hosting remains.
2. If the open model was measured and is behind by more than the margin, keep the closed API, or put an open tier in
   front of it if a router or cascade was measured to pay off.
3. If the open model must be changed (fine-tuned weights), it is hosted or self-hosted.
4. Otherwise choose the cheapest option at the volume. Self-hosting counts as the cheapest only if it is so in at least
   nine of ten draws and there are people to run it.
5. If nothing was measured on the team's own tasks, or the gap is not distinguishable from zero, the recommendation is
   provisional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.tco import Tco
from gapbench.analysis.economics.tiers import Tiers
from gapbench.analysis.quality.gap import OVERALL, GapTable
from gapbench.analysis.quality.gap_metrics import NO_RIGHT_ANSWER, describe_pairs_needed
from gapbench.analysis.quality.gap_row import NOT_DISTINGUISHABLE
from gapbench.formatting import format_gap, format_interval, format_seconds, format_short_usd, format_usd
from gapbench.pricing import price_book_version
from gapbench.store.json_records import records

Sensitivity = Literal["public", "internal", "confidential", "regulated"]
Customisation = Literal["none", "prompts", "fine-tuning"]
Latency = Literal["relaxed", "interactive", "tight"]
Choice = Literal[
    "closed API", "hosted open model", "self-hosted open model", "open tier before the closed API"
]
MIN_PROBABILITY = 0.9
"""Share of draws in which self-hosting must be the cheapest before it is recommended for its cost."""
TTFT_S: dict[str, float] = {"relaxed": 10.0, "interactive": 2.0, "tight": 0.5}
"""Limit of the 95th percentile of the time to first text for each latency class, in seconds."""
_LEG: dict[str, Choice] = {
    "closed": "closed API",
    "hosted": "hosted open model",
    "self": "self-hosted open model",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """The requirements and resources of a team.

    Attributes:
        sensitivity: Sensitivity of the data. ``confidential`` and ``regulated`` data must stay in house.
        customisation: Customisation that the model must allow.
        engineers: Full-time engineers who can run GPU servers; may be a fraction.
        latency: Latency that users accept; see :data:`TTFT_S`.
    """

    sensitivity: Sensitivity = "internal"
    customisation: Customisation = "none"
    engineers: float = 0.0
    latency: Latency = "interactive"

    @property
    def is_confined(self) -> bool:
        """Whether data must stay in house."""
        return self.sensitivity in {"confidential", "regulated"}


@dataclass(frozen=True)
class Advice:
    """A recommendation.

    Attributes:
        choice: The recommended option.
        provisional: Whether nothing was measured on the team's own tasks, or the measurement is inconclusive.
        because: The rules that led to it, with their numbers.
        would_change: What would change it, with the thresholds.
        simulated: Whether any number comes from a simulated provider.
        assumed: What was priced (model, host and prices of each option), the price book, and the assumed inputs.
    """

    choice: Choice
    provisional: bool
    because: list[str]
    would_change: list[str]
    simulated: bool
    assumed: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench advise --json``."""
        return {
            "schema": 1,
            "recommendation": self.choice,
            "provisional": self.provisional,
            "because": self.because,
            "would_change": self.would_change,
            "simulated": self.simulated,
            "assumed": self.assumed,
        }


def advise(
    situation: Situation, tco: Tco, gaps: GapTable | None = None, hybrid: Tiers | None = None
) -> Advice:
    """Return a recommendation. See the module's docstring for its rules.

    Args:
        situation: The team's requirements and resources.
        tco: Total cost at the volume.
        gaps: The gap on the team's own tasks. None if nothing was measured.
        hybrid: Tiers on the team's own tasks. None to leave them out.
    """
    because: list[str] = []
    change: list[str] = []
    choice = _advise_by_cost(situation, tco, because, change)
    choice = _advise_by_customisation(choice, situation, tco, because, change)
    measured = None if gaps is None else accuracy_gap(gaps)
    if measured is None:
        because.append(
            "nothing was measured on your own tasks: whether the open model is good enough is not known"
        )
        change.append("`bench run` on your own tasks, then `bench advise --run RUN`, adds the measured gap")
    elif not situation.is_confined:
        choice = _advise_by_quality(choice, measured, gaps, hybrid, because, change)
    if situation.is_confined:
        choice = _advise_confined(situation, tco, measured, because, change)
    if gaps is not None:
        _advise_by_latency(situation, gaps, because)
    unsettled = measured is not None and measured["verdict"] in {NOT_DISTINGUISHABLE, NO_RIGHT_ANSWER}
    if unsettled and measured is not None and (more := describe_pairs_needed(measured)):
        change.append(f"certainty: settling the gap {more}")
    simulated = tco.simulated or (gaps is not None and gaps.simulated)
    return Advice(
        choice, measured is None or unsettled, because, change, simulated, _describe_assumptions(tco)
    )


def _advise_by_customisation(
    choice: Choice, situation: Situation, tco: Tco, because: list[str], change: list[str]
) -> Choice:
    if situation.customisation != "fine-tuning" or choice != "closed API":
        return choice
    because.append(
        "fine-tuned weights rule out the closed API; a provider that serves your weights is the next cheapest"
    )
    change.append("a closed provider's own fine-tuning would be enough")
    return "hosted open model" if _usd(tco, "hosted") is not None else "self-hosted open model"


def _describe_assumptions(tco: Tco) -> list[str]:
    """Return what each leg stands for and costs, and the other assumptions behind the numbers."""
    lines = []
    for row in records(tco.legs):
        if row["usd"] is not None:
            prices = [
                f"{format_usd(tco.scenario.point_values[name])} {way}"
                for way, name in (
                    ("in", f"{row['leg']}_input_usd_per_mtok"),
                    ("out", f"{row['leg']}_output_usd_per_mtok"),
                )
                if name in tco.scenario.point_values
            ]
            listed = f", {', '.join(prices)} per million tokens" if prices else ""
            lines.append(
                f"{_LEG[row['leg']]}: {row['label'] or 'prices as given'}{listed}; {format_usd(row['usd_per_mtok'])} per million tokens at this volume"
            )
    return [*lines, price_book_version(), *tco.warnings]


def _usd(tco: Tco, leg: str) -> float | None:
    value = next(row["usd"] for row in records(tco.legs) if row["leg"] == leg)
    return None if value is None else float(value)


def _advise_by_cost(situation: Situation, tco: Tco, because: list[str], change: list[str]) -> Choice:
    costs = {leg: cost for leg in _LEG if (cost := _usd(tco, leg)) is not None}
    listed = ", ".join(f"{_LEG[leg]} {format_short_usd(cost)}" for leg, cost in costs.items())
    because.append(f"a month at {format_mtok(tco.volume_mtok)} tokens costs: {listed}")
    chances = [row["p_self_cheaper"] for row in records(tco.legs) if row["p_self_cheaper"] is not None]
    chance = min(chances, default=None)
    for leg, found in tco.break_evens.items():
        change.append(f"volume: break-even of self-hosting against the {_LEG[leg]}: {found.description}")
    change.append(
        f"price: self-hosting breaks even with an API at {format_usd(tco.needed_api_usd_per_mtok)} per million tokens"
    )
    cheapest = min(costs, key=lambda leg: costs[leg])
    cheapest_api = min((leg for leg in costs if leg != "self"), key=lambda leg: costs[leg], default="self")
    if cheapest != "self":
        return _LEG[cheapest]
    if chance is not None and chance < MIN_PROBABILITY:
        because.append(
            f"self-hosting is the cheapest in only {chance:.0%} of draws, less than {MIN_PROBABILITY:.0%}"
        )
        return _LEG[cheapest_api]
    needed = tco.scenario.point_values["engineers"]
    if situation.engineers < needed:
        because.append(
            f"self-hosting would be the cheapest, but needs {needed:g} engineers and there are {situation.engineers:g}"
        )
        change.append(f"{needed:g} engineers who can run GPU servers")
        return _LEG[cheapest_api]
    return "self-hosted open model"


def accuracy_gap(gaps: GapTable) -> dict[str, Any] | None:
    """Return the accuracy row that the advice uses: over all tasks if there is one, else the first; None without rows."""
    rows = [
        row for row in records(gaps.frame) if row["metric"] == "accuracy" and row["gap_points"] is not None
    ]
    overall = [row for row in rows if row["category"] == OVERALL]
    return next(iter(overall or rows), None)


def _advise_by_quality(
    choice: Choice,
    measured: dict[str, Any],
    gaps: GapTable | None,
    hybrid: Tiers | None,
    because: list[str],
    change: list[str],
) -> Choice:
    margin = 0.0 if gaps is None else gaps.margin_points
    points, verdict = float(measured["gap_points"]), str(measured["verdict"])
    low, high = measured["ci_low"], measured["ci_high"]
    because.append(
        f"measured gap: {measured['closed_model']} minus {measured['open_model']} is {format_gap('points', points)} points ({format_interval('points', low, high)}), {verdict}"
    )
    behind = verdict == "closed ahead" and points > margin
    if not behind:
        change.append(f"quality: a resolved gap above {margin:g} points would keep the closed API")
        return choice
    change.append(f"quality: a gap within {margin:g} points would allow the open model")
    if hybrid is not None and hybrid.is_resolved:
        paying = [
            row
            for row in records(hybrid.frame)
            if row["kind"] != "baseline"
            and row["delta_ibc_low"] is not None
            and float(row["delta_ibc_low"]) > 0
        ]
        if paying:
            best = max(paying, key=lambda row: float(row["quality"]))
            because.append(
                f"tiers: {best['policy']} reaches {best['quality']:.1%} with {best['closed_share']:.0%} closed calls, "
                f"{best['delta_ibc_percent']:+.0f} % benefit per dollar over a random mix"
            )
            return "open tier before the closed API"
        because.append("tiers: no router or cascade on these rows certainly beats a random mix")
    return "closed API"


def _advise_confined(
    situation: Situation,
    tco: Tco,
    measured: dict[str, Any] | None,
    because: list[str],
    change: list[str],
) -> Choice:
    self_usd = _usd(tco, "self")
    costs = [cost for leg in ("closed", "hosted") if (cost := _usd(tco, leg)) is not None]
    because.append(f"{situation.sensitivity} data must stay in house: only self-hosting remains")
    if self_usd is not None and costs:
        because.append(
            f"this costs {format_short_usd(self_usd)} a month; the cheapest API costs {format_short_usd(min(costs))}"
        )
    if situation.engineers < tco.scenario.point_values["engineers"]:
        because.append(
            f"it needs {tco.scenario.point_values['engineers']:g} engineers and there are {situation.engineers:g}: hire first"
        )
    if measured is not None and measured["verdict"] == "closed ahead":
        because.append(f"it loses {float(measured['gap_points']):.1f} points of accuracy")
    change.append("a contract, region or private endpoint under which the data may go to a provider")
    return "self-hosted open model"


def _advise_by_latency(situation: Situation, gaps: GapTable, because: list[str]) -> None:
    limit = TTFT_S[situation.latency]
    for row in records(gaps.frame):
        if row["metric"] == "response_p95_s" and row["category"] == OVERALL and row["open_value"] is not None:
            because.append(
                f"response p95: {row['open_model']} {format_seconds(row['open_value'])}, "
                f"{row['closed_model']} {format_seconds(row['closed_value'])}; {situation.latency} use asks for first text within "
                f"{limit:g} s, which `bench tco --run SWEEP --ttft {limit:g}` sizes for"
            )
            return
