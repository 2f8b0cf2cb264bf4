"""Anthropic: logged requests and replies of Messages, and the lines of message batches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.forms.batch_lines import BatchLines
from gapbench.traffic.forms.exchange import find_bodies, read_exchange
from gapbench.traffic.forms.form import Form
from gapbench.traffic.replies import read_error, read_reply


class AnthropicForm(Form):
    """A request, a message, or both in one record. Its input tokens leave out cache reads and writes."""

    name = "anthropic"
    about = "Anthropic Messages and message batches"
    documentation = (
        "https://docs.anthropic.com/en/api/messages and "
        "https://docs.anthropic.com/en/api/retrieving-message-batch-results (November 2026)"
    )

    def __init__(self) -> None:
        self._batches = BatchLines()

    def matches(self, item: Any) -> bool:
        """By the shape of the bodies; OpenAI's form comes first."""
        if not isinstance(item, dict):
            return False
        if "custom_id" in item:
            return isinstance(item.get("params"), dict) or isinstance(item.get("result"), dict)
        request, response = find_bodies(item)
        return request is not None or response is not None

    def is_needed_first(self, item: Any) -> bool:
        """The requests of a batch hold the prompts."""
        return isinstance(item, dict) and "custom_id" in item and "params" in item

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
            raise LineError("holds neither a request nor a reply of Anthropic's Messages")
        draft = read_exchange(item, "anthropic")
        draft["endpoint"] = "messages"
        return (draft,)

    def finish(self) -> Iterable[tuple[Draft, str, int]]:
        """Requests of batches without a result."""
        for draft, file, line in self._batches.take_unanswered():
            yield {**draft, "provider": "anthropic", "endpoint": "messages"}, file, line

    def notes(self) -> Iterable[str]:
        """What could not be joined."""
        return self._batches.notes()

    def _read_batch_line(self, item: dict[str, Any]) -> Iterable[Draft]:
        custom_id = str(item["custom_id"])
        if isinstance(item.get("params"), dict):
            self._batches.add_request(custom_id, item["params"])
            return ()
        result = as_mapping(item.get("result"))
        draft: Draft = {"service_tier": "batch", "provider": "anthropic", "endpoint": "messages"}
        message = as_mapping(result.get("message"))
        if message:
            read_reply(message, draft)
        elif result.get("type") == "errored":
            read_error(result.get("error") or "errored", draft)
        elif result.get("type") in {"canceled", "expired"}:
            draft["error"] = result["type"]
        else:
            raise LineError("is a line of a batch without a message and an error")
        draft.setdefault("request_id", custom_id)
        draft["service_tier"] = "batch"
        self._batches.add_reply(custom_id, draft)
        return (draft,)
