"""Total cost of ownership: the cost of three legs over volume, their break-evens, and the uncertainty.

The formulas are those of ``docs/explanation/economics.md``. Columns of :attr:`Tco.frame`, one row for each volume and
leg:

================== =====================================================================================
``volume_mtok``     million tokens a month, input and output
``leg``             ``closed`` (API), ``hosted`` (the open model from a provider), ``self``
``usd``             USD a month at the inputs' values; null if the leg has no price. With ranges around the inputs
                    this need not be the middle: read ``usd_p50``
``usd_p05`` ``usd_p50`` ``usd_p95``  percentiles over the inputs' ranges
``usd_per_mtok``    ``usd`` over the volume
``p_self_cheaper``  share of draws in which self-hosting costs less than this leg; null for ``self``
``replicas``        ``self`` only: total, spares included
``utilisation``     ``self`` only: volume as a share of what the replicas could serve within the limits
================== =====================================================================================
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.economics.break_even import BreakEven, break_even, format_mtok, volume_limit_mtok
from gapbench.analysis.economics.break_even_range import DRAWS as BREAK_EVEN_DRAWS
from gapbench.analysis.economics.break_even_range import break_even_range
from gapbench.analysis.economics.demand import MAX_PEAK_REPLICAS
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import (
    API_LEGS,
    LEGS,
    Scenario,
    Values,
    api_usd_per_mtok,
    legs_usd_per_month,
    replica_usd_per_month,
    self_usd_per_month,
)
from gapbench.analysis.economics.self_hosting_cost import needed_utilisation, payback_months
from gapbench.analysis.economics.sensitivity import DRAWS, monte_carlo, tornado
from gapbench.analysis.economics.sizing import utilisation
from gapbench.analysis.economics.volume import tokens_per_request
from gapbench.errors import InputError
from gapbench.pricing import price_book_version
from gapbench.stats import SEED, Floats
from gapbench.store.json_records import records

GRID = 200
_CURVE_COLUMNS = (
    "volume_mtok",
    "leg",
    "usd",
    "usd_p05",
    "usd_p50",
    "usd_p95",
    "usd_per_mtok",
    "p_self_cheaper",
)


@dataclass(frozen=True)
class Tco:
    """Total cost of ownership of a scenario.

    Attributes:
        scenario: The scenario.
        volume_mtok: The requested volume, million tokens a month.
        frame: See the module's docstring.
        legs: The rows of ``frame`` at ``volume_mtok``, with ``label``; ``saving_usd_per_year`` of self-hosting compared
            with this leg (B5), ``needed_utilisation`` at which the two cost the same (B4; above 1 means never with these
            replicas), ``payback_months`` of bought servers (B6).
        break_evens: Break-evens against each API that has a price.
        tornado: See :func:`gapbench.analysis.economics.sensitivity.tornado`.
        draws: Number of Monte Carlo draws.
        warnings: One sentence for each caveat that readers need to know.
    """

    scenario: Scenario
    volume_mtok: float
    frame: pd.DataFrame
    legs: pd.DataFrame
    break_evens: dict[str, BreakEven]
    tornado: pd.DataFrame
    draws: int
    warnings: list[str] = field(default_factory=list)

    @property
    def simulated(self) -> bool:
        """Whether an input was measured on a simulated provider."""
        return self.scenario.simulated

    @property
    def needed_api_usd_per_mtok(self) -> float | None:
        """The API price at which self-hosting breaks even at the volume (B3). None if self-hosting has no price."""
        usd = self.monthly_usd("self")
        return None if usd is None else usd / self.volume_mtok

    @property
    def requests(self) -> float:
        """The requests a month: the volume over the tokens of one request."""
        return self.volume_mtok * 1e6 / tokens_per_request(self.scenario)

    def monthly_usd(self, leg: str) -> float | None:
        """Return what a leg costs in USD a month: the one figure that every output shows.

        For an API it is the cost at the inputs' values, so that it is what `bench cost` reports of the same requests. For
        self-hosting, whose assumed ranges are lopsided, it is the median, or the cost at the inputs' values if nothing was
        drawn. None if the leg has no price.
        """
        row = next(row for row in records(self.legs) if row["leg"] == leg)
        usd = row["usd"] if row["usd_p50"] is None or leg in API_LEGS else row["usd_p50"]
        return None if usd is None else float(usd)

    def usd_at(self, volume_mtok: float) -> dict[str, float | None]:
        """Return USD a month by leg at another volume, at the inputs' values. None: no price, or too many replicas."""
        point = self.scenario.point_values
        if volume_mtok > volume_limit_mtok(point):
            return dict.fromkeys(LEGS)
        costs = legs_usd_per_month(self.scenario, point, np.array([volume_mtok]))
        return {leg: None if usd is None else float(usd[0]) for leg, usd in costs.items()}

    def headline(self) -> str:
        """Return the break-even in one sentence for each API."""
        parts = []
        chances = {row["leg"]: row["p_self_cheaper"] for row in records(self.legs)}
        for leg, found in self.break_evens.items():
            chance, odds = chances[leg], ""
            if chance is not None:
                odds = f"; at {format_mtok(self.volume_mtok)} it is cheaper in {100 * chance:.0f} % of {self.draws:,} draws"
            parts.append(f"Break-even of self-hosting against the {leg} API: {found.description}{odds}.")
        if not self.scenario.can_self_host:
            return "Self-hosting has no price here; see the notes."
        return " ".join(parts) or "No API has a known price; nothing can be compared."

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench tco --json``; volumes in million tokens a month."""
        return {
            "schema": 1,
            "volume_mtok": self.volume_mtok,
            "requests": self.requests,
            "legs": records(self.legs),
            "break_even": [found.to_json() for found in self.break_evens.values()],
            "needed_api_usd_per_mtok": self.needed_api_usd_per_mtok,
            "tornado": records(self.tornado),
            "curve": records(self.frame),
            "inputs": {name: given.to_json() for name, given in self.scenario.inputs.items()},
            "measured": {leg: asdict(found) for leg, found in self.scenario.measured.items()},
            "draws": self.draws,
            "price_book": price_book_version(),
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def tco(
    scenario: Scenario,
    volume_mtok: float,
    *,
    v_max_mtok: float = 1e6,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Tco:
    """Return the monthly cost of each leg over volumes, and where they cross.

    Args:
        scenario: The scenario.
        volume_mtok: The volume of interest, million tokens a month.
        v_max_mtok: Largest volume considered, million tokens a month.
        draws: Number of Monte Carlo draws.
        seed: Seed of the draws.

    Raises:
        InputError: The volume is not above 0, or needs more replicas than the limit.
    """
    if not 0 < volume_mtok < float("inf"):
        raise InputError(f"found a volume of {volume_mtok:g} million tokens; give one above 0, such as 50M")
    point = scenario.point_values
    top = min(max(v_max_mtok, volume_mtok), volume_limit_mtok(point))
    if volume_mtok > top:
        raise InputError(
            f"{format_mtok(volume_mtok)} tokens a month need more than {MAX_PEAK_REPLICAS:,} replicas; "
            f"give at most {format_mtok(top)}"
        )
    crossed = {
        leg: _with_spread(scenario, found, seed)
        for leg in API_LEGS
        if (found := break_even(scenario, leg, top, point)) is not None
    }
    volumes = _volume_grid(volume_mtok, top, list(crossed.values()))
    simulated_costs = monte_carlo(scenario, volumes, draws=draws, seed=seed)
    exact = _exact_costs(scenario, volumes).merge(
        simulated_costs.frame, on=["volume_mtok", "leg"], how="left"
    )
    frame = exact[[*_CURVE_COLUMNS, "replicas", "utilisation"]]
    at_volume = frame[frame["volume_mtok"] == volume_mtok].reset_index(drop=True)
    against = next(iter(crossed), None)
    swings = tornado(scenario, volume_mtok, top, against) if against else tornado(scenario, volume_mtok, top)
    return Tco(
        scenario,
        volume_mtok,
        frame,
        _compare_legs(scenario, at_volume),
        crossed,
        swings,
        draws,
        _warnings(scenario, crossed, at_volume),
    )


def _with_spread(scenario: Scenario, found: BreakEven, seed: int) -> BreakEven:
    """Return a break-even with its range, if any input has one."""
    if not any(given.has_range for given in scenario.inputs.values()):
        return found
    inputs = scenario.draw(BREAK_EVEN_DRAWS, seed)
    top = min(found.v_max_mtok, volume_limit_mtok(inputs))
    return replace(found, spread=break_even_range(scenario, found.leg, top, inputs))


def _volume_grid(volume_mtok: float, top: float, crossed: list[BreakEven]) -> Floats:
    """Return a logarithmic grid of volumes that covers all break-evens and contains ``volume_mtok``."""
    marks = [volume_mtok]
    for found in crossed:
        marks += [volume for volume in (found.first_mtok, found.last_mtok) if volume is not None]
    low, high = min(marks) / 50, min(top, max(marks) * 20)
    grid = np.geomspace(low, high, GRID)
    # The requested volume replaces its nearest neighbor, so that it is priced exactly.
    grid[np.abs(np.log(grid / volume_mtok)).argmin()] = volume_mtok
    return np.asarray(grid)


def _exact_costs(scenario: Scenario, volumes: Floats) -> pd.DataFrame:
    point = scenario.point_values
    costs = legs_usd_per_month(scenario, point, volumes)
    replicas = used = np.full(len(volumes), np.nan)
    if scenario.can_self_host:
        replicas = self_usd_per_month(scenario, point, volumes)[1]
        used = utilisation(volumes, replicas, _replica_tokens_per_s(point))
    parts = []
    for leg in LEGS:
        usd = costs[leg]
        known = np.full(len(volumes), np.nan) if usd is None else usd
        own = leg == "self"
        parts.append(
            pd.DataFrame(
                {
                    "volume_mtok": volumes,
                    "leg": leg,
                    "usd": known,
                    "usd_per_mtok": known / volumes,
                    "replicas": replicas if own else np.nan,
                    "utilisation": used if own else np.nan,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _replica_tokens_per_s(point: Values) -> float:
    """Return the tokens per second of one replica within the limits, in tokens of the volume."""
    return float(point["replica_requests_per_s"] * (point["input_tokens"] + point["output_tokens"]))


def _compare_legs(scenario: Scenario, legs: pd.DataFrame) -> pd.DataFrame:
    """Return the legs at one volume, each compared with self-hosting."""
    point = scenario.point_values
    own = float(legs.loc[legs["leg"] == "self", "usd"].iloc[0])
    replicas = float(legs.loc[legs["leg"] == "self", "replicas"].iloc[0])
    always = replica_usd_per_month(scenario, point)[0] if scenario.can_self_host else 0.0
    rows = []
    for row in records(legs):
        leg = str(row["leg"])
        more: dict[str, Any] = {"label": scenario.describe_leg(leg), "saving_usd_per_year": None}
        price = None if leg == "self" else api_usd_per_mtok(leg, point)
        if price is not None and scenario.can_self_host:
            price = float(price)
            bill = float(row["usd"])
            more["saving_usd_per_year"] = 12 * (bill - own)
            if price > 0:
                rate = replicas * _replica_tokens_per_s(point)
                more["needed_utilisation"] = float(needed_utilisation(own, float(price), rate))
            if scenario.owned:
                capex = replicas * point["capex_usd_per_replica"]
                more["payback_months"] = payback_months(capex, bill, own - replicas * float(always))
        rows.append({**row, **more})
    names = ["leg", "label", "usd", "usd_p05", "usd_p50", "usd_p95", "usd_per_mtok", "p_self_cheaper"]
    names += ["replicas", "utilisation", "saving_usd_per_year", "needed_utilisation", "payback_months"]
    return pd.DataFrame(rows, columns=names)


def _describe_value(given: Quantity) -> str:
    ends = f" ({given.low:g} to {given.high:g})" if given.has_range else ""
    return f"{given.value:g}{ends}"


def _warnings(scenario: Scenario, crossed: dict[str, BreakEven], legs: pd.DataFrame) -> list[str]:
    warnings = list(scenario.notes)
    if scenario.memory is not None and scenario.memory.words:
        warnings.append(scenario.memory.words)
    assumed = [
        f"{name} {_describe_value(given)}"
        for name, given in scenario.inputs.items()
        if given.source.startswith("assumed")
        and not (name == "cached_share" and "closed_cached_share" in scenario.inputs)
    ]
    if assumed:
        warnings.append(
            f"assumed, not given (set with --set NAME=VALUE or in the tco: block): {', '.join(assumed)}"
        )
    warnings += [
        f"break-evens against the {leg} API were searched only up to {format_mtok(found.v_max_mtok)}: larger volumes need "
        f"more than {MAX_PEAK_REPLICAS:,} replicas"
        for leg, found in crossed.items()
        if found.capped
    ]
    if legs["usd_p50"].isna().all() and legs["usd"].notna().any():
        warnings.append(
            f"at this volume some draws need more than {MAX_PEAK_REPLICAS:,} replicas; there are no percentiles"
        )
    if scenario.simulated:
        warnings.append("a figure was measured on a simulated provider")
    return warnings
