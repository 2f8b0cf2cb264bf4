"""The body of a reply in the protocols of OpenAI and Anthropic, read into a draft."""

from __future__ import annotations

from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts, as_mapping, first_of

_ANTHROPIC_KEYS = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"})
"""Keys of Anthropic's usage, whose input leaves out what they count."""


STORED_PARTS = ("reply", "reply_tool_calls", "finish_reason", "response_id", "previous_response_id")
"""What a tool that logs counts and times itself adds to them from the body of a reply."""


def looks_like_reply(body: Any) -> bool:
    """Return whether a value is the body of a model's reply."""
    return isinstance(body, dict) and (
        isinstance(body.get("choices"), list)
        or body.get("object") == "response"
        or (body.get("type") == "message" and isinstance(body.get("content"), list))
    )


def is_anthropic_reply(body: Any) -> bool:
    """Return whether a value is a message of Anthropic's protocol."""
    return isinstance(body, dict) and isinstance(body.get("content"), list) and "stop_reason" in body


def read_reply(body: dict[str, Any], draft: Draft) -> None:
    """Add the parts of a reply's body to a draft: texts, tool calls, counts, times and errors."""
    if body.get("model") is not None:
        draft["model_served"] = body["model"]
    if body.get("id") is not None:
        draft.setdefault("request_id", body["id"])
    tier = body.get("service_tier")
    if tier is not None and draft.get("service_tier") != "batch":
        draft["service_tier"] = tier
    if isinstance(body.get("choices"), list):
        _read_choices(body["choices"], draft)
    elif isinstance(body.get("output"), list):
        _read_output(body, draft)
    elif isinstance(body.get("content"), list):
        _read_blocks(body, draft)
    if body.get("error"):
        read_error(body["error"], draft)
    usage = body.get("usage")
    if isinstance(usage, dict):
        read_usage(usage, draft)
    if isinstance(body.get("provider"), str):
        draft.setdefault("provider", body["provider"])


def read_error(error: Any, draft: Draft) -> None:
    """Add an error as logged: a text, or an object with a message."""
    found = as_mapping(error)
    if not found:
        if error not in (None, "", False, [], {}):
            draft["error"] = error if isinstance(error, str) else str(error)
        return
    inner = as_mapping(found.get("error")) or found
    parts = [
        first_of(inner, "type", "error_class", "name") or _worded(inner.get("code")),
        first_of(inner, "message", "error_message"),
    ]
    draft["error"] = ": ".join(str(part) for part in parts if part is not None) or str(found)[:200]


def _worded(code: Any) -> Any:
    """Return an error's code unless it is a number, which is the HTTP status."""
    return None if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else code


def read_usage(usage: dict[str, Any], draft: Draft) -> None:
    """Add the token counts of a reply.

    OpenAI's prompt and input counts include cache reads; Anthropic's leave out cache reads and writes. See
    https://platform.openai.com/docs/guides/prompt-caching and
    https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching (both read November 2026).
    """
    if usage.get("cost") is not None:  # OpenRouter, in dollars
        draft.setdefault("cost_usd", usage["cost"])
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        inside = as_mapping(usage.get("prompt_tokens_details"))
        thought = as_mapping(usage.get("completion_tokens_details"))
        draft["counts"] = TokenCounts(
            usage.get("prompt_tokens"),
            usage.get("completion_tokens"),
            # The last three are Anthropic's behind a gateway, DeepSeek's and Moonshot's.
            _known(
                inside.get("cached_tokens"),
                first_of(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens"),
            ),
            # The second is OpenRouter's.
            _known(usage.get("cache_creation_input_tokens"), inside.get("cache_write_tokens")),
            reasoning=_known(thought.get("reasoning_tokens"), usage.get("reasoning_tokens")),
            total=usage.get("total_tokens"),
        )
        return
    if "input_tokens" not in usage and "output_tokens" not in usage:
        return
    details = usage.get("input_tokens_details")
    reasoning = as_mapping(usage.get("output_tokens_details")).get("reasoning_tokens")
    is_anthropic = not isinstance(details, dict) and not _ANTHROPIC_KEYS.isdisjoint(usage)
    # Gateways add a total to Anthropic's counts, so a total alone tells nothing about the cache.
    is_openai = not is_anthropic and (
        isinstance(details, dict) or "total_tokens" in usage or reasoning is not None
    )
    details = as_mapping(details)
    draft["counts"] = TokenCounts(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        details["cached_tokens"]
        if details.get("cached_tokens") is not None
        else usage.get("cache_read_input_tokens"),
        usage.get("cache_creation_input_tokens"),
        as_mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens"),
        reasoning,
        usage.get("total_tokens"),
        is_cache_apart=None if is_openai else True,
    )


def _known(first: Any, second: Any) -> Any:
    return second if first is None else first


def _read_choices(choices: list[Any], draft: Draft) -> None:
    """Chat Completions and Completions; of several choices the first is the reply, as a client would take it."""
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = as_mapping(choice.get("message") or choice.get("delta"))
    draft["finish_reason"] = choice.get("finish_reason")
    _read_message({"content": choice.get("text"), **message}, draft)


def take_answer(draft: Draft) -> None:
    """Make the last message of a request without a reply its reply if it is the assistant's: the answer, stored with the rest."""
    messages = draft.get("messages")
    if not isinstance(messages, list) or not messages:
        return
    last = as_mapping(messages[-1])
    if last.get("role") == "assistant":
        draft["messages"] = messages[:-1] or None
        _read_message(last, draft)


def read_answer(answer: Any, draft: Draft) -> None:
    """Add a reply that is logged as its text alone, or as its message; anything else is no reply."""
    message = as_mapping(answer)
    if "content" in message or "tool_calls" in message:
        _read_message(message, draft)
    elif isinstance(answer, str) and not message:
        draft["reply"] = answer


def _read_message(message: dict[str, Any], draft: Draft) -> None:
    """A message of Chat Completions."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    draft["reply"] = content if content is not None else message.get("refusal")
    calls = message.get("tool_calls") or (
        [message["function_call"]] if message.get("function_call") else None
    )
    if calls:
        draft["reply_tool_calls"] = calls


def _read_output(body: dict[str, Any], draft: Draft) -> None:
    """Responses."""
    draft["response_id"] = body.get("id")
    if draft.get("previous_response_id") is None:
        draft["previous_response_id"] = body.get("previous_response_id")
    texts, calls = [], []
    for item in body["output"]:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "message":
            texts += [
                part.get("text") or part.get("refusal") or ""
                for part in item.get("content") or ()
                if isinstance(part, dict)
            ]
        elif isinstance(kind, str) and kind.endswith("_call"):
            calls.append(item)
    draft["reply"] = "".join(texts) if texts else None
    if calls:
        draft["reply_tool_calls"] = calls
    reason = as_mapping(body.get("incomplete_details")).get("reason")
    draft["finish_reason"] = reason or body.get("status")
    draft.setdefault("endpoint", "responses")


def _read_blocks(body: dict[str, Any], draft: Draft) -> None:
    """Anthropic's Messages."""
    blocks = [block for block in body["content"] if isinstance(block, dict)]
    texts = [block.get("text") or "" for block in blocks if block.get("type") == "text"]
    draft["reply"] = "".join(texts) if texts else None
    calls = [block for block in blocks if str(block.get("type")).endswith("tool_use")]
    if calls:
        draft["reply_tool_calls"] = calls
    draft["finish_reason"] = body.get("stop_reason")
    draft["endpoint"] = "messages"
