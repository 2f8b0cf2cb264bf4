"""Braintrust: project logs by its API or its export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts, as_mapping, first_of, parse_json_text
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.logged_reply import read_reply_body
from gapbench.traffic.replies import STORED_PARTS, looks_like_reply, read_error, read_reply
from gapbench.traffic.requests import as_messages, read_metadata

_NO_PARAMETERS = {"model", "provider", "tools", "user_id", "session_id", "user", "metadata"}


class BraintrustForm(Form):
    """Spans of the type ``llm`` are requests; the sums that their parents repeat are not."""

    name = "braintrust"
    about = "Braintrust logs"
    documentation = (
        "https://www.braintrust.dev/docs/api-reference/logs/fetch-project-logs-post-form and "
        "https://rubydoc.info/github/braintrustdata/braintrust-ruby/Braintrust/Models/LogFetchResponse/Event "
        "(November 2026)"
    )

    def matches(self, item: Any) -> bool:
        """By the keys of an event."""
        return (
            isinstance(item, dict)
            and "metrics" in item
            and bool({"span_attributes", "root_span_id"} & item.keys())
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Return the model call of an event."""
        attributes = as_mapping(item.get("span_attributes"))
        if attributes.get("type") != "llm":
            return ()
        metadata = as_mapping(item.get("metadata"))
        metrics = as_mapping(item.get("metrics"))
        draft: Draft = {
            "time": metrics["start"] if metrics.get("start") is not None else item.get("created"),
            "ended_at": metrics.get("end") if metrics.get("start") is not None else None,
            "first_token_s": metrics.get("time_to_first_token"),
            "request_id": item.get("id"),
            "session": first_of(metadata, "session_id", "conversation_id") or item.get("root_span_id"),
            "provider": metadata.get("provider"),
            "model_asked": metadata.get("model"),
            "messages": as_messages(item.get("input")),
            "tools": parse_json_text(metadata.get("tools")),
            "parameters": {key: value for key, value in metadata.items() if key not in _NO_PARAMETERS},
            "cost_usd": metrics.get("estimated_cost"),
            "counts": TokenCounts(
                metrics.get("prompt_tokens"),
                metrics.get("completion_tokens"),
                metrics.get("prompt_cached_tokens"),
                metrics.get("prompt_cache_creation_tokens"),
                reasoning=first_of(metrics, "completion_reasoning_tokens", "reasoning_tokens"),
                total=metrics.get("tokens"),
            ),
        }
        read_metadata(metadata, draft)
        draft["route"] = draft.get("route") or attributes.get("name")
        _read_output(parse_json_text(item.get("output")), draft)
        if item.get("error"):
            read_error(item["error"], draft)
        return (draft,)


def _read_output(output: Any, draft: Draft) -> None:
    """A whole reply, or the list of its choices, a message, or a text."""
    if isinstance(output, list) and output and isinstance(output[0], dict) and "message" in output[0]:
        output = {"choices": output}
    body = read_reply_body(output)
    if looks_like_reply(body):
        found: Draft = {}
        read_reply(body, found)
        draft |= {key: found[key] for key in STORED_PARTS if found.get(key)}
    elif isinstance(output, dict) and "content" in output:
        draft["reply"] = output["content"]
        draft["reply_tool_calls"] = output.get("tool_calls")
    else:
        draft["reply"] = output
