"""A recommendation by fixed rules, with the numbers behind it and what would change it.

The rules, in this order:

1. Options that a requirement rules out are left out. Confidential and regulated data must stay in house. Fine-tuned
   weights rule out the closed API, and a serverless host too, since it serves the base weights only: the hosted option
   is then priced as a dedicated endpoint. A model that does not fit the GPUs, or whose first text comes too late, is
   left out.
2. What is in use stays until it is shown that the other model is no worse by the margin. *Not distinguishable*, no right
   answer on either side, and a model that did not answer show nothing.
3. If the closed model is ahead by more than the margin, it stays, or an open tier goes in front of it if a router or
   cascade beats a random mix by the rule of `bench tiers` (:attr:`gapbench.analysis.economics.tiers.Tiers.best_policy`),
   and costs less a month than the closed model alone.
4. Among the options that are left, priorities decide (see :mod:`gapbench.analysis.economics.strategic_questions`), then
   cost at the volume. Self-hosting counts as the cheapest only if it is so in at least nine of ten draws, if there are
   people to run it, and, where the volume is unpredictable, also at a third of the volume.
5. If nothing was measured on the team's own tasks, the gap is not settled, the weights will be fine-tuned, or a time
   that a rule looks at is invalid, the recommendation is provisional and says what would settle it. An invalid time rules
   nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gapbench.analysis.economics.advice import OPTION_NAMES, Advice, Choice
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.measured_quality import MeasuredQuality
from gapbench.analysis.economics.option_costs import OptionCost, option_costs, with_usd_per_task
from gapbench.analysis.economics.pilot import pilot_steps
from gapbench.analysis.economics.scenario import LEGS
from gapbench.analysis.economics.situation import TTFT_S, Situation
from gapbench.analysis.economics.strategic_questions import StrategicQuestion, strategic_questions
from gapbench.analysis.economics.tco import Tco
from gapbench.analysis.economics.tier_option import tier_option
from gapbench.analysis.economics.tiers import Tiers, describe_policy
from gapbench.formatting import format_seconds, format_short_usd, format_usd
from gapbench.pricing import price_book_version
from gapbench.store.json_records import records

MIN_PROBABILITY = 0.9
"""Share of draws in which self-hosting must be the cheapest before it is recommended for its cost."""
SCALE_FACTOR = 3.0
"""How far an unpredictable volume may fall or rise."""
_LEG = {leg: OPTION_NAMES[leg] for leg in LEGS}


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
    settles: list[str] = field(default_factory=list)

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
    by_quality = _excluded_by_quality(case)
    case.because.extend(
        f"{_LEG[leg]}: not priced: {cost.missing}" for leg, cost in case.costs.items() if cost.usd is None
    )
    by_requirement = _excluded_by_requirement(case)
    choice = _choose(case, {**by_quality, **by_requirement})
    tier: OptionCost | None = None
    if quality is not None and quality.is_closed_ahead and choice == "closed API" and hybrid is not None:
        choice, tier = _put_tier_in_front(case, hybrid, by_requirement)
    _add_conditions(case, choice)
    _add_what_settles(case)
    simulated = tco.simulated or (hybrid is not None and hybrid.simulated)
    return Advice(
        choice,
        bool(case.settles),
        case.because,
        case.change,
        case.conditions,
        questions,
        pilot_steps(quality, tco.volume_mtok),
        [*case.costs.values(), *([] if tier is None else [with_usd_per_task(tier, tco)])],
        simulated,
        _describe_assumptions(case),
        case.settles,
        tco.volume_mtok,
        tco.requests,
    )


def _add_what_settles(case: _Case) -> None:
    """Say what would settle whatever the recommendation rests on that is not settled."""
    quality = case.quality
    if quality is None:
        case.settles.append("a run on your own tasks: `bench run`, then `bench advise --run RUN`")
    elif not (quality.is_open_no_worse or quality.is_closed_ahead):
        needed = quality.pairs_needed or "needs a run in which both models answer, with more samples"
        case.settles.append(f"the gap is {quality.verdict}: it {needed}")
    for name, reason in (quality.invalid_times if quality is not None else {}).items():
        case.settles.append(
            f"the times of {name} are invalid ({reason}): run it again with fewer requests in flight, or on a machine with "
            "more free cores"
        )
    if case.situation.customisation == "fine-tuning":
        case.settles.append("a run with the fine-tuned weights: what was measured is of the base weights")


def _describe_costs(case: _Case) -> None:
    tco = case.tco
    listed = ", ".join(
        f"{_LEG[leg]} {cost.words}" for leg, cost in case.costs.items() if cost.usd is not None
    )
    case.because.append(
        f"a month at {format_mtok(tco.volume_mtok)} tokens costs: {listed or 'no option has a known price'}"
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
    invalid = quality.invalid_times
    times = ", ".join(
        f"{name} {format_seconds(value)}{' (invalid: this client was the limit)' if name in invalid else ''}"
        for name, value in quality.first_text_s.items()
    )
    case.because.append(f"first text at p95: {times}; {asked}")
    excluded = {}
    for leg, cost in case.tco.scenario.measured.items():
        wait = quality.first_text_s.get(cost.model_id, 0.0)
        # A host that was not called has no measured latency.
        if cost.was_run and wait > limit and cost.model_id not in invalid:
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
                f"{question.priority} favors the {' or the '.join(_LEG[leg] for leg in question.favours)}, "
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
        return f"self-hosting is the cheapest in only {100 * min(chances):.0f} % of draws, less than {100 * MIN_PROBABILITY:.0f} %"
    needed = tco.scenario.point_values["engineers"]
    if (situation.engineers or 0.0) < needed:
        case.change.append(f"{needed:g} engineers who can run GPU servers")
        return f"self-hosting would be the cheapest, but needs {needed:g} engineers and {situation.staff}"
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


def _put_tier_in_front(
    case: _Case, hybrid: Tiers, excluded: Mapping[str, str]
) -> tuple[Choice, OptionCost | None]:
    """Return whether an open tier goes before the closed API, and what it costs, by the rule of `bench tiers`."""
    best = hybrid.best_policy
    if best is None:
        return "closed API", None
    case.because.append(f"tiers: {describe_policy(best, hybrid.tried)}")
    is_staffed = (case.situation.engineers or 0.0) >= case.tco.scenario.point_values["engineers"]
    possible = {"hosted", *(["self"] if is_staffed else [])} - set(excluded)
    option, closed = tier_option(case.tco, hybrid, case.costs, possible=possible), case.costs["closed"]
    if option is None or option.usd is None or closed.usd is None:
        reason = (
            option.missing if option is not None and option.missing else "the closed API has no known price"
        )
        case.because.append(f"tiers: {reason}, so a tier is not shown to be cheaper")
        return "closed API", option
    compared = f"tiers: {option.label}; it reaches {100 * best['quality']:.1f} % and costs {option.words} a month, the closed API alone {closed.words}"
    if not best["beats_mix"]:
        case.because.append(compared)
        case.change.append(
            "a router or cascade that is shown to beat a random mix: more tasks, or a better signal"
        )
        return "closed API", option
    if option.usd >= closed.usd:
        case.because.append(f"{compared}, so the tier does not pay at this volume")
        return "closed API", option
    case.because.append(compared)
    return "open tier before the closed API", option


def _add_conditions(case: _Case, choice: Choice) -> None:
    """Add what must be settled first: risk, people, the fine-tuned weights, an unpredictable volume."""
    situation, tco = case.situation, case.tco
    is_api = choice != "self-hosted open model"
    own, needed = case.costs["self"].usd, tco.scenario.point_values["engineers"]
    if situation.sensitivity in {None, "internal"} and is_api:
        apis = [usd for leg in ("closed", "hosted") if (usd := case.costs[leg].usd) is not None]
        price = ""
        if own is not None and apis:
            price = f"; keeping the data in house would cost {format_short_usd(own - min(apis))} a month more"
            if own < min(apis):
                price = "; keeping the data in house would cost no more"
        taken = "" if situation.sensitivity else " (assumed; --sensitivity changes it)"
        case.conditions.append(
            f"internal data{taken}: evaluate the risk of each provider first (retention, training on your data, region, "
            f"contract){price}"
        )
    if own is not None:
        people = needed * tco.scenario.point_values["usd_per_engineer_year"] / 12
        staffing = f"self-hosting needs {needed:g} engineers ({format_short_usd(people)} of its cost); {situation.staff}"
        if (situation.engineers or 0.0) < needed:
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
