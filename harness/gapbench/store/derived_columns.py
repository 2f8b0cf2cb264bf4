"""Columns that are computed from those of the attempt row when it is read. :mod:`gapbench.analysis.frames` says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class DerivedColumn(NamedTuple):
    """A derived column.

    Attributes:
        expression: SQL over the stored columns, whose table is ``s``.
        sources: The stored columns that it reads.
        of_episodes: The same where rows may be turns of episodes, whose own figures are in ``e``; "" if it is no different.
    """

    expression: str
    sources: tuple[str, ...]
    of_episodes: str = ""


def _between(start: str, end: str) -> DerivedColumn:
    return DerivedColumn(f"s.{end} - s.{start}", (start, end))


# A reply from our own cache says nothing about the provider's speed.
_LATENCY = "CASE WHEN NOT coalesce(s.from_cache, false) THEN s.done_s - s.sent_s END"
_RESPONSE = (
    "CASE WHEN NOT coalesce(s.from_cache, false) AND s.sent_s IS NOT NULL THEN s.done_s - s.scheduled_s END"
)
_SPEED = f"CASE WHEN ({_LATENCY}) > 0 AND s.output_chars > 0 THEN s.output_chars / ({_LATENCY}) END"
_WITHIN = "(NOT s.final AND s.turn IS NOT NULL AND s.outcome <> 'infra')"
"""Whether a row is a reply of an episode that went on after it."""
_IS_END = "s.final AND s.trajectory_id IS NOT NULL"

DERIVED: Mapping[str, DerivedColumn] = {
    "queue_s": _between("scheduled_s", "sent_s"),
    "ttft_s": _between("sent_s", "first_token_s"),
    "answer_ttft_s": _between("sent_s", "first_answer_s"),
    "latency_s": DerivedColumn(_LATENCY, ("sent_s", "done_s", "from_cache")),
    "response_s": DerivedColumn(
        _RESPONSE,
        ("scheduled_s", "sent_s", "done_s", "from_cache"),
        f"CASE WHEN {_IS_END} THEN e.wall_s ELSE {_RESPONSE} END",
    ),
    "answer_chars_per_s": DerivedColumn(
        _SPEED,
        ("output_chars", "sent_s", "done_s", "from_cache"),
        f"CASE WHEN {_IS_END} THEN e.answer_chars_per_s ELSE {_SPEED} END",
    ),
    "complete_call_s": _between("sent_s", "first_complete_call_s"),
    "timed": DerivedColumn(
        f"(s.phase = 'measure' AND (s.final OR {_WITHIN}))", ("final", "phase", "outcome", "turn")
    ),
    "retried": DerivedColumn(f"(NOT s.final AND NOT {_WITHIN})", ("final", "outcome", "turn")),
    "load": DerivedColumn("string_split(s.cell_id, '|')[-1]", ("cell_id",)),
    "scored": DerivedColumn(
        "(s.final AND s.phase = 'measure' AND s.outcome NOT IN ('infra', 'unscored') AND s.score IS NOT NULL)",
        ("final", "phase", "outcome", "score"),
    ),
    "has_cached_reply": DerivedColumn(
        "coalesce(s.from_cache, false)",
        ("from_cache",),
        f"CASE WHEN {_IS_END} THEN coalesce(e.cached, false) ELSE coalesce(s.from_cache, false) END",
    ),
    "tpot_s": DerivedColumn(
        "CASE WHEN len(s.chunk_tokens) = len(s.chunk_s) AND len(s.chunk_s) > 1 "
        "AND s.chunk_tokens[-1] > s.chunk_tokens[1] "
        "THEN (s.chunk_s[-1] - s.chunk_s[1]) / (s.chunk_tokens[-1] - s.chunk_tokens[1]) END",
        ("chunk_s", "chunk_tokens"),
    ),
}
"""The derived columns, by name."""
EPISODE_COLUMNS = frozenset(name for name, column in DERIVED.items() if column.of_episodes)
"""Those that an episode's last row has for the whole episode."""
EPISODE_SOURCES = ("run_id", "trajectory_id", "from_cache", "outcome", "output_chars", "sent_s", "done_s")
"""The stored columns that :data:`EPISODES_QUERY` reads."""
EPISODES_QUERY = f"""
SELECT t.run_id, t.trajectory_id, t.cached, w.wall_s,
  CASE WHEN t.chars > 0 AND t.model_s > 0 AND t.unknown = 0 THEN t.chars / t.model_s END AS answer_chars_per_s
FROM (
  SELECT run_id, trajectory_id, bool_or(coalesce(from_cache, false)) AS cached,
    sum(CASE WHEN outcome <> 'infra' THEN output_chars ELSE 0 END) AS chars,
    sum(CASE WHEN outcome <> 'infra' THEN {_LATENCY} END ORDER BY ord) AS model_s,
    count_if(outcome <> 'infra' AND ({_LATENCY}) IS NULL) AS unknown
  FROM stored s WHERE trajectory_id IS NOT NULL GROUP BY run_id, trajectory_id
) t LEFT JOIN (
  SELECT run_id, trajectory_id, arg_max_null(wall_s, place) AS wall_s FROM ended GROUP BY run_id, trajectory_id
) w ON w.run_id = t.run_id AND w.trajectory_id = t.trajectory_id AND NOT t.cached
"""
"""The figures of whole episodes: ``wall_s`` of the trajectory table ``ended``, and characters over the model's time, all
replies. A reply from our own cache says nothing about how long the episode would have taken."""
