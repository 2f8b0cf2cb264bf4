"""Replicas for a load, and what a month of them costs: the check values of the economics notes."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.economics.self_hosting_cost import (
    blended_usd_per_mtok,
    depreciation_usd_per_month,
    floor_usd_per_mtok,
    needed_utilisation,
    payback_months,
    power_usd_per_month,
    rent_usd_per_month,
    updates_usd_per_month,
)
from gapbench.analysis.economics.sizing import (
    SECONDS_PER_MONTH,
    peak_replicas,
    replicas_with_spares,
    utilisation,
)


@pytest.mark.parametrize(("peak", "expected"), [(0, 0), (1, 2), (2, 3), (4, 5), (8, 10)])
def test_spares_for_three_nines(peak: int, expected: int) -> None:
    """Replicas that are up 99 % of the time, for 99.9 %: 1->2, 2->3, 4->5, 8->10."""
    assert expected == replicas_with_spares(peak, 0.99, 0.999)


def test_spares_are_the_fewest() -> None:
    """By hand for three of n at 0.9: n = 4 gives 0.9^4 + 4 x 0.9^3 x 0.1 = 0.9477, n = 5 gives 0.99144."""
    assert 5 == replicas_with_spares(3, 0.9, 0.99)
    assert 4 == replicas_with_spares(3, 0.9, 0.94)


def test_no_target_needs_no_spares() -> None:
    """A target of 0, or a replica that never fails."""
    assert 7 == replicas_with_spares(7, 0.99, 0.0)
    assert 7 == replicas_with_spares(7, 1.0, 0.999)


def test_a_target_that_nothing_reaches_is_refused() -> None:
    """Certainty is beyond any number of replicas."""
    with pytest.raises(ValueError, match="never gives"):
        replicas_with_spares(1, 0.99, 1.0)


def test_headroom_divides_and_exact_loads_are_not_rounded_up() -> None:
    """24/s at 10/s a replica of which 80 % may be used: exactly 3."""
    assert 3 == peak_replicas(24.0, 10.0, 0.8)
    assert 4 == peak_replicas(24.1, 10.0, 0.8)


def test_many_replicas_at_once() -> None:
    """An array keeps its shape and never falls."""
    counts = replicas_with_spares(np.arange(200.0), 0.99, 0.999)

    assert (200,) == counts.shape
    assert (np.diff(counts) >= 0).all()


def test_sglang_floor() -> None:
    """22.3 k output tokens/s at $16 an hour: 16 / (0.0223 x 3600) = $0.199 per million."""
    assert 0.199 == pytest.approx(float(floor_usd_per_mtok(16.0, 22_300.0)), abs=5e-4)


def test_the_floor_doubles_at_half_use() -> None:
    """R1 on 8 H200: $0.30 at 100 %, $0.60 at 50 %, $14.9 at 2 %."""
    found = [float(floor_usd_per_mtok(28.0, 26_032.0, used)) for used in (1.0, 0.5, 0.02)]

    assert [0.30, 0.60, 14.9] == pytest.approx(found, abs=0.05)


def test_rent_of_a_node() -> None:
    """8 x $2.95 x 730.5 h, a fifth off for a reservation."""
    assert 8 * 2.95 * 730.5 == pytest.approx(float(rent_usd_per_month(8, 2.95)))
    assert 0.8 * 8 * 2.95 * 730.5 == pytest.approx(float(rent_usd_per_month(8, 2.95, 0.2)))


def test_write_off_with_and_without_interest() -> None:
    """36 months, a quarter left: 300,000 x 0.75 / 36; at 1 % a month the annuity, near it at 1e-9."""
    line = float(depreciation_usd_per_month(300_000.0, 36, 0.25))
    factor = 0.01 / (1 - 1.01**-36)

    assert 6_250 == pytest.approx(line)
    assert factor * (300_000 - 75_000 * 1.01**-36) == pytest.approx(
        float(depreciation_usd_per_month(300_000.0, 36, 0.25, 0.01))
    )
    assert line == pytest.approx(float(depreciation_usd_per_month(300_000.0, 36, 0.25, 1e-9)), rel=1e-4)


def test_power_and_updates() -> None:
    """10.2 kW x 1.3 x 730.5 h x $0.12 = $1,162; four updates of five days at $1,200 are $2,000 a month."""
    assert 1_162.4 == pytest.approx(float(power_usd_per_month(10.2, 1.3, 0.12)), abs=0.1)
    assert 2_000 == pytest.approx(float(updates_usd_per_month(4, 5, 1_200)))


def test_use_and_the_use_that_would_do() -> None:
    """Half of what one replica of 100 tokens/s serves in a month; $500 against $10 over that capacity."""
    full_mtok = 100 * SECONDS_PER_MONTH / 1e6

    assert 0.5 == pytest.approx(float(utilisation(full_mtok / 2, 1, 100)))
    assert 500 / (10 * full_mtok) == pytest.approx(float(needed_utilisation(500.0, 10.0, 100.0)))


def test_payback() -> None:
    """$300,000 against $25,000 a month saved is a year; nothing saved is never."""
    assert 12 == payback_months(300_000, 30_000, 5_000)
    assert payback_months(300_000, 5_000, 5_000) is None


def test_blended() -> None:
    """Opus at 3:1: 0.75 x 5 + 0.25 x 25."""
    assert 10.0 == blended_usd_per_mtok(5, 25, 0.75)
