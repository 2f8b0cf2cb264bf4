"""Token counts of each vendor's replies as :class:`gapbench.values.Usage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.values import Usage
from gapbench.values.token_counts import add_counts, include_parts, to_count


def chat_usage(usage: Any) -> tuple[Usage | None, str | None]:
    """Return Chat Completions' token counts, and how they differ from the server's. None: there are none.

    Prompt tokens include cache reads and completion tokens include reasoning, unless the total shows that they do not.
    """
    if not isinstance(usage, Mapping) or not usage:
        return None, None
    prompt = _mapping(usage.get("prompt_tokens_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
    # DeepSeek, Moonshot and Perplexity give these outside of the details.
    cached = _first(
        prompt.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")
    )
    reasoning = _first(completion.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    counts = include_parts(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        reasoning,
        cached,
        usage.get("total_tokens"),
    )
    found = Usage(
        input_tokens=counts.input_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=prompt.get("cache_write_tokens"),
        output_tokens=counts.output_tokens,
        reasoning_tokens=counts.reasoning_tokens,
    )
    return found, counts.note


def responses_usage(usage: Any) -> tuple[Usage | None, str | None]:
    """Return Responses' token counts, and how they differ from the server's. None: there are none."""
    if not isinstance(usage, Mapping) or not usage:
        return None, None
    given = _mapping(usage.get("input_tokens_details"))
    made = _mapping(usage.get("output_tokens_details"))
    cached = given.get("cached_tokens")
    counts = include_parts(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        made.get("reasoning_tokens"),
        cached,
        usage.get("total_tokens"),
    )
    found = Usage(
        input_tokens=counts.input_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=given.get("cache_write_tokens"),
        output_tokens=counts.output_tokens,
        reasoning_tokens=counts.reasoning_tokens,
    )
    return found, counts.note


_MESSAGES_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def merge_anthropic_counts(known: dict[str, Any], usage: Any) -> None:
    """Add the counts of one event to those of the reply so far.

    A later count replaces an earlier one, but a zero only does where the event moves tokens between the input and the
    caches: gateways end a stream with zeros for what they do not know.
    """
    if not isinstance(usage, Mapping):
        return
    given = {name: to_count(value) for name, value in usage.items() if value is not None}
    caches = _MESSAGES_INPUT[1:]
    moves_input = any(given.get(name) not in {0, None, known.get(name)} for name in caches if name in given)
    for name, value in given.items():
        if value == 0 and known.get(name) and not (moves_input and name in _MESSAGES_INPUT):
            continue
        known[name] = value


def anthropic_usage(counts: Mapping[str, Any]) -> Usage:
    """Return Messages' token counts. Its ``input_tokens`` excludes cache reads and writes, ours includes them."""
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    return Usage(
        input_tokens=add_counts(counts.get("input_tokens"), read, written),
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_mapping(counts.get("cache_creation")).get("ephemeral_1h_input_tokens"),
        output_tokens=counts.get("output_tokens"),
        reasoning_tokens=_mapping(counts.get("output_tokens_details")).get("thinking_tokens"),
    )


def merge_google_counts(known: dict[str, Any], usage: Any) -> None:
    """Add the counts of one event to those of the reply so far; a zero does not replace a known count."""
    if not isinstance(usage, dict):
        return
    values = usage.values()
    if 0 not in values and "0" not in values and None not in values:
        known.update(usage)
        return
    for name, value in usage.items():
        if value is not None and (to_count(value) != 0 or not known.get(name)):
            known[name] = value


def google_usage(counts: Mapping[str, Any]) -> tuple[Usage, str | None]:
    """Return generateContent's token counts, and how they differ from the server's.

    Thoughts are not part of candidates, so the output is their sum. If the total has more, the rest is output as well.
    """
    plain = _plain_google_usage(counts)
    if plain is not None:
        return plain, None
    answer, thoughts = (
        to_count(counts.get("candidatesTokenCount")),
        to_count(counts.get("thoughtsTokenCount")),
    )
    prompt = add_counts(counts.get("promptTokenCount"), counts.get("toolUsePromptTokenCount"))
    cached = counts.get("cachedContentTokenCount")
    output = None if answer is None and thoughts is None else add_counts(answer or 0, thoughts)
    found = include_parts(prompt, output, None, None, counts.get("totalTokenCount"))
    extra = found.output_tokens - output if found.note else 0
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=cached,
        output_tokens=found.output_tokens,
        reasoning_tokens=add_counts(thoughts or 0, extra) if extra else thoughts,
    ), found.note


def _plain_google_usage(counts: Mapping[str, Any]) -> Usage | None:
    """Return counts whose total is their sum, or None if they need a closer look.

    Nearly all counts are plain, and each event of a stream has some.
    """
    prompt, answer = counts.get("promptTokenCount"), counts.get("candidatesTokenCount")
    thoughts = counts.get("thoughtsTokenCount")
    if (
        type(prompt) is int
        and type(answer) is int
        and (thoughts is None or (type(thoughts) is int and thoughts >= 0))
        and answer >= 0
        and counts.get("totalTokenCount") == prompt + answer + (thoughts or 0)
        and "toolUsePromptTokenCount" not in counts
    ):
        return Usage(
            prompt, counts.get("cachedContentTokenCount"), None, None, answer + (thoughts or 0), thoughts
        )
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
