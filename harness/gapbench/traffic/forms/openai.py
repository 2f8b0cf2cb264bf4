"""OpenAI: logged requests and replies of Chat Completions and Responses, stored completions, and batch lines."""

from __future__ import annotations

from typing import Any

from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.forms.batch_form import BatchForm
from gapbench.traffic.forms.exchange import find_bodies, is_anthropic_exchange
from gapbench.traffic.replies import read_error, read_reply

_ENDPOINT_BY_PATH = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
    "/v1/completions": "completions",
}


class OpenAIForm(BatchForm):
    """A request, a reply, or both in one record, whatever compatible server answered."""

    name = "openai"
    about = "OpenAI Chat Completions and Responses, stored completions, batch lines"
    documentation = (
        "https://platform.openai.com/docs/api-reference/chat/object, "
        "https://platform.openai.com/docs/api-reference/responses/object and "
        "https://platform.openai.com/docs/api-reference/batch/request-output (November 2026)"
    )
    protocol = "OpenAI's protocols"
    body_key = "body"

    def matches(self, item: Any) -> bool:
        """By the shape of the bodies."""
        if not isinstance(item, dict):
            return False
        if "custom_id" in item:
            return "url" in item or "response" in item or _is_batch_error(item)
        request, response = find_bodies(item)
        if request is None and response is None:
            return False
        return not is_anthropic_exchange(request, response)

    def read_endpoint(self, item: dict[str, Any]) -> str | None:
        """Of its ``url``; one that has no name of ours is the path."""
        url = item.get("url")
        if not isinstance(url, str) or not url:
            return None
        return _ENDPOINT_BY_PATH.get(url) or url.removeprefix("/v1/")

    def read_batch_reply(self, item: dict[str, Any]) -> Draft:
        """See :class:`BatchForm`."""
        response = as_mapping(item.get("response"))
        reply = as_mapping(response.get("body"))
        if not response and not item.get("error"):
            raise LineError("is a line of a batch without body, response and error")
        draft: Draft = {
            "request_id": response.get("request_id") or item.get("id") or reply.get("id"),
            "service_tier": "batch",
            "http_status": response.get("status_code"),
            "time": reply.get("created") or reply.get("created_at"),
        }
        if draft["request_id"] is None:
            draft |= {"request_id": str(item["custom_id"]), "has_local_id": True}
        if item.get("error"):
            read_error(item["error"], draft)
        read_reply(reply, draft)
        return draft


def _is_batch_error(item: dict[str, Any]) -> bool:
    return bool(item.get("error")) and "result" not in item
