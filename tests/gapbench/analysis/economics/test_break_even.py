"""From which volume on self-hosting is cheaper: every crossing of the staircase, with its range."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gapbench.analysis.economics.break_even import break_even
from gapbench.analysis.economics.break_even_range import break_even_range
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import self_usd_per_month
from gapbench.analysis.economics.tco import tco
from gapbench.errors import InputError
from tests.scenarios import plain


@pytest.mark.parametrize(
    ("usd_per_gpu_hour", "tokens_per_s", "price", "expected_btok"),
    [
        (3.5, 26_032, 10.0, 6.4),
        (3.5, 26_032, 4.8125, 18.7),
        (2.95, 35_344, 10.0, 5.6),
        (2.95, 35_344, 4.8125, 11.6),
        # The notes' coarser scan saw 38; the staircase is crossed nineteen times from 35.7 to 61.6.
        (2.95, 5_838, 10.0, 35.7),
        (3.5, 26_032, 1.25, None),
        (2.95, 35_344, 0.88, None),
        (2.95, 5_838, 4.8125, None),
    ],
)
def test_the_break_evens_of_the_notes(
    usd_per_gpu_hour: float, tokens_per_s: float, price: float, expected_btok: float | None
) -> None:
    """R1, 70B and 405B on a node at half their highest throughput, against Opus, GPT-5.2 and hosted prices."""
    given = plain(
        usd_per_gpu_hour=usd_per_gpu_hour,
        replica_requests_per_s=tokens_per_s * 0.5 / 2_000,
        closed_usd_per_mtok=price,
    )
    found = break_even(given, "closed", 200_000.0)

    assert found is not None
    if expected_btok is None:
        assert found.last_mtok is None
    else:
        assert found.first_mtok is not None
        assert expected_btok == pytest.approx(found.first_mtok / 1000, rel=0.02)


def test_one_replica_has_a_closed_form() -> None:
    """Within one step V* = F / (p - c): here $63,635 over $10 less $0.50 of egress."""
    found = break_even(plain(egress_usd_per_mtok=0.5), "closed", 1e6)

    assert found is not None
    assert found.first_mtok == pytest.approx((2 * 28 * 730.5 * 1.25 + 12_500) / 9.5, rel=1e-9)


@pytest.mark.parametrize("autoscale", [False, True])
@pytest.mark.parametrize("price", [2.0, 2.35, 3.0, 4.8])
def test_every_crossing_is_found(price: float, *, autoscale: bool) -> None:
    """A grid of a million volumes changes sides exactly where the crossings are."""
    given = plain(closed_usd_per_mtok=price, autoscale=autoscale)
    top = 200_000.0
    volumes = np.linspace(top / 1e6, top, 1_000_000)
    dearer = self_usd_per_month(given, given.point_values, volumes)[0] > price * volumes
    changes = volumes[1:][dearer[1:] != dearer[:-1]]
    found = break_even(given, "closed", top)

    assert found is not None
    assert list(changes) == pytest.approx(list(found.crossings), rel=2e-2, abs=2 * top / 1e6)
    assert (found.last_mtok is None) == bool(dearer[-1])


def test_the_next_replica_takes_the_advantage_back() -> None:
    """A staircase is cheaper, dearer and cheaper again: first and last break-even differ."""
    found = break_even(plain(closed_usd_per_mtok=3.1), "closed", 200_000.0)

    assert found is not None
    assert found.first_mtok is not None
    assert found.last_mtok is not None
    assert found.first_mtok < found.last_mtok
    assert 1 == len(found.crossings) % 2
    assert "for good from" in found.description


def test_a_price_below_the_marginal_cost_never_breaks_even() -> None:
    """Egress alone costs more than the API."""
    found = break_even(plain(egress_usd_per_mtok=11), "closed", 1e5)

    assert found is not None
    assert () == found.crossings
    assert "none up to 100B tokens a month" == found.description


def test_without_a_price_there_is_no_break_even() -> None:
    """Unknown is None, never 0."""
    assert break_even(plain(closed_usd_per_mtok=None), "closed", 1e5) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_range_of_a_break_even_is_that_of_every_draw(seed: int) -> None:
    """Each draw's exact break-even, one by one; the percentiles agree within the steps of the grid."""
    rng = np.random.default_rng(seed)
    price, gpu = float(rng.uniform(4, 12)), float(rng.uniform(2, 4))
    given = plain(
        closed_usd_per_mtok=Quantity(price, "USD/Mtok", price * 0.7, price * 1.4),
        usd_per_gpu_hour=Quantity(gpu, "USD/GPU-hour", gpu * 0.8, gpu * 1.8),
        engineers=Quantity(0.5, "engineers", 0.0, 1.0),
    )
    draws, top = given.draw(300, seed), 100_000.0
    found = break_even_range(given, "closed", top, draws)
    one_by_one = [
        break_even(given, "closed", top, {name: float(values[k]) for name, values in draws.items()})
        for k in range(300)
    ]
    exact = sorted(one.last_mtok or np.inf for one in one_by_one if one is not None)
    firsts = sorted(one.first_mtok or np.inf for one in one_by_one if one is not None)

    assert found is not None
    for place, share in enumerate((0.05, 0.5, 0.95)):
        k = round(share * 299)
        for values, got in ((exact, found.last_mtok[place]), (firsts, found.first_mtok[place])):
            assert (np.inf if got is None else got) == pytest.approx(values[k], rel=0.05)
    assert sum(np.isinf(exact)) / 300 == pytest.approx(found.never_share, abs=0.01)


def test_a_break_even_is_printed_with_its_range() -> None:
    """The median of the draws and 5 to 95 %; a scenario without ranges has its exact volume."""
    wide = plain(closed_usd_per_mtok=Quantity(10.0, "USD/Mtok", 8.0, 14.0))
    found = tco(wide, 1_000.0, draws=200)
    document = found.break_evens["closed"].to_json()

    assert re.search(r"from [\d.]+B tokens a month on \(5 to 95 %: [\d.]+B to [\d.]+B\)", found.headline())
    assert document["last_mtok_p05"] < document["last_mtok_p50"] < document["last_mtok_p95"]
    assert "5 to 95" not in tco(plain(), 1_000.0, draws=200).headline()


def test_a_free_api_is_never_beaten() -> None:
    """A price of 0: no break-even, no needed utilisation, no division by it."""
    table = tco(plain(closed_usd_per_mtok=0), 1_000.0, draws=50)

    assert "none up to" in table.headline()
    assert table.legs["needed_utilisation"].isna().all()


def test_ranges_that_reach_beyond_all_replicas_have_no_percentiles() -> None:
    """The point is priced, the draws are not, and a note says so."""
    wild = plain(replica_requests_per_s=Quantity(6.5, "requests/s", 0.5, 7.0))
    table = tco(wild, 2.2e8, draws=200)

    assert table.legs["usd"].notna().sum() == 2
    assert table.legs["usd_p50"].isna().all()
    assert any("no percentiles" in line for line in table.warnings)
    assert "draws" not in table.headline()


def test_a_volume_beyond_all_replicas_is_refused() -> None:
    """More replicas than are counted: what was found, and the most that would do."""
    with pytest.raises(InputError, match="at most"):
        tco(plain(replica_requests_per_s=0.001), 1e6)
