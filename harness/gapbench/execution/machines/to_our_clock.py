"""Translate what a machine measured to the conductor's clock, when it is read. Differences do not change."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from gapbench.execution.workers.protocol import AttemptMessage
from gapbench.values import Timing

_INSTANTS = tuple(field.name for field in fields(Timing) if field.name not in {"chunk_s", "chunk_tokens"})


def to_our_clock(message: AttemptMessage, offset_s: float) -> AttemptMessage:
    """Return an attempt with its instants on our clock.

    Args:
        message: The attempt, with its instants on the machine's clock.
        offset_s: The machine's clock minus ours.
    """
    timing, context, turn = message.response.timing, message.context, message.turn
    moved: dict[str, Any] = {
        name: None if (at_s := getattr(timing, name)) is None else at_s - offset_s for name in _INSTANTS
    }
    response = replace(
        message.response,
        timing=replace(timing, **moved, chunk_s=tuple(at_s - offset_s for at_s in timing.chunk_s)),
    )
    if turn is not None and turn.end is not None:
        end = replace(turn.end, start_s=turn.end.start_s - offset_s, end_s=turn.end.end_s - offset_s)
        turn = replace(turn, end=end)
    return replace(
        message,
        response=response,
        context=replace(context, scheduled_s=context.scheduled_s - offset_s),
        turn=turn,
    )
