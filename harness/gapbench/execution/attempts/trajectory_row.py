"""Build the row of an episode in the trajectory table from the attempt that ended it."""

from __future__ import annotations

from dataclasses import replace

from gapbench.execution.attempts.attempt_row import CellClock
from gapbench.execution.attempts.episode_turn import EpisodeTurn
from gapbench.values import Attempt, Trajectory, canonical_json, sha256


def build_trajectory_row(row: Attempt, turn: EpisodeTurn | None, clock: CellClock) -> Trajectory | None:
    """Return the row of the episode that an attempt ended. None: it ended none.

    Args:
        row: The attempt, with its score if it has one already.
        turn: Its place in an episode. None: it is not part of one.
        clock: The cell's clock.
    """
    if turn is None or turn.end is None or row.trajectory_id is None:
        return None
    end = turn.end
    transcript, usage = end.transcript, end.usage
    wall_s = end.end_s - end.start_s
    has_state = transcript.final_state is not None
    return Trajectory(
        run_id=row.run_id,
        cell_id=row.cell_id,
        sample_id=row.sample_id,
        repeat=row.repeat,
        attempt=row.attempt,
        trajectory_id=row.trajectory_id,
        cluster_id=row.cluster_id,
        task=row.task,
        category=row.category,
        phase=row.phase,
        model_id=row.model_id,
        weights=row.weights,
        simulated=row.simulated,
        success=_is_success(row),
        score=row.score,
        partial=row.partial,
        outcome=row.outcome,
        termination=transcript.termination,
        reason=transcript.reason,
        turns=end.turns,
        calls=end.calls,
        calls_invalid=end.calls_invalid,
        calls_failed=end.calls_failed,
        retries=end.retries,
        start_s=end.start_s - clock.start_s,
        wall_s=wall_s,
        model_s=end.model_s,
        tool_s=end.tool_s,
        user_s=end.user_s,
        queue_s=wall_s - end.model_s - end.tool_s - end.user_s,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        state_sha256=sha256(canonical_json(transcript.final_state)) if has_state else None,
        user_input_tokens=None if end.user_usage is None else end.user_usage.input_tokens,
        user_output_tokens=None if end.user_usage is None else end.user_usage.output_tokens,
    )


def with_score_of(trajectory: Trajectory, row: Attempt) -> Trajectory:
    """Return the row of an episode with the score of the attempt that ended it."""
    return replace(
        trajectory, success=_is_success(row), score=row.score, partial=row.partial, outcome=row.outcome
    )


def _is_success(row: Attempt) -> bool | None:
    return None if row.score is None else row.score == 1.0
