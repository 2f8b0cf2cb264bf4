"""What each kind of failure means for retries, the circuit breaker, concurrency and the bill: the only such table.

Code that has to treat one failure differently from another asks for a property of its kind; it does not list kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from gapbench.errors import FailureKind

LoadSignal = Literal["too_fast", "in_trouble"]
"""What a failure says about the load: the provider refused the request rate, or the server is in trouble."""


@dataclass(frozen=True, slots=True)
class FailureTraits:
    """The properties of one kind of failure.

    Attributes:
        is_retryable: Another attempt may succeed.
        trips_breaker: Many in a row, with no answer in between, say that the endpoint is dead or hangs.
        proves_alive: Only a working endpoint fails like this. A kind that neither trips the breaker nor proves the
            endpoint alive (a rate limit, a cancellation) says nothing about it.
        gives_up_after: Waiting does not help: this many of the kind, without an answer in between, give the model up.
            None: waiting may help.
        load_signal: ``too_fast`` halves adaptive concurrency, and its Retry-After makes all requests of the model wait;
            ``in_trouble`` pauses the growth of adaptive concurrency. None: says nothing about the load.
        may_be_billed: After HTTP 200 the provider may charge for tokens whose count never arrived.
        may_be_billed_in_batch: In a batch, where it may be charged without an HTTP status of its own. A request that
            expired or was cancelled there was never answered.
    """

    is_retryable: bool = False
    trips_breaker: bool = False
    proves_alive: bool = False
    gives_up_after: int | None = None
    load_signal: LoadSignal | None = None
    may_be_billed: bool = False
    may_be_billed_in_batch: bool = False


_NEUTRAL = FailureTraits()
_IN_TROUBLE = FailureTraits(is_retryable=True, trips_breaker=True, load_signal="in_trouble")
_IN_TROUBLE_BILLED = FailureTraits(
    is_retryable=True, trips_breaker=True, load_signal="in_trouble", may_be_billed=True
)
_BROKEN = replace(_IN_TROUBLE_BILLED, may_be_billed_in_batch=True)

FAILURE_KINDS: Mapping[FailureKind, FailureTraits] = {
    "connect": _IN_TROUBLE,
    "timeout": _IN_TROUBLE_BILLED,
    "cut_stream": _BROKEN,
    "garbage": _BROKEN,
    "overloaded": _IN_TROUBLE,
    "server": _IN_TROUBLE,
    "rate_limit": FailureTraits(is_retryable=True, load_signal="too_fast"),
    "quota": FailureTraits(trips_breaker=True, gives_up_after=1),
    "auth": FailureTraits(trips_breaker=True, gives_up_after=3),
    "not_found": FailureTraits(trips_breaker=True, gives_up_after=3),
    "bad_request": FailureTraits(proves_alive=True),
    "cancelled": FailureTraits(may_be_billed=True),
    "environment": FailureTraits(is_retryable=True, may_be_billed=True),
    "runner": _NEUTRAL,
}


def is_asked_again_on_resume(kind: str | None) -> bool:
    """Return whether ``bench run --resume`` repeats a request that ended with this failure.

    It does if another attempt may succeed later: the endpoint was in trouble or unreachable, a quota was used up, or the
    key or the address may have been corrected. What the request itself or the runner caused would fail again.

    Args:
        kind: How the final attempt failed. None: it brought an answer.
    """
    if kind is None:
        return False
    traits = failure_traits(kind)
    return traits.is_retryable or traits.trips_breaker


def failure_traits(kind: str) -> FailureTraits:
    """Return the traits of a failure kind; a kind that this version does not know has none."""
    return FAILURE_KINDS.get(cast("FailureKind", kind), _NEUTRAL)
