"""Read token counts as servers send them, merge the counts of one reply, and drop those that cannot be true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gapbench.values.requests import Usage

MAX_TOKEN_COUNT = 2**53
"""Largest plausible token count; JSON readers cannot hold larger integers exactly."""

COUNT_NAMES = Usage._fields


def to_count(value: Any) -> Any:
    """Return a count as an integer. A whole float and a number in a text are counts; anything else is returned as it is."""
    if type(value) is int or value is None:
        return value
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().isdecimal() else int(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_count(value: Any) -> bool:
    """Return whether a value is a plausible token count."""
    return type(value) is int and 0 <= value <= MAX_TOKEN_COUNT


def add_counts(first: Any, *others: Any) -> Any:
    """Return the sum of counts; None if ``first`` is None, and the first of them that is not a count, if any.

    The caller's usage then holds the impossible value, and :func:`check_usage` drops it with a note.
    """
    values = [to_count(first), *(to_count(value) for value in others)]
    bad = next((value for value in values if value is not None and not is_count(value)), None)
    if bad is not None:
        return bad
    return None if values[0] is None else sum(value or 0 for value in values)


def merge_usages(usages: Sequence[Usage]) -> Usage:
    """Return the counts of one reply from those that arrived while it ran.

    Counts grow, so the last one wins, but a zero does not replace a count that was known: gateways end a stream with
    zeros for what they do not know.
    """
    if len(usages) == 1:
        return usages[0]
    return Usage(*map(_last_known, zip(*reversed(usages), strict=True)))


def _last_known(newest_first: tuple[Any, ...]) -> Any:
    # In C, because Google counts in each event: the first value that is not zero, else zero if it was sent at all.
    known = next(filter(None, newest_first), None)
    if isinstance(known, str):
        newest_first = tuple(map(to_count, newest_first))
        known = next(filter(None, newest_first), None)
    return 0 if known is None and any(value is not None for value in newest_first) else known


class InclusiveCounts(NamedTuple):
    """Counts of a reply as gapbench stores them.

    Attributes:
        input_tokens: Input, cache reads included.
        output_tokens: Output, reasoning included.
        reasoning_tokens: The reasoning.
        note: What the server counted apart. None: nothing.
    """

    input_tokens: Any
    output_tokens: Any
    reasoning_tokens: Any
    note: str | None = None


def include_parts(prompt: Any, output: Any, reasoning: Any, cached: Any, total: Any) -> InclusiveCounts:
    """Return the counts with reasoning inside the output and cache reads inside the input, wherever the server put them.

    OpenAI's ``completion_tokens`` include the reasoning and ``prompt_tokens`` the cache reads. xAI counts reasoning
    apart, Gemini's OpenAI route counts it in the total only, and some gateways count cache reads apart. The total
    shows which; without one, more reasoning than output does.

    Args:
        prompt: Input tokens as given. None: not given, as for all arguments.
        output: Output tokens.
        reasoning: Reasoning tokens.
        cached: Tokens read from a cache.
        total: Total tokens.
    """
    if type(prompt) is int and type(output) is int and not reasoning and total == prompt + output:
        # A server that counts in each event sends this once for each token.
        return InclusiveCounts(prompt, output, reasoning)
    prompt, output, reasoning, cached, total = (
        to_count(value) for value in (prompt, output, reasoning, cached, total)
    )
    plain = InclusiveCounts(prompt, output, reasoning)
    if not is_count(output):
        return plain
    known = reasoning if is_count(reasoning) else 0
    missing = total - prompt - output if is_count(total) and is_count(prompt) else 0
    if missing > 0 and missing == known:
        return InclusiveCounts(
            prompt, output + known, known, f"the output leaves out {known} reasoning tokens"
        )
    if missing > 0 and is_count(cached) and cached in (missing, missing - known):
        apart = missing - cached
        note = f"the input leaves out {cached} cached tokens" + (
            f", the output {apart} reasoning tokens" if apart else ""
        )
        return InclusiveCounts(prompt + cached, output + apart, reasoning, note)
    if missing > 0 and not known:
        note = f"the output leaves out {missing} tokens of the total, which are reasoning"
        return InclusiveCounts(prompt, output + missing, missing, note)
    if known > output:
        return InclusiveCounts(
            prompt, output + known, known, f"the output leaves out {known} reasoning tokens"
        )
    if missing > 0:
        return plain._replace(note=f"the total has {missing} tokens that are neither input nor output")
    return plain


def check_usage(usage: Usage) -> tuple[Usage, str | None]:
    """Return the counts without those that cannot be true, and a note that says what was dropped and why. None: nothing.

    A dropped count is None: a price must not be computed from it.
    """
    if _is_plausible(*usage):
        return usage, None
    counts = {name: to_count(getattr(usage, name)) for name in COUNT_NAMES}
    notes = []
    for name, value in counts.items():
        if value is not None and not is_count(value):
            notes.append(f"{name} dropped: {str(value)[:40]!r} is not a count")
            counts[name] = None
    for name, whole in (
        ("cached_input_tokens", "input_tokens"),
        ("cache_write_tokens", "input_tokens"),
        ("cache_write_1h_tokens", "cache_write_tokens"),
        ("reasoning_tokens", "output_tokens"),
    ):
        part, bound = counts[name], counts[whole]
        if part is not None and bound is not None and part > bound:
            notes.append(f"{name} dropped: {part} is more than {whole} {bound}")
            counts[name] = None
    read, written, given = (
        counts[name] for name in ("cached_input_tokens", "cache_write_tokens", "input_tokens")
    )
    if None not in (read, written, given) and read + written > given:
        notes.append(
            f"cache counts dropped: {read} read and {written} written are more than input_tokens {given}"
        )
        counts |= dict.fromkeys(("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"))
    if counts["cache_write_tokens"] is None and usage.cache_write_tokens is not None:
        counts["cache_write_1h_tokens"] = None
    return (usage._replace(**counts) if notes or _differs(usage, counts) else usage), "; ".join(notes) or None


def _is_plausible(given: Any, read: Any, written: Any, lasting: Any, made: Any, thought: Any) -> bool:
    """Return whether nothing is to be done about counts, as for nearly every reply; the arguments are those of Usage."""
    for value in (given, read, written, lasting, made, thought):
        if value is not None and (type(value) is not int or not 0 <= value <= MAX_TOKEN_COUNT):
            return False
    return (
        (given is None or (read or 0) + (written or 0) <= given)
        and (written is None or (lasting or 0) <= written)
        and (made is None or (thought or 0) <= made)
    )


def _differs(usage: Usage, counts: dict[str, Any]) -> bool:
    return any(getattr(usage, name) is not value for name, value in counts.items())
