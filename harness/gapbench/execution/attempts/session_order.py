"""Sessions of a replay: which requests follow which, and which go to one worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gapbench.suite.plan import PlannedRequest


def group_by_session(
    requests: Sequence[tuple[PlannedRequest, int]],
) -> list[list[tuple[PlannedRequest, int]]]:
    """Return requests grouped by session, each in its order, the groups by their first request.

    Args:
        requests: Each request with the number of attempts that earlier sessions of the run made, by due time. A request
            of no session is a group of its own.
    """
    groups: list[list[tuple[PlannedRequest, int]]] = []
    by_session: dict[str, list[tuple[PlannedRequest, int]]] = {}
    for request in requests:
        session = request[0].session
        known = None if session is None else by_session.get(session)
        if known is not None:
            known.append(request)
            continue
        group = [request]
        groups.append(group)
        if session is not None:
            by_session[session] = group
    return groups


def deal_sessions(
    numbers: Sequence[int], hands: int, requests: Sequence[PlannedRequest]
) -> Iterator[tuple[int, int]]:
    """Yield the number of each request with the hand that it is dealt to: in turn, but all of a session to one.

    Args:
        numbers: Numbers of the requests to deal, in order.
        hands: How many to deal to.
        requests: The cell's requests, by number. (): none is of a session.
    """
    turn = 0
    by_session: dict[str, int] = {}
    for number in numbers:
        session = requests[number].session if requests else None
        hand = None if session is None else by_session.get(session)
        if hand is None:
            hand, turn = turn % hands, turn + 1
            if session is not None:
                by_session[session] = hand
        yield number, hand
