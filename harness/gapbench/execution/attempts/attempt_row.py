"""Build the attempt row and the payload row from a response and its score, with the outcome that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gapbench import credentials
from gapbench.execution.attempts.episode_turn import EpisodeTurn, count_invalid_calls
from gapbench.execution.attempts.remembered_json import PARAMETERS, PROMPTS
from gapbench.execution.attempts.stored_calls import tool_calls_as_json
from gapbench.suite.plan import Cell, PlannedRequest, count_prompt_chars
from gapbench.values import (
    Attempt,
    Call,
    Outcome,
    Payload,
    Response,
    Sample,
    Score,
    canonical_json,
    messages_as_json,
    sha256,
)


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What the client knows about an attempt besides its response.

    Attributes:
        number: Number of the attempt, from 1.
        final: Whether it is the final attempt of its request.
        scheduled_s: When it was due, on :data:`gapbench.transport.now`.
        loop_lag_s: Largest event-loop lag while it ran. None: not measured.
        in_flight: Requests of the cell in flight when it was sent, including itself.
        worker: Number of the worker process.
        from_cache: Whether the response cache answered.
    """

    number: int
    final: bool
    scheduled_s: float
    loop_lag_s: float | None
    in_flight: int
    worker: int = 0
    from_cache: bool = False


@dataclass(frozen=True, slots=True)
class CellClock:
    """The start of a cell, from which its times count.

    Attributes:
        start_s: The cell's start on :data:`gapbench.transport.now`.
        started_at: The same instant in UTC.
    """

    start_s: float
    started_at: datetime

    def since_start_s(self, instant_s: float | None) -> float | None:
        """Return an instant as seconds since the cell's start."""
        return None if instant_s is None else instant_s - self.start_s


