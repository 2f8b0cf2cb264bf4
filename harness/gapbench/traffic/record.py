"""The row of a traffic table: one request that a team sent, whatever tool logged it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from gapbench.values.attempt import Int32, Label

TRAFFIC_SCHEMA_VERSION = 1
"""Version of the traffic table; a column may be added under the same number, never changed."""


@dataclass(frozen=True, slots=True)
class TrafficRecord:
    """One row of a traffic table.

    Each field states its meaning, and the Arrow column is derived from it. A new field goes to the end. Null means that
    the log does not tell; it is never 0 or an empty text.
    """

    time: Annotated[
        datetime | None, "UTC time at which the request was sent, or logged where only that is known"
    ]
    request_id: Annotated[str | None, "the log's or the provider's id of the request"]
    route: Annotated[Label | None, "feature or route of the application that sent it"]
    user_hash: Annotated[Label | None, "keyed hash of the user's id; the id itself is never stored"]
    session_hash: Annotated[str | None, "keyed hash of the id of the session, conversation or trace"]
    provider: Annotated[Label | None, "who served it, as the log names it, in lower case"]
    model_asked: Annotated[Label | None, "the model id of the request, or the gateway's name for it"]
    model_served: Annotated[Label | None, "the model id of the reply"]
    endpoint: Annotated[
        Label | None, "chat, responses, messages, completions, embeddings, or the log's own word"
    ]
    service_tier: Annotated[
        Label | None, "the provider's tier, such as flex or priority; batch for batch APIs"
    ]
    is_stream: Annotated[bool | None, "whether the reply was streamed"]
    messages: Annotated[
        str | None,
        "the prompt, JSON: a list of messages with role and content, the system prompt first; image data by its hash",
    ]
    tools: Annotated[str | None, "the tools that were offered, JSON as logged"]
    parameters: Annotated[
        str | None, "parameters of the model's call, JSON; nothing else that was logged with them"
    ]
    reply: Annotated[str | None, "the text of the reply"]
    reply_tool_calls: Annotated[str | None, "the tool calls of the reply, JSON as logged"]
    input_tokens: Annotated[int | None, "prompt tokens, cache reads and writes included"]
    cached_input_tokens: Annotated[int | None, "part of input_tokens read from the provider's cache"]
    cache_write_tokens: Annotated[int | None, "part of input_tokens written to the provider's cache"]
    cache_write_1h_tokens: Annotated[int | None, "part of cache_write_tokens kept for an hour"]
    output_tokens: Annotated[int | None, "generated tokens, reasoning included"]
    reasoning_tokens: Annotated[int | None, "part of output_tokens spent on reasoning"]
    usage_note: Annotated[
        Label | None, "how the counts were brought to this definition; null: they were in it"
    ]
    image_count: Annotated[Int32 | None, "images in the prompt"]
    cost_usd: Annotated[Decimal | None, "the cost that the log reports, US dollars, exact"]
    response_s: Annotated[float | None, "seconds from the request to the end of the reply"]
    first_token_s: Annotated[float | None, "seconds from the request to the first token"]
    finish_reason: Annotated[Label | None, "why the reply ended, in the provider's word"]
    error: Annotated[
        str | None,
        "why there is no reply, at most 500 characters, without texts only its code; null: the log reports no error",
    ]
    http_status: Annotated[Int32 | None, "HTTP status of the reply"]
    from_cache: Annotated[bool | None, "whether a gateway answered from its own cache, without the provider"]
    form: Annotated[Label, "the form of the log"]
    file: Annotated[Label, "the file, as it was named at the import"]
    line: Annotated[int, "line of the file, from 1; in Parquet the row"]
    simulated: Annotated[bool, "true when a simulated provider of gapbench answered"] = False
    text_shape: Annotated[
        str | None,
        "of a recording without texts: lengths of messages and reply, and hashes of prefix blocks, JSON",
    ] = None
    prompt_lacks: Annotated[
        Label | None,
        "the part of the prompt that the provider keeps and neither messages nor text_shape have: earlier turns, conversation, "
        "stored prompt, referenced items or cached content; null: the prompt is whole, or not known",
    ] = None
