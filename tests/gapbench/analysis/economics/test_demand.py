"""The course of a month, and the staircase of replicas that follow it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gapbench.analysis.economics.demand import (
    day_profile,
    demand_from_csv,
    demand_of_shape,
    replica_staircase,
)
from gapbench.errors import DocumentError, InputError


@pytest.mark.parametrize("peak", [1.0, 1.23, 2.0, 3.0, 8.0])
def test_a_day_has_the_peak_asked_for(peak: float) -> None:
    """The mean is 1, the highest hour the peak, and no hour is below zero."""
    rates = day_profile(peak)

    assert 1.0 == pytest.approx(rates.mean())
    assert peak == pytest.approx(rates.max(), rel=1e-6)
    assert rates.min() >= 0


def test_office_hours_are_forty_of_a_hundred_and_sixty_eight() -> None:
    """Peak over mean 4.2."""
    office = demand_of_shape("business")

    assert 4.2 == pytest.approx(office.peak_over_average)
    assert 1.0 == pytest.approx(np.mean(office.relative))


def test_a_staircase_at_a_constant_load() -> None:
    """No spares: a load of 1 is one replica, a little more is two, and 2 is two."""
    stairs = replica_staircase(np.array([1.0]), 3.0, availability=1.0, target=0.0)

    assert [1, 1, 2, 2, 3] == stairs(np.array([0.1, 1.0, 1.001, 2.0, 2.5])).tolist()


def test_a_staircase_follows_the_hours() -> None:
    """Half the hours at 0.5, half at 1.5: a mean load of 2 needs 1 and 3 replicas, 2 on average."""
    stairs = replica_staircase(np.array([0.5, 1.5]), 4.0, availability=1.0, target=0.0)
    by_hand = [(np.ceil(0.5 * load) + np.ceil(1.5 * load)) / 2 for load in (0.5, 1.0, 2.0, 3.3)]

    assert by_hand == stairs(np.array([0.5, 1.0, 2.0, 3.3])).tolist()


def test_a_staircase_has_spares_and_a_floor() -> None:
    """One replica becomes two for 99.9 %; idle hours keep the minimum."""
    stairs = replica_staircase(np.array([0.0, 2.0]), 2.0, availability=0.99, target=0.999, replicas_min=1)

    assert [(1 + 2) / 2, (1 + 3) / 2] == stairs(np.array([0.5, 1.0])).tolist()


def test_a_users_own_hours(tmp_path: Path) -> None:
    """Any unit, a heading, a column before it: 10, 30 become 0.5, 1.5."""
    file = tmp_path / "hours.csv"
    file.write_text("hour,requests\n0,10\n1,30\n")

    assert (0.5, 1.5) == demand_from_csv(file).relative


@pytest.mark.parametrize("text", ["", "rate\n", "1\nx\n", "1\n-1\n", "0\n0\n"])
def test_hours_that_cannot_be(tmp_path: Path, text: str) -> None:
    """Empty, no numbers, negative or nothing at all."""
    file = tmp_path / "hours.csv"
    file.write_text(text)

    with pytest.raises(DocumentError):
        demand_from_csv(file)


def test_shapes_and_peaks_that_cannot_be() -> None:
    """A name that is not known, a peak below the mean."""
    with pytest.raises(InputError, match="expected one of"):
        demand_of_shape("night")
    with pytest.raises(InputError, match="between 1 and 20"):
        demand_of_shape("day", 0.5)
