"""A recommendation by fixed rules, with the numbers behind it and what would change it.

The rules, in this order:

1. Options that a requirement rules out are left out. Confidential and regulated data must stay in house. Fine-tuned
   weights rule out the closed API, and a serverless host too, since it serves the base weights only: the hosted option
   is then priced as a dedicated endpoint. A model that does not fit the GPUs, or whose first text comes too late, is
   left out.
2. What is in use stays until it is shown that the other model is no worse by the margin. *Not distinguishable*, no right
   answer on either side, and a model that did not answer show nothing.
3. If the closed model is ahead by more than the margin, it stays, or an open tier goes in front of it if a router or
   cascade was measured to pay off per task, and costs less than the closed API alone at the volume: the open model's
   servers cost the same however few tasks they answer.
4. Among the options that are left, priorities decide (see :mod:`gapbench.analysis.economics.strategic_questions`), then
   cost at the volume. Self-hosting counts as the cheapest only if it is so in at least nine of ten draws, if there are
   people to run it, and, where the volume is unpredictable, also at a third of the volume.
5. If nothing was measured on the team's own tasks, or the gap is not settled, the recommendation is provisional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gapbench.analysis.economics.advice import Advice, Choice
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.measured_quality import MeasuredQuality
from gapbench.analysis.economics.option_costs import OptionCost, option_costs
from gapbench.analysis.economics.pilot import pilot_steps
from gapbench.analysis.economics.situation import TTFT_S, Situation
from gapbench.analysis.economics.strategic_questions import StrategicQuestion, strategic_questions
from gapbench.analysis.economics.tco import Tco
from gapbench.analysis.economics.tiers import Tiers
from gapbench.formatting import format_seconds, format_short_usd, format_usd
from gapbench.pricing import price_book_version
from gapbench.store.json_records import records

MIN_PROBABILITY = 0.9
"""Share of draws in which self-hosting must be the cheapest before it is recommended for its cost."""
SCALE_FACTOR = 3.0
"""How far an unpredictable volume may fall or rise."""
_LEG: dict[str, Choice] = {
    "closed": "closed API",
    "hosted": "hosted open model",
    "self": "self-hosted open model",
}


@dataclass(frozen=True)
class _Case:
    """What the rules look at, and the sentences that they add."""

    situation: Situation
    tco: Tco
    quality: MeasuredQuality | None
    costs: Mapping[str, OptionCost]
    questions: list[StrategicQuestion]
    because: list[str] = field(default_factory=list)
    change: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    @property
    def must_leave_closed(self) -> bool:
        """Whether a requirement rules out the closed API, whatever its quality."""
        return self.situation.is_confined or self.situation.customisation == "fine-tuning"


def advise(
    situation: Situation, tco: Tco, quality: MeasuredQuality | None = None, hybrid: Tiers | None = None
) -> Advice:
    """Return a recommendation. See the module's docstring for its rules.

    Args:
        situation: The team's requirements and resources.
        tco: Total cost at the volume.
        quality: What was measured of the models. None if nothing was.
        hybrid: Tiers on the team's own tasks. None to leave them out.
    """
    questions = strategic_questions(tco, quality)
    is_tuned = situation.customisation == "fine-tuning"
    case = _Case(situation, tco, quality, option_costs(tco, is_tuned=is_tuned), questions)
    _describe_costs(case)
    quality_reasons = _excluded_by_quality(case)
    ruled_out = _excluded_by_requirement(case)
    choice = _choose(case, {**quality_reasons, **ruled_out})
    if quality is not None and quality.is_closed_ahead and choice == "closed API":
        choice = _put_tier_in_front(case, hybrid, ruled_out)
    _add_conditions(case, choice)
    unsettled = quality is None or not (quality.is_open_no_worse or quality.is_closed_ahead) or is_tuned
    simulated = tco.simulated or (hybrid is not None and hybrid.simulated)
    return Advice(
        choice,
        unsettled,
        case.because,
        case.change,
        case.conditions,
        questions,
        pilot_steps(quality, tco.volume_mtok),
        list(case.costs.values()),
        simulated,
        _describe_assumptions(case),
    )


def _describe_costs(case: _Case) -> None:
    tco = case.tco
    listed = ", ".join(
        f"{_LEG[leg]} {cost.words}" for leg, cost in case.costs.items() if cost.usd is not None
    )
    case.because.append(
        f"a month at {format_mtok(tco.volume_mtok)} tokens costs: {listed or 'no option has a known price'}"
    )
    case.because.extend(
        f"{_LEG[leg]}: not priced: {cost.missing}" for leg, cost in case.costs.items() if cost.usd is None
    )
    for leg, found in tco.break_evens.items():
        case.change.append(f"volume: break-even of self-hosting against the {_LEG[leg]}: {found.description}")
    if tco.needed_api_usd_per_mtok is not None:
        case.change.append(
            f"price: self-hosting breaks even with an API at {format_usd(tco.needed_api_usd_per_mtok)} per million tokens"
        )


def _excluded_by_quality(case: _Case) -> dict[str, str]:
    """Return the options that what was measured does not allow yet, with the reason."""
    quality, situation = case.quality, case.situation
    if quality is None:
        case.because.append(
            "nothing was measured on your own tasks: whether the open model is good enough is not known"
        )
        case.change.append(
            "`bench run` on your own tasks, then `bench advise --run RUN`, adds the measured gap"
        )
        reason = "nothing was measured"
    else:
        case.because.extend(quality.words)
        reason = f"it is not shown that {quality.open_model} is no worse by {quality.margin_points:g} points"
        if quality.is_closed_ahead:
            case.change.append(
                f"quality: a gap within {quality.margin_points:g} points would allow the open model"
            )
        else:
            case.change.append(
                f"quality: a resolved gap above {quality.margin_points:g} points would keep the closed API"
            )
        if quality.pairs_needed:
            case.change.append(f"certainty: settling the gap {quality.pairs_needed}")
    if case.must_leave_closed:
        # The closed model cannot stay, so the open one is taken as it is.
        return {}
    is_shown = quality is not None and quality.is_open_no_worse
    is_behind = quality is not None and quality.is_closed_ahead
    if situation.in_use in {"hosted", "self"}:
        if is_behind or (quality is not None and quality.is_closed_no_worse):
            return dict.fromkeys(("hosted", "self"), reason) if is_behind else {}
        return {"closed": "it is not shown that the closed model is no worse than the open one in use"}
    if is_shown or (situation.in_use == "none" and not is_behind):
        return {}
    return dict.fromkeys(("hosted", "self"), reason)


def _excluded_by_requirement(case: _Case) -> dict[str, str]:
    """Return the options that a requirement rules out, with the reason."""
    situation, excluded = case.situation, {}
    if situation.customisation == "fine-tuning":
        excluded["closed"] = "fine-tuned weights rule out the closed API"
        case.because.append(
            "fine-tuned weights rule out the closed API, and serverless cannot serve your fine-tuned weights: the hosted "
            "option is priced as a dedicated endpoint (some hosts do serve LoRA adapters at the base price)"
        )
        case.change.append("a closed provider's own fine-tuning would be enough")
    if situation.is_confined:
        excluded |= dict.fromkeys(
            ("closed", "hosted"),
            f"{situation.sensitivity} data must stay in house: only self-hosting remains",
        )
        case.because.append(excluded["closed"])
        case.change.append("a contract, region or private endpoint under which the data may go to a provider")
    memory = case.tco.scenario.memory
    if memory is not None and not memory.fits:
        excluded["self"] = memory.words
        case.because.append(memory.words)
    return excluded | _excluded_by_latency(case)


def _excluded_by_latency(case: _Case) -> dict[str, str]:
    limit = TTFT_S[case.situation.latency]
    asked = f"{case.situation.latency} use asks for first text within {limit:g} s at the 95th percentile"
    quality = case.quality
    if quality is None or not quality.first_text_s:
        case.conditions.append(f"latency: not measured; {asked}")
        return {}
    times = ", ".join(f"{name} {format_seconds(value)}" for name, value in quality.first_text_s.items())
    case.because.append(f"first text at p95: {times}; {asked}")
    excluded = {}
    for leg, cost in case.tco.scenario.measured.items():
        wait = quality.first_text_s.get(cost.model_id, 0.0)
        # A host that was not called has no measured latency.
        if cost.was_run and wait > limit:
            excluded[leg] = f"{cost.model_id}: first text after {format_seconds(wait)}, limit {limit:g} s"
    return excluded


def _choose(case: _Case, excluded: Mapping[str, str]) -> Choice:
    """Return the best option among those that are left, and say why the cheaper ones are not it."""
    in_use = case.situation.in_use
    left = [leg for leg in _LEG if leg not in excluded]
    if not left:
        kept = in_use if in_use != "none" else "closed"
        if case.must_leave_closed:
            kept = "self" if case.situation.is_confined else "hosted"
        case.because.append("no option meets every requirement: " + "; ".join(sorted(set(excluded.values()))))
        return _LEG[kept]
    wanted = _wanted(case, left)
    known = {leg: usd for leg in wanted if (usd := case.costs[leg].usd) is not None}
    if in_use in wanted and in_use not in known:
        case.because.append(
            f"the {_LEG[in_use]} is in use and has no known price, so no other option is shown to be cheaper"
        )
        return _LEG[in_use]
    if "self" in known and len(known) > 1 and min(known, key=known.__getitem__) == "self":
        refusal = _why_not_self(case, known)
        if refusal and in_use != "self":
            case.because.append(refusal)
            del known["self"]
    best = min(known, key=known.__getitem__, default=wanted[0])
    _describe_cheaper(case, best, excluded)
    if case.situation.is_confined:
        _describe_confinement(case)
    return _LEG[best]


def _wanted(case: _Case, left: list[str]) -> list[str]:
    """Return the options that the priorities favor, or all that are left if they favor none of them."""
    wanted = left
    for question in case.questions:
        if question.priority not in case.situation.priorities:
            continue
        favoured = [leg for leg in wanted if leg in question.favours]
        if favoured:
            wanted = favoured
            case.because.append(f"{question.priority}: {question.because}")
        else:
            case.because.append(
                f"{question.priority} speaks for the {' or the '.join(_LEG[leg] for leg in question.favours)}, "
                "which the other rules leave out"
            )
    return wanted


def _why_not_self(case: _Case, known: Mapping[str, float]) -> str:
    """Return why self-hosting is not recommended although it is the cheapest, or ""."""
    tco, situation = case.tco, case.situation
    chances = [
        float(row["p_self_cheaper"])
        for row in records(tco.legs)
        if row["leg"] in known and row["p_self_cheaper"] is not None
    ]
    if chances and min(chances) < MIN_PROBABILITY:
        return f"self-hosting is the cheapest in only {min(chances):.0%} of draws, less than {MIN_PROBABILITY:.0%}"
    needed = tco.scenario.point_values["engineers"]
    if situation.engineers < needed:
        case.change.append(f"{needed:g} engineers who can run GPU servers")
        return f"self-hosting would be the cheapest, but needs {needed:g} engineers and there are {situation.engineers:g}"
    if situation.scale == "unpredictable":
        low = tco.usd_at(tco.volume_mtok / SCALE_FACTOR)
        others = [usd for leg in known if leg != "self" and (usd := low[leg]) is not None]
        if low["self"] is not None and others and low["self"] > min(others):
            return (
                f"the volume is unpredictable: at a third of it self-hosting costs {format_short_usd(low['self'])} a month "
                f"and an API {format_short_usd(min(others))}, so pay by the token until it is known"
            )
    return ""


def _describe_cheaper(case: _Case, best: str, excluded: Mapping[str, str]) -> None:
    """Say which option would cost less, and why it is not recommended."""
    chosen = case.costs[best].usd
    for leg, reason in excluded.items():
        usd = case.costs[leg].usd
        if usd is not None and chosen is not None and usd < chosen:
            case.because.append(
                f"the {_LEG[leg]} would cost {format_short_usd(chosen - usd)} a month less, but {reason}"
            )


def _describe_confinement(case: _Case) -> None:
    own = case.costs["self"].usd
    apis = [usd for leg in ("closed", "hosted") if (usd := case.costs[leg].usd) is not None]
    if own is not None and apis:
        case.because.append(
            f"this costs {format_short_usd(own)} a month; the cheapest API costs {format_short_usd(min(apis))}"
        )
    if case.quality is not None and case.quality.is_closed_ahead:
        case.because.append("it loses accuracy: see the measured gap")


def _put_tier_in_front(case: _Case, hybrid: Tiers | None, ruled_out: Mapping[str, str]) -> Choice:
    if hybrid is None or not hybrid.is_resolved:
        return "closed API"
    better = [
        row
        for row in records(hybrid.frame)
        if row["kind"] != "baseline" and row["delta_ibc_low"] is not None and float(row["delta_ibc_low"]) > 0
    ]
    if not better:
        case.because.append("tiers: no router or cascade on these rows certainly beats a random mix")
        return "closed API"
    alone = case.tco.usd_at(case.tco.volume_mtok)["closed"]
    monthly = {str(row["policy"]): _tier_usd_per_month(case.tco, row, ruled_out) for row in better}
    paying = [
        row
        for row in better
        if alone is not None and (usd := monthly[str(row["policy"])]) is not None and usd < alone
    ]
    best = max(paying or better, key=lambda row: float(row["quality"]))
    usd = monthly[str(best["policy"])]
    case.because.append(
        f"tiers: {best['policy']} reaches {best['quality']:.1%} with {best['closed_share']:.0%} closed calls, "
        f"{best['delta_ibc_percent']:+.0f} % benefit per dollar over a random mix"
    )
    if alone is None or usd is None:
        case.because.append(
            "tiers: what they would cost at this volume is not known, so they are not recommended"
        )
    else:
        case.because.append(
            f"tiers: {best['policy']} would cost {format_short_usd(usd)} a month, the closed API alone {format_short_usd(alone)}"
            + ("" if paying else ", so a tier in front does not pay at this volume")
        )
    return "open tier before the closed API" if paying else "closed API"


def _tier_usd_per_month(tco: Tco, row: Mapping[str, Any], ruled_out: Mapping[str, str]) -> float | None:
    """Return what a policy would cost at the volume, with the cheapest way to run the open model. None if not known."""
    closed_share = float(row["closed_share"])
    # A cascade asks the open model about every task, a router only about those that it keeps from the closed one.
    open_share = 1.0 if row["kind"] == "cascade" else 1.0 - closed_share
    closed = tco.usd_at(tco.volume_mtok)["closed"]
    opened = tco.usd_at(tco.volume_mtok * open_share)
    known = [usd for leg in ("hosted", "self") if leg not in ruled_out and (usd := opened[leg]) is not None]
    return None if closed is None or not known else closed_share * closed + min(known)


def _add_conditions(case: _Case, choice: Choice) -> None:
    """Add what must be settled first: risk, people, the fine-tuned weights, an unpredictable volume."""
    situation, tco = case.situation, case.tco
    is_api = choice != "self-hosted open model"
    own, needed = case.costs["self"].usd, tco.scenario.point_values["engineers"]
    if situation.sensitivity == "internal" and is_api:
        apis = [usd for leg in ("closed", "hosted") if (usd := case.costs[leg].usd) is not None]
        price = ""
        if own is not None and apis:
            price = f"; keeping the data in house would cost {format_short_usd(own - min(apis))} a month more"
            if own < min(apis):
                price = "; keeping the data in house would cost no more"
        case.conditions.append(
            "internal data: evaluate the risk of each provider first (retention, training on your data, region, "
            f"contract){price}"
        )
    if own is not None:
        people = needed * tco.scenario.point_values["usd_per_engineer_year"] / 12
        staffing = f"self-hosting needs {needed:g} engineers ({format_short_usd(people)} of its cost); there are {situation.engineers:g}"
        if situation.engineers < needed:
            staffing += ": hire first"
        elif needed:
            staffing += (
                f"; if their pay is spent either way, it costs {format_short_usd(own - people)} a month"
            )
        case.conditions.append(staffing)
    if situation.customisation == "fine-tuning":
        case.conditions.append(
            "fine-tuning: the gap is of the base weights; measure the fine-tuned ones before you switch"
        )
    if situation.scale == "unpredictable":
        for factor, words in ((1 / SCALE_FACTOR, "a third of"), (SCALE_FACTOR, "three times")):
            monthly = tco.usd_at(tco.volume_mtok * factor)
            listed = ", ".join(
                f"{_LEG[leg]} {format_short_usd(monthly[leg])}" for leg in _LEG if monthly[leg] is not None
            )
            case.conditions.append(f"unpredictable scale: at {words} the volume a month costs {listed}")


def _describe_assumptions(case: _Case) -> list[str]:
    """Return what each option stands for and costs, and the other assumptions behind the numbers."""
    lines = [f"{_LEG[leg]}: {cost.label}" for leg, cost in case.costs.items() if cost.usd is not None]
    return [*lines, price_book_version(), *case.tco.warnings]