def build_attempt_row(
    run_id: str,
    suite: tuple[str, str],
    cell: Cell,
    planned: PlannedRequest,
    call: Call,
    response: Response,
    score: Score | None,
    context: AttemptContext,
    clock: CellClock,
    *,
    simulated: bool,
    turn: EpisodeTurn | None = None,
) -> Attempt:
    """Return the row of one attempt.

    Args:
        run_id: The run.
        suite: The suite's name and hash.
        cell: The cell.
        planned: The request.
        call: What was sent.
        response: What came back.
        score: The score. None: the attempt was not scored.
        context: See :class:`AttemptContext`.
        clock: The cell's clock.
        simulated: Whether a simulated provider answered.
        turn: Its place in an episode. None: it is not part of one.
    """
    timing, usage = response.timing, response.usage
    outcome, value = outcome_of_attempt(response, score, turn)
    calls, calls_invalid = _count_calls(planned.sample, response, turn)
    images = [image for message in planned.sample.messages for image in message.images]
    has_usage = usage.output_tokens is not None or usage.input_tokens is not None
    row = Attempt(
        run_id=run_id,
        cell_id=cell.cell_id,
        suite=suite[0],
        suite_sha256=suite[1],
        task=cell.task.name,
        task_sha256=cell.task.sha256,
        category=cell.task.category,
        sample_id=planned.sample.sample_id,
        cluster_id=planned.sample.cluster_id or planned.sample.sample_id,
        repeat=planned.repeat,
        attempt=context.number,
        final=context.final,
        phase=planned.phase,
        model_id=cell.model.id,
        runner=cell.model.runner,
        model_asked=cell.model.name,
        model_served=response.model_served,
        weights=cell.model.weights,
        simulated=simulated,
        prompt_sha256=sha256(PROMPTS.of(planned.sample.messages)),
        params_asked=cell.params_json_of(planned),
        params_sent=PARAMETERS.of(call.params_sent),
        params_changes=call.changes,
        image_count=len(images),
        image_bytes=sum(len(image.data) for image in images),
        image_detail=images[0].detail if images else None,
        load_kind=cell.load.kind,
        load_value=cell.load.value,
        worker=context.worker,
        transport=response.transport,
        response_id=response.response_id,
        system_fingerprint=response.system_fingerprint,
        service_tier=response.service_tier,
        started_at=clock.started_at,
        scheduled_s=context.scheduled_s - clock.start_s,
        sent_s=clock.since_start_s(timing.sent_s),
        first_byte_s=clock.since_start_s(timing.first_byte_s),
        first_token_s=clock.since_start_s(timing.first_token_s),
        first_answer_s=clock.since_start_s(timing.first_answer_s),
        last_token_s=clock.since_start_s(timing.last_token_s),
        done_s=timing.done_s - clock.start_s,
        chunk_s=tuple([instant_s - clock.start_s for instant_s in timing.chunk_s]),
        chunk_tokens=timing.chunk_tokens,
        loop_lag_s=context.loop_lag_s,
        in_flight=context.in_flight,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source="provider" if has_usage else "none",
        reasoning_disclosure=response.disclosure,
        input_chars=count_prompt_chars(cell.messages(planned)) if turn is None else turn.prompt_chars,
        output_chars=len(response.answer),
        reasoning_chars=len(response.reasoning),
        outcome=outcome,
        failure_kind=response.failure.kind if response.failure and outcome == "infra" else None,
        http_status=response.http_status,
        retry_after_s=response.failure.retry_after_s if response.failure else None,
        finish_reason=response.finish_reason,
        finish_raw=response.finish_raw,
        from_cache=context.from_cache,
        scorer=cell.task.scorer_name if planned.is_scored else None,
        score=value,
        answer=score.answer if score else None,
        isolation=score.isolation if score else None,
        partial=score.partial if score and value is not None else None,
        thinking_rule=response.thinking_rule,
        usage_note=response.usage_note,
        trajectory_id=None if turn is None else _trajectory_id(run_id, cell, planned, turn),
        turn=None if turn is None else turn.number,
        tool_calls=calls,
        tool_calls_invalid=calls_invalid,
        first_tool_call_s=clock.since_start_s(timing.first_tool_call_s),
        first_complete_call_s=clock.since_start_s(timing.first_complete_call_s),
        tool_wait_s=None if turn is None else turn.tool_wait_s,
        rung=planned.sample.rung,
        complexity=planned.sample.complexity,
        weight=planned.sample.weight,
        stratum=planned.sample.stratum,
        replica=response.replica,
        logged_input_tokens=planned.sample.logged_input_tokens,
        route=planned.sample.route,
    )
    # A batch has no times, and those of a request that was sent again live belong to no load.
    return _without_times(row) if cell.model.batch else row


def _without_times(row: Attempt) -> Attempt:
    return replace(
        row,
        scheduled_s=None,
        sent_s=None,
        first_byte_s=None,
        first_token_s=None,
        first_answer_s=None,
        last_token_s=None,
        done_s=None,
        chunk_s=(),
        chunk_tokens=None,
        first_tool_call_s=None,
        first_complete_call_s=None,
        loop_lag_s=None,
        in_flight=None,
    )


def _trajectory_id(run_id: str, cell: Cell, planned: PlannedRequest, turn: EpisodeTurn) -> str:
    key = [run_id, cell.cell_id, planned.sample.sample_id, planned.repeat, turn.first_attempt]
    return sha256(canonical_json(key))[:16]


def _count_calls(
    sample: Sample, response: Response, turn: EpisodeTurn | None
) -> tuple[int | None, int | None]:
    """Return how many tools a reply called, and how many of the calls are invalid.

    Both are None if no tools were declared, if nothing came, and for a reply that broke off: the end of a call may be
    missing.
    """
    failure = response.failure
    is_lost = failure is not None and (failure.kind != "environment" or not response.parts)
    if sample.tools is None or is_lost:
        return None, None
    calls = response.tool_calls
    return len(calls), count_invalid_calls(calls, sample.tools) if turn is None else turn.calls_invalid


def with_score(row: Attempt, score: Score, reply: str) -> Attempt:
    """Return the row of a complete reply, or of an episode's last one, with its score added."""
    if row.trajectory_id is None:
        outcome, value = outcome_of_reply(row.finish_reason, score, reply)
    else:
        outcome, value = outcome_of_episode(row.finish_reason, score)
    return replace(
        row,
        outcome=outcome,
        score=value,
        answer=score.answer,
        isolation=score.isolation,
        partial=None if value is None else score.partial,
    )


