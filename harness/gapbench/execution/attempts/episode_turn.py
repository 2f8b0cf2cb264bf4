"""What execution knows about one reply of an episode besides the reply itself, and about the episode when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapbench.agents import check_call
from gapbench.errors import InputError
from gapbench.values import Message, StepRecord, ToolCall, ToolSet, Transcript, Usage


@dataclass(frozen=True, slots=True)
class EpisodeEnd:
    """An episode that has ended. Instants are on :data:`gapbench.transport.now`.

    The times are disjoint parts of the time from ``start_s`` to ``end_s``; what they leave is the queue's.

    Attributes:
        transcript: The episode as scorers see it.
        start_s: When its first request was due.
        end_s: When its last reply, and what followed it, was done.
        model_s: From the first byte of each request to the end of its reply, added up.
        tool_s: Tools at work.
        user_s: The user at work, and the user's think time.
        turns: Replies of the model.
        calls: Tool calls in them.
        calls_invalid: Those without a known tool or with arguments that break its schema.
        calls_failed: Those whose result is an error.
        retries: Attempts that failed and were made again, and restarts of the episode.
        usage: Tokens of all replies; None where a reply reports none.
        user_usage: Tokens of the model that played the user, as ``usage``. None: the user was scripted.
    """

    transcript: Transcript
    start_s: float
    end_s: float
    model_s: float
    tool_s: float
    user_s: float
    turns: int
    calls: int
    calls_invalid: int
    calls_failed: int
    retries: int
    usage: Usage
    user_usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class EpisodeTurn:
    """One attempt at a turn of an episode.

    Attributes:
        first_attempt: Number of the episode's first attempt; with the request's key it identifies the episode.
        number: Which reply of the episode, from 0.
        added: What was added to the prompt since the turn before, as sent; of the first turn, the first prompt.
        prompt_chars: Characters of the whole prompt as sent.
        records: The reply's tool calls as they were answered.
        calls_invalid: How many of the reply's calls are invalid.
        tool_wait_s: Seconds that its tools took. None: none ran.
        state_changes: How the state changed, a JSON Patch. None: there is no state.
        new_tools: Names of the tools that were declared for the first time in this turn, the episode's first excepted.
        end: The episode, if this attempt ended it. None: it did not.
    """

    first_attempt: int
    number: int
    added: tuple[Message, ...]
    prompt_chars: int
    records: tuple[StepRecord, ...] = ()
    calls_invalid: int = 0
    tool_wait_s: float | None = None
    state_changes: str | None = None
    new_tools: tuple[str, ...] = ()
    end: EpisodeEnd | None = None


def count_invalid_calls(
    calls: Sequence[ToolCall], tools: ToolSet | None, records: Sequence[StepRecord] = ()
) -> int:
    """Return how many tool calls name no known tool or have arguments that break its schema.

    Args:
        calls: The calls of a reply.
        tools: The tools that were declared.
        records: The same calls as they were answered, which say what is wrong with each. (): they did not run.
    """
    if len(records) == len(calls):
        return sum(record.problem is not None for record in records)
    return sum(_is_invalid(call, tools) for call in calls)


def _is_invalid(call: ToolCall, tools: ToolSet | None) -> bool:
    try:
        return check_call(call, tools) is not None
    except InputError:  # the tool's own schema is at fault, not the call
        return False


def add_usages(usages: Sequence[Usage]) -> Usage:
    """Return the tokens of several replies. A count that all replies lack is None; input and output where one lacks it."""
    sums: dict[str, int | None] = {}
    for name in Usage._fields:
        counts = [getattr(usage, name) for usage in usages]
        known = [count for count in counts if count is not None]
        is_whole = len(known) == len(counts) if name in {"input_tokens", "output_tokens"} else True
        sums[name] = sum(known) if known and is_whole else None
    return Usage(**sums)
