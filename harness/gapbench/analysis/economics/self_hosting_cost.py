"""What a month of self-hosting costs: rent or write-off, power, overhead, people, updates (C1 to C6, B1).

Every function takes numbers or arrays that broadcast against each other; money is USD.
"""

from __future__ import annotations

import math

import numpy as np

from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, MTOK, SECONDS_PER_MONTH, Numbers


def rent_usd_per_month(gpus: Numbers, usd_per_gpu_hour: Numbers, reserved_discount: Numbers = 0.0) -> Numbers:
    """Return the rent of GPUs for a month (C1).

    Args:
        gpus: How many.
        usd_per_gpu_hour: Price of one on demand.
        reserved_discount: Share taken off for a reservation, 0 to 1.
    """
    return gpus * usd_per_gpu_hour * HOURS_PER_MONTH * (1 - reserved_discount)


def depreciation_usd_per_month(
    capex_usd: Numbers, months: float, residual: Numbers = 0.0, interest_per_month: float = 0.0
) -> Numbers:
    """Return what owned hardware costs a month, without power (C2).

    A straight line without interest; with it, the annuity of the price less the residual's present value:
    CRF = i / (1 - (1 + i)^-m).

    Args:
        capex_usd: Price of the hardware.
        months: Months that it is used.
        residual: Share of the price that it fetches at the end.
        interest_per_month: Cost of capital, such as 0.01.
    """
    if interest_per_month == 0:
        return capex_usd * (1 - residual) / months
    discounted = math.exp(-months * math.log1p(interest_per_month))
    return interest_per_month / (1 - discounted) * capex_usd * (1 - residual * discounted)


def power_usd_per_month(
    power_kw: Numbers, pue: Numbers, usd_per_kwh: Numbers, load_factor: Numbers = 1.0
) -> Numbers:
    """Return the month's energy (C2): power times PUE times hours times price.

    Args:
        power_kw: Draw of the hardware under load.
        pue: Power usage effectiveness of the site, at least 1.
        usd_per_kwh: Price of energy.
        load_factor: Share of the draw that is drawn on average.
    """
    return power_kw * load_factor * pue * HOURS_PER_MONTH * usd_per_kwh


def people_usd_per_month(engineers: Numbers, usd_per_engineer_year: Numbers) -> Numbers:
    """Return what engineers cost a month (C4), all their costs included."""
    return engineers * usd_per_engineer_year / 12


def updates_usd_per_month(updates_per_year: Numbers, days: Numbers, usd_per_day: Numbers) -> Numbers:
    """Return what model updates cost a month (C5): evaluation, roll-out, migration."""
    return updates_per_year * days * usd_per_day / 12


def usd_per_mtok(usd_per_month: Numbers, volume_mtok: Numbers) -> Numbers:
    """Return USD per million tokens (B1)."""
    return usd_per_month / volume_mtok


def floor_usd_per_mtok(usd_per_hour: Numbers, tokens_per_s: Numbers, utilisation: Numbers = 1.0) -> Numbers:
    """Return USD per million tokens of a server (M5): its hour over the tokens of that hour.

    Args:
        usd_per_hour: Of the whole server.
        tokens_per_s: Tokens that are counted: all of them, or output alone; say which.
        utilisation: Share of that rate that is used.
    """
    return usd_per_hour * MTOK / (tokens_per_s * 3600 * utilisation)


def needed_utilisation(usd_per_month: Numbers, api_usd_per_mtok: Numbers, tokens_per_s: Numbers) -> Numbers:
    """Return the utilisation at which a month's cost is the API's (B4); above 1 there is none.

    Args:
        usd_per_month: Of the servers, everything included.
        api_usd_per_mtok: Price to beat, input and output blended.
        tokens_per_s: Input and output tokens a second of all the servers together.
    """
    return usd_per_month * MTOK / (api_usd_per_mtok * tokens_per_s * SECONDS_PER_MONTH)


def payback_months(capex_usd: float, api_usd_per_month: float, running_usd_per_month: float) -> float | None:
    """Return the months after which bought hardware has paid itself back (B6). None: never."""
    saved = api_usd_per_month - running_usd_per_month
    return capex_usd / saved if saved > 0 else None


def blended_usd_per_mtok(input_usd_per_mtok: float, output_usd_per_mtok: float, input_share: float) -> float:
    """Return USD per million tokens of a mix; ``input_share`` of them are input."""
    return float(np.dot([input_usd_per_mtok, output_usd_per_mtok], [input_share, 1 - input_share]))
