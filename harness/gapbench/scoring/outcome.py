"""Decides the outcome of a response: correct, wrong, truncated, refused and the rest."""

from __future__ import annotations

from gapbench.values import Outcome, Response, Score


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
    return outcome_of_reply(response.finish_reason, score)


def outcome_of_reply(finish_reason: str | None, score: Score | None) -> tuple[Outcome, float | None]:
    """Return the outcome and the score of a complete reply; see :func:`outcome_of_response`.

    Args:
        finish_reason: Why generation ended, in the harness's terms.
        score: The scorer's result, or None if it was not called.
    """
    if finish_reason == "refusal":
        return "refused", 0.0
    if score is None or score.outcome == "unscored":
        return "unscored", None
    value = 0.0 if score.value is None else score.value
    if finish_reason == "length" and score.outcome != "correct":
        return "truncated", value
    return score.outcome, value