def build_payload_row(
    row: Attempt,
    cell: Cell,
    planned: PlannedRequest,
    response: Response,
    score: Score | None,
    turn: EpisodeTurn | None = None,
) -> Payload:
    """Return the texts of one attempt; the prompt is the one that was sent, of a later turn what was added to it."""
    sample = planned.sample
    if turn is None:
        text = PROMPTS.of(cell.messages(planned))
    else:
        text = canonical_json(messages_as_json(turn.added, turn.new_tools))
    has_run = turn is not None and turn.tool_wait_s is not None
    calls = tool_calls_as_json(response.tool_calls, turn.records if turn is not None and has_run else ())
    state_changes = None if turn is None else turn.state_changes
    return Payload(
        run_id=row.run_id,
        cell_id=row.cell_id,
        sample_id=row.sample_id,
        repeat=row.repeat,
        attempt=row.attempt,
        # What tools return comes from outside, and no runner has seen it.
        messages=text if turn is None else credentials.redact(text),
        reply=response.answer,
        reasoning=response.reasoning or None,
        target=None if sample.target is None else canonical_json(sample.target),
        reason=score.reason if score else "",
        error=response.failure.message if response.failure else None,
        calls=None if calls is None else credentials.redact(calls),
        state_changes=None if state_changes is None else credentials.redact(state_changes),
    )


def outcome_of_attempt(
    response: Response, score: Score | None, turn: EpisodeTurn | None
) -> tuple[Outcome, float | None]:
    """Return the outcome and the score of an attempt, or of the episode that it ends.

    A turn that does not end its episode is ``unscored``, or ``infra`` if it failed. The last one carries the episode's
    outcome; a prompt that became too long for the model ends an episode and is not ``infra``.
    """
    if turn is None:
        return outcome_of_response(response, score)
    if turn.end is None:
        return ("unscored" if response.failure is None else "infra"), None
    if turn.end.transcript.termination == "infra":
        return "infra", None
    return outcome_of_episode(response.finish_reason, score)


def outcome_of_episode(finish_reason: str | None, score: Score | None) -> tuple[Outcome, float | None]:
    """Return the outcome and the score of an episode that has ended, whatever its last reply says in words.

    Args:
        finish_reason: Why generation of its last reply ended. None: its last prompt was refused as too long.
        score: The scorer's result, or None if it was not called.
    """
    if finish_reason == "refusal":
        return "refused", 0.0
    if score is None or score.outcome == "unscored":
        return "unscored", None
    value = 0.0 if score.value is None else score.value
    return ("truncated" if finish_reason == "length" and score.outcome != "correct" else score.outcome), value


def outcome_of_response(response: Response, score: Score | None) -> tuple[Outcome, float | None]:
    """Return the outcome and the score of an attempt.

    A failure is ``infra`` and has no score. A refusal scores 0. An answer that reached the token limit and
    is not correct is ``truncated``, because the settings are at fault. ``unscored`` means that there is no
    scorer, or that it could not score the reply.

    Args:
        response: The response.
        score: The scorer's result, or None if it was not called.
    """
    if response.failure is not None:
        return "infra", None
    return outcome_of_reply(response.finish_reason, score, response.answer)


def outcome_of_reply(
    finish_reason: str | None, score: Score | None, reply: str
) -> tuple[Outcome, float | None]:
    """Return the outcome and the score of a complete reply; see :func:`outcome_of_response`.

    Args:
        finish_reason: Why generation ended, in the harness's terms.
        score: The scorer's result, or None if it was not called.
        reply: The answer. A reply that was cut off before its answer is not correct, whatever a scorer says of "".
    """
    if finish_reason == "refusal":
        return "refused", 0.0
    if score is None or score.outcome == "unscored":
        return "unscored", None
    value = 0.0 if score.value is None else score.value
    if finish_reason == "length" and not reply.strip():
        return "truncated", 0.0
    if finish_reason == "length" and score.outcome != "correct":
        return "truncated", value
    return score.outcome, value
