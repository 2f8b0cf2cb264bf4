"""Anthropic: logged requests and replies of Messages, and the lines of message batches."""

from __future__ import annotations

from typing import Any

from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.forms.batch_form import BatchForm
from gapbench.traffic.forms.exchange import MESSAGES, find_bodies
from gapbench.traffic.forms.logged_reply import stream_protocol
from gapbench.traffic.recording.protocols import Protocol
from gapbench.traffic.replies import read_error, read_reply


class AnthropicForm(BatchForm):
    """A request, a message, or both in one record. Its input tokens leave out cache reads and writes."""

    name = "anthropic"
    about = "Anthropic Messages and message batches"
    documentation = (
        "https://docs.anthropic.com/en/api/messages and "
        "https://docs.anthropic.com/en/api/retrieving-message-batch-results (November 2026)"
    )
    protocol = "Anthropic's Messages"
    body_key = "params"
    exchange = MESSAGES

    def matches(self, item: Any) -> bool:
        """By the shape of the bodies; OpenAI's form comes first."""
        if not isinstance(item, dict):
            return False
        if "custom_id" in item:
            return isinstance(item.get("params"), dict) or isinstance(item.get("result"), dict)
        if stream_protocol(item) is Protocol.MESSAGES:
            return True  # to refuse it with the reason
        request, response = find_bodies(item)
        return request is not None or response is not None

    def read_batch_reply(self, item: dict[str, Any]) -> Draft:
        """See :class:`BatchForm`."""
        result = as_mapping(item.get("result"))
        draft: Draft = {"service_tier": "batch", **self.exchange}
        message = as_mapping(result.get("message"))
        if message:
            read_reply(message, draft)
        elif result.get("type") == "errored":
            read_error(result.get("error") or "errored", draft)
        elif result.get("type") in {"canceled", "expired"}:
            draft["error"] = result["type"]
        else:
            raise LineError("is a line of a batch without a message and an error")
        if draft.get("request_id") is None:
            draft |= {"request_id": str(item["custom_id"]), "has_local_id": True}
        draft["service_tier"] = "batch"
        return draft
