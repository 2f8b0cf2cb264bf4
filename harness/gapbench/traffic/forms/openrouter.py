"""OpenRouter: generations by its API, and its log of activity where it has a row for each request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench.traffic.draft import Draft, LineError, TokenCounts, first_of
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.langfuse import snake_keys


class OpenRouterForm(Form):
    """Rows of ``/api/v1/generation``, in snake or camel case, or of the CSV that the page exports.

    The native counts are the provider's own, which it bills; the others are OpenRouter's estimate with one tokenizer.
    """

    name = "openrouter"
    about = "OpenRouter generations or its activity by request"
    documentation = (
        "https://openrouter.ai/docs/api/api-reference/generations and "
        "https://openrouter.ai/docs/client-sdks/typescript/models/generationresponsedata; the aggregate: "
        "https://openrouter.ai/docs/client-sdks/typescript/models/activityitem (November 2026)"
    )

    def matches(self, item: Any) -> bool:
        """By the names of its counts; of the aggregate too, to refuse it with the reason."""
        if not isinstance(item, dict):
            return False
        inner = item["data"] if isinstance(item.get("data"), dict) else item
        keys = set(snake_keys(inner))
        return (
            bool(keys & {"native_tokens_prompt", "generation_time_ms"})
            or keys >= {"generation_id", "cost_total"}
            or keys >= {"id", "tokens_prompt", "generation_time"}
            or _is_aggregate(keys)
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """One row is one generation."""
        row = snake_keys(item["data"] if isinstance(item.get("data"), dict) else item)
        if _is_aggregate(row.keys()):
            raise LineError(
                "is a day's total of a model, and not a request; export generations from https://openrouter.ai/logs"
            )
        draft: Draft = {
            "time": row.get("created_at"),
            "request_id": first_of(row, "id", "generation_id"),
            "route": first_of(row, "app_name", "http_referer", "origin"),
            "user": first_of(row, "external_user", "user"),
            "session": row.get("session_id"),
            "provider": first_of(row, "provider_name"),
            "model_asked": first_of(row, "model", "model_permaslug"),
            "model_served": first_of(row, "model_permaslug", "model"),
            "endpoint": _endpoint(row.get("api_type")),
            "service_tier": row.get("service_tier"),
            "is_stream": row.get("streamed"),
            "cost_usd": first_of(row, "total_cost", "cost_total", "usage"),
            "finish_reason": first_of(
                row, "finish_reason", "native_finish_reason", "finish_reason_normalized"
            ),
            "image_count": row.get("num_media_prompt"),
            "first_token_ms": row.get("time_to_first_token_ms"),
            "counts": TokenCounts(
                first_of(row, "native_tokens_prompt", "tokens_prompt"),
                first_of(row, "native_tokens_completion", "tokens_completion"),
                first_of(row, "native_tokens_cached", "tokens_cached"),
                reasoning=first_of(row, "native_tokens_reasoning", "tokens_reasoning"),
                is_cache_apart=False,
                is_reasoning_apart=False,
            ),
        }
        if str(row.get("cancelled")).lower() == "true":
            draft["error"] = "cancelled"
        _read_latency(row, draft)
        return (draft,)


def _is_aggregate(keys: Any) -> bool:
    return {"date", "requests", "model"} <= set(keys)


def _endpoint(api_type: Any) -> Any:
    return {"completions": "chat", "embeddings": "embeddings"}.get(str(api_type), api_type)


def _read_latency(row: dict[str, Any], draft: Draft) -> None:
    """Take the latency as documented, the whole time; a longer time of generation shows that it cannot be that."""
    latency = first_of(row, "latency", "latency_ms")
    made = first_of(row, "generation_time", "generation_time_ms")
    try:
        is_whole = latency is not None and (made is None or float(latency) >= float(made))
    except (TypeError, ValueError):
        is_whole = True  # the builder says what is wrong with it
    if is_whole:
        draft["latency_ms"] = latency
    elif latency is not None:
        draft["problems"] = [("response_s", "the latency is shorter than the time of generation")]
