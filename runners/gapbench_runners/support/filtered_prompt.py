"""A prompt that the provider's content filter refuses with HTTP 400 is a refusal, as it is where the filter answers in a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from gapbench import transport
from gapbench.errors import RunnerError

# Azure: content_filter; OpenAI and LiteLLM: content_policy_violation; Alibaba: data_inspection_failed.
CODES = ("content_filter", "content_policy_violation", "data_inspection_failed", "datainspectionfailed")


async def filtered_prompt_as_event(
    batches: AsyncIterator[list[transport.Event]], api: str
) -> AsyncIterator[list[transport.Event]]:
    """Yield the batches; if the provider filtered the prompt, yield a refusal in the form of the API.

    Args:
        batches: Events, as the transport yields them.
        api: ``chat`` or ``responses``.
    """
    try:
        async for batch in batches:
            yield batch
    except RunnerError as exc:
        # The runner puts the provider's code before its message.
        if exc.kind != "bad_request" or not str(exc).lower().startswith(CODES):
            raise
        if api == "responses":
            details = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
            body: dict[str, Any] = {"type": "response.incomplete", "response": details}
        else:
            choice = {"delta": {"refusal": str(exc)}, "finish_reason": "content_filter"}
            body = {"choices": [choice]}
        yield [transport.Event(transport.now(), "", orjson.dumps(body))]
