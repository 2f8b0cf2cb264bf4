"""LiteLLM: the rows of ``LiteLLM_SpendLogs``, and its standard logging payload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts, as_mapping, first_of, parse_json_text
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.logged_reply import read_reply_body
from gapbench.traffic.replies import STORED_PARTS, read_error, read_reply
from gapbench.traffic.requests import as_messages, looks_like_request, read_body, read_request

_ENDPOINTS = {
    "completion": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "responses": "responses",
    "anthropic_messages": "messages",
}


class LiteLLMForm(Form):
    """A spend log by JSON, CSV or Parquet, from the database, the API or the admin page.

    LiteLLM's ``prompt_tokens`` include cache reads and writes for every provider in current versions; older ones left
    them out for Anthropic, which the counts show.
    """

    name = "litellm"
    about = "LiteLLM spend logs"
    documentation = (
        "https://docs.litellm.ai/docs/proxy/cost_tracking and https://docs.litellm.ai/docs/proxy/logging_spec; "
        "the table's columns: litellm-js/spend-logs/src/_types.ts in github.com/BerriAI/litellm (November 2026)"
    )

    def matches(self, item: Any) -> bool:
        """By the columns of the table, or of the payload."""
        return isinstance(item, dict) and (
            ("request_id" in item and "spend" in item and "startTime" in item)
            or ("response_cost" in item and "call_type" in item and "startTime" in item)
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """One row is one request."""
        metadata = as_mapping(item.get("metadata"))
        draft: Draft = {
            "time": item.get("startTime"),
            "ended_at": item.get("endTime"),
            "request_id": first_of(item, "request_id", "id"),
            "session": first_of(item, "session_id", "trace_id"),
            "user": first_of(item, "end_user", "user") or first_of(metadata, "user_api_key_end_user_id"),
            "route": _route(item, metadata),
            "provider": first_of(item, "custom_llm_provider"),
            "model_asked": first_of(item, "model_group", "model"),
            "model_served": item.get("model"),
            "endpoint": _endpoint(item.get("call_type")),
            "cost_usd": first_of(item, "spend", "response_cost"),
            "from_cache": item.get("cache_hit"),
            **_read_parameters(item),
        }
        # Of a reply that was not streamed LiteLLM stores its end as the first token's time: that is no measurement.
        first = item.get("completionStartTime")
        if first != item.get("endTime"):
            draft["first_token_at"] = first
        body = read_body(item.get("proxy_server_request"))
        if looks_like_request(body):
            read: Draft = {}
            read_request(body, read)
            draft = {**read, **{key: value for key, value in draft.items() if value not in (None, "")}}
        messages = as_messages(item.get("messages"))
        if messages is not None:
            draft["messages"] = messages
        response = read_reply_body(item.get("response"))
        if response:
            read = {}
            read_reply(response, read)
            for key in (*STORED_PARTS, "service_tier"):
                if read.get(key) is not None:
                    draft[key] = read[key]
        elif isinstance(text := parse_json_text(item.get("response")), str):
            draft["reply"] = text
        if draft["endpoint"] == "responses" and draft.get("response_id") is None:
            draft["response_id"] = draft["request_id"]
        draft["counts"] = _counts(item, metadata)
        _read_failure(item, metadata, draft)
        return (draft,)


def _route(item: dict[str, Any], metadata: dict[str, Any]) -> Any:
    """The first tag that a team set, else its team's name. Tags of clients, such as the user agent, are no route."""
    tags = parse_json_text(first_of(item, "request_tags") or metadata.get("tags"))
    if isinstance(tags, list):
        named = [tag for tag in tags if isinstance(tag, str) and not tag.startswith("User-Agent:")]
        if named:
            return named[0]
    return first_of(metadata, "user_api_key_team_alias", "team_alias")


def _endpoint(call_type: Any) -> Any:
    if not isinstance(call_type, str) or not call_type:
        return None
    kind = call_type.removeprefix("a") if call_type.removeprefix("a") in _ENDPOINTS else call_type
    return _ENDPOINTS.get(kind, call_type)


def _counts(item: dict[str, Any], metadata: dict[str, Any]) -> TokenCounts:
    usage = {
        **as_mapping(metadata.get("usage_object")),
        **{
            name: value
            for name, value in as_mapping(metadata.get("additional_usage_values")).items()
            if value is not None
        },
    }
    details = as_mapping(usage.get("prompt_tokens_details"))
    return TokenCounts(
        item.get("prompt_tokens"),
        item.get("completion_tokens"),
        _first_count(usage.get("cache_read_input_tokens"), details.get("cached_tokens")),
        _first_count(usage.get("cache_creation_input_tokens"), details.get("cache_creation_tokens")),
        reasoning=as_mapping(usage.get("completion_tokens_details")).get("reasoning_tokens"),
        total=item.get("total_tokens"),
    )


def _first_count(first: Any, second: Any) -> Any:
    """Return the first count above 0, else 0 if one is known: a 0 stands for what the provider counts elsewhere, too."""
    return first or (first if second is None else second)


def _read_parameters(item: dict[str, Any]) -> Draft:
    """Return what the payload has of the request beside its messages; the table has it in ``proxy_server_request``."""
    if "model_parameters" not in item and "modelParameters" not in item:
        return {}
    given = as_mapping(first_of(item, "model_parameters", "modelParameters"))
    found: Draft = {"parameters": given or None, "tools": given.get("tools") or None}
    found["is_stream"] = item["stream"] if item.get("stream") is not None else given.get("stream")
    return found


def _read_failure(item: dict[str, Any], metadata: dict[str, Any], draft: Draft) -> None:
    status = first_of(item, "status") or metadata.get("status")
    found = as_mapping(metadata.get("error_information")) or as_mapping(item.get("error_information"))
    text = first_of(item, "error_str", "exception") or first_of(found, "error_message")
    if status != "failure" and not (found.get("error_code") or found.get("error_class") or text):
        return
    read_error(found or text or "failure", draft)
    if not found.get("error_message") and text:
        draft["error"] = text
    code = str(found.get("error_code") or "")
    if code.isdecimal() and 100 <= int(code) <= 999:
        draft["http_status"] = int(code)
    # A failed call has no reply: the zeros that stand for its counts are unknown.
    counts = draft["counts"]
    if not counts.output and not counts.prompt:
        draft["counts"] = counts._replace(prompt=None, output=None, total=None)
