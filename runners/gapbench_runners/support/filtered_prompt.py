"""A prompt that the provider's content filter refuses with HTTP 400 is a refusal, as it is where the filter answers in a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson

from gapbench import transport
from gapbench.errors import RunnerError

# Azure: content_filter; OpenAI and LiteLLM: content_policy_violation; Alibaba: data_inspection_failed.
CODES = ("content_filter", "content_policy_violation", "data_inspection_failed", "datainspectionfailed")


def filtered_prompt_as_event(
    batches: AsyncIterator[Iterable[transport.Event]], api: str
) -> AsyncIterator[Iterable[transport.Event]]:
    """Yield the batches; if the provider filtered the prompt, yield a refusal in the form of the API.

    Args:
        batches: Events, as the transport yields them.
        api: ``chat`` or ``responses``.
    """
    return _FilteredPrompt(batches, api)


class _FilteredPrompt(AsyncIterator[Iterable[transport.Event]]):
    """The batches of one reply. Not an async generator, which the event loop has to register."""

    def __init__(self, batches: AsyncIterator[Iterable[transport.Event]], api: str) -> None:
        self._batches = batches
        self._api = api
        self._is_filtered = False

    async def __anext__(self) -> Iterable[transport.Event]:
        if self._is_filtered:
            raise StopAsyncIteration
        try:
            return await anext(self._batches)
        except RunnerError as exc:
            # The runner puts the provider's code before its message.
            if exc.kind != "bad_request" or not str(exc).lower().startswith(CODES):
                raise
            self._is_filtered = True
            return [_refusal(str(exc), self._api)]


def _refusal(message: str, api: str) -> transport.Event:
    """Return the event of a reply that the provider refused to give."""
    if api == "responses":
        details = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
        body: dict[str, Any] = {"type": "response.incomplete", "response": details}
    else:
        choice = {"delta": {"refusal": message}, "finish_reason": "content_filter"}
        body = {"choices": [choice]}
    return transport.Event(transport.now(), "", orjson.dumps(body))
