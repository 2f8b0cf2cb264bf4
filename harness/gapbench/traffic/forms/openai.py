"""OpenAI: logged requests and replies of Chat Completions and Responses, stored completions, and batch lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.forms.batch_lines import BatchLines
from gapbench.traffic.forms.exchange import find_bodies, read_exchange
from gapbench.traffic.forms.form import Form
from gapbench.traffic.replies import is_anthropic_reply, read_error, read_reply

_ENDPOINT_BY_PATH = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
    "/v1/completions": "completions",
}


class OpenAIForm(Form):
    """A request, a reply, or both in one record, whatever compatible server answered."""

    name = "openai"
    about = "OpenAI Chat Completions and Responses, stored completions, batch lines"
    documentation = (
        "https://platform.openai.com/docs/api-reference/chat/object, "
        "https://platform.openai.com/docs/api-reference/responses/object and "
        "https://platform.openai.com/docs/api-reference/batch/request-output (November 2026)"
    )

    def __init__(self) -> None:
        self._batches = BatchLines()

    def matches(self, item: Any) -> bool:
        """By the shape of the bodies."""
        if not isinstance(item, dict):
            return False
        if "custom_id" in item:
            return "url" in item or "response" in item or _is_batch_error(item)
        request, response = find_bodies(item)
        if request is None and response is None:
            return False
        return not (
            is_anthropic_reply(response)
            or (response is None and request is not None and _is_anthropic(request))
        )

    def is_needed_first(self, item: Any) -> bool:
        """The input lines of a batch hold the prompts."""
        return isinstance(item, dict) and "custom_id" in item and "body" in item

    def open_file(self, path: Path, shown: str) -> None:  # noqa: ARG002 - the name is enough
        """See :class:`Form`."""
        self._batches.file = shown

    def set_line(self, line: int) -> None:
        """See :class:`Form`."""
        self._batches.line = line

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """One record is one request."""
        if "custom_id" in item:
            return self._read_batch_line(item)
        request, response = find_bodies(item)
        if request is None and response is None:
            raise LineError("holds neither a request nor a reply of OpenAI's protocols")
        return (read_exchange(item, None),)

    def finish(self) -> Iterable[tuple[Draft, str, int]]:
        """Requests of batches without an output line."""
        return self._batches.take_unanswered()

    def notes(self) -> Iterable[str]:
        """What could not be joined."""
        return self._batches.notes()

    def _read_batch_line(self, item: dict[str, Any]) -> Iterable[Draft]:
        custom_id = str(item["custom_id"])
        body = item.get("body")
        if isinstance(body, dict):
            self._batches.add_request(custom_id, body)
            return ()
        response = as_mapping(item.get("response"))
        reply = as_mapping(response.get("body"))
        if not response and not item.get("error"):
            raise LineError("is a line of a batch without body, response and error")
        draft: Draft = {
            "request_id": response.get("request_id") or item.get("id") or custom_id,
            "service_tier": "batch",
            "http_status": response.get("status_code"),
            "time": reply.get("created") or reply.get("created_at"),
        }
        if item.get("error"):
            read_error(item["error"], draft)
        read_reply(reply, draft)
        self._batches.add_reply(custom_id, draft)
        return (draft,)


def _is_anthropic(request: dict[str, Any]) -> bool:
    """Return whether the body of a request without a reply is of Anthropic's Messages."""
    return (
        "system" in request
        or "anthropic_version" in request
        or str(request.get("model")).startswith("claude")
    )


def _is_batch_error(item: dict[str, Any]) -> bool:
    return bool(item.get("error")) and "result" not in item
