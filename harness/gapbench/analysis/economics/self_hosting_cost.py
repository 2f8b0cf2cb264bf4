"""Formulas of the monthly cost of self-hosting: rent or depreciation, power, people, updates (C1 to C6, B1).

Every function takes numbers or arrays that broadcast with each other. Money is in USD.
"""

from __future__ import annotations

import math

import numpy as np

from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, MTOK, SECONDS_PER_MONTH, Numbers


def rent_usd_per_month(gpus: Numbers, usd_per_gpu_hour: Numbers, reserved_discount: Numbers = 0.0) -> Numbers:
    """Return the rent of GPUs for a month (C1).

    Args:
        gpus: Number of GPUs.
        usd_per_gpu_hour: On-demand price of one GPU.
        reserved_discount: Discount for a reservation, 0 to 1.
    """
    return gpus * usd_per_gpu_hour * HOURS_PER_MONTH * (1 - reserved_discount)


def depreciation_usd_per_month(
    capex_usd: Numbers, months: float, residual: Numbers = 0.0, interest_per_month: float = 0.0
) -> Numbers:
    """Return the monthly cost of owned hardware, without power (C2).

    Straight-line depreciation without interest. With interest, the annuity of the price minus the residual's present
    value: CRF = i / (1 - (1 + i)^-m).

    Args:
        capex_usd: Price of the hardware.
        months: Months of use.
        residual: Resale value at the end, as a share of the price.
        interest_per_month: Cost of capital, such as 0.01.
    """
    if interest_per_month == 0:
        return capex_usd * (1 - residual) / months
    discounted = math.exp(-months * math.log1p(interest_per_month))
    return interest_per_month / (1 - discounted) * capex_usd * (1 - residual * discounted)


def power_usd_per_month(
    power_kw: Numbers, pue: Numbers, usd_per_kwh: Numbers, load_factor: Numbers = 1.0
) -> Numbers:
    """Return the monthly cost of energy (C2): power times PUE times hours times price.

    Args:
        power_kw: Power of the hardware under load.
        pue: Power usage effectiveness of the site, at least 1.
        usd_per_kwh: Price of energy.
        load_factor: Average power as a share of ``power_kw``.
    """
    return power_kw * load_factor * pue * HOURS_PER_MONTH * usd_per_kwh


def people_usd_per_month(engineers: Numbers, usd_per_engineer_year: Numbers) -> Numbers:
    """Return the monthly cost of engineers (C4) at their loaded yearly cost."""
    return engineers * usd_per_engineer_year / 12


def updates_usd_per_month(updates_per_year: Numbers, days: Numbers, usd_per_day: Numbers) -> Numbers:
    """Return the monthly cost of model updates (C5): evaluation, roll-out, migration."""
    return updates_per_year * days * usd_per_day / 12


def usd_per_mtok(usd_per_month: Numbers, volume_mtok: Numbers) -> Numbers:
    """Return USD per million tokens (B1)."""
    return usd_per_month / volume_mtok


def floor_usd_per_mtok(usd_per_hour: Numbers, tokens_per_s: Numbers, utilisation: Numbers = 1.0) -> Numbers:
    """Return USD per million tokens of a server (M5): its hourly price over the tokens of an hour.

    Args:
        usd_per_hour: Price of the whole server.
        tokens_per_s: Tokens per second: either all tokens or only output; the result has the same basis.
        utilisation: Share of that rate that is used.
    """
    return usd_per_hour * MTOK / (tokens_per_s * 3600 * utilisation)


def needed_utilisation(usd_per_month: Numbers, api_usd_per_mtok: Numbers, tokens_per_s: Numbers) -> Numbers:
    """Return the utilisation at which self-hosting costs the same as the API (B4); above 1 it is not reachable.

    Args:
        usd_per_month: Total monthly cost of the servers.
        api_usd_per_mtok: Price of the API, input and output blended.
        tokens_per_s: Input and output tokens per second of all servers together.
    """
    return usd_per_month * MTOK / (api_usd_per_mtok * tokens_per_s * SECONDS_PER_MONTH)


def payback_months(capex_usd: float, api_usd_per_month: float, running_usd_per_month: float) -> float | None:
    """Return the months after which bought hardware has paid for itself (B6), or None if it never does."""
    saved = api_usd_per_month - running_usd_per_month
    return capex_usd / saved if saved > 0 else None


def blended_usd_per_mtok(input_usd_per_mtok: float, output_usd_per_mtok: float, input_share: float) -> float:
    """Return USD per million tokens of a mix; ``input_share`` of them are input."""
    return float(np.dot([input_usd_per_mtok, output_usd_per_mtok], [input_share, 1 - input_share]))
