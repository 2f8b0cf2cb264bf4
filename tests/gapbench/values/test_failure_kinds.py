"""One table says what each kind of failure means."""

from __future__ import annotations

from typing import get_args

import pytest

from gapbench.errors import FailureKind
from gapbench.values.failure_kinds import FAILURE_KINDS, FailureTraits, failure_traits

# kind: retryable, trips the breaker, proves alive, gives up after, load signal, billed
TABLE = {
    "connect": (True, True, False, None, "in_trouble", False),
    "timeout": (True, True, False, None, "in_trouble", True),
    "cut_stream": (True, True, False, None, "in_trouble", True),
    "garbage": (True, True, False, None, "in_trouble", True),
    "overloaded": (True, True, False, None, "in_trouble", False),
    "server": (True, True, False, None, "in_trouble", False),
    "rate_limit": (True, False, False, None, "too_fast", False),
    "quota": (False, True, False, 1, None, False),
    "auth": (False, True, False, 3, None, False),
    "not_found": (False, True, False, 3, None, False),
    "bad_request": (False, False, True, None, None, False),
    "cancelled": (False, False, False, None, None, True),
    "environment": (True, False, False, None, None, True),
    "runner": (False, False, False, None, None, False),
}


def test_every_failure_kind_has_a_row() -> None:
    """None is missing, none is unknown."""
    assert FAILURE_KINDS.keys() == set(get_args(FailureKind)) == TABLE.keys()


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_a_row_of_the_table(kind: FailureKind) -> None:
    """Its six properties."""
    traits = FAILURE_KINDS[kind]

    assert TABLE[kind] == (
        traits.is_retryable,
        traits.trips_breaker,
        traits.proves_alive,
        traits.gives_up_after,
        traits.load_signal,
        traits.may_be_billed,
    )


def test_an_unknown_kind_of_an_old_row_has_no_traits() -> None:
    """A row of another version can be read."""
    assert failure_traits("eaten by the cat") == FailureTraits()


@pytest.mark.parametrize("traits", FAILURE_KINDS.values())
def test_the_properties_fit_together(traits: FailureTraits) -> None:
    """What gives a model up trips the breaker and is not retried; nothing both trips it and proves it alive."""
    assert not (traits.trips_breaker and traits.proves_alive)
    if traits.gives_up_after is not None:
        assert traits.trips_breaker
        assert not traits.is_retryable
