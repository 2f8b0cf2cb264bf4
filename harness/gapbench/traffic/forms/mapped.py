"""Any JSON lines, CSV or Parquet, with a YAML file that says which column is what, and in which unit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from gapbench.errors import DocumentError
from gapbench.suite.documents import StrictModel, read_document, validate_document
from gapbench.traffic.draft import Draft, LineError, TokenCounts, find_path, parse_json_text
from gapbench.traffic.forms.form import Form
from gapbench.traffic.replies import read_error
from gapbench.traffic.requests import as_messages

_COUNTS = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "cached_input_tokens": "cached",
    "cache_write_tokens": "written",
    "cache_write_1h_tokens": "written_1h",
    "reasoning_tokens": "reasoning",
    "total_tokens": "total",
}
_SECONDS = {"latency_s": "response_s", "ttft_s": "first_token_s", "ttft_ms": "first_token_ms"}


class MappingDocument(StrictModel):
    """The columns of a log of your own. A value is a column's name, or a dotted path into JSON, such as usage.prompt."""

    time: str | None = Field(None, description="When the request was sent.")
    end_time: str | None = Field(None, description="When the reply was complete; the latency follows.")
    request_id: str | None = Field(None, description="Id of the request.")
    route: str | None = Field(None, description="Feature or route.")
    user: str | None = Field(None, description="Id of the user; stored as a hash.")
    session: str | None = Field(None, description="Id of the session or conversation; stored as a hash.")
    provider: str | None = Field(None, description="Who served it.")
    model_asked: str | None = Field(None, description="Model id of the request.")
    model_served: str | None = Field(None, description="Model id of the reply.")
    endpoint: str | None = Field(None, description="Kind of endpoint.")
    service_tier: str | None = Field(None, description="The provider's tier.")
    is_stream: str | None = Field(None, description="Whether the reply was streamed.")
    messages: str | None = Field(None, description="The prompt: a list of messages, or a text.")
    tools: str | None = Field(None, description="The tools, JSON.")
    parameters: str | None = Field(None, description="Other parameters, JSON.")
    reply: str | None = Field(None, description="The reply's text.")
    reply_tool_calls: str | None = Field(None, description="The reply's tool calls, JSON.")
    input_tokens: str | None = Field(None, description="Prompt tokens; see cache_tokens.")
    cached_input_tokens: str | None = Field(None, description="Tokens read from the provider's cache.")
    cache_write_tokens: str | None = Field(None, description="Tokens written to the provider's cache.")
    cache_write_1h_tokens: str | None = Field(None, description="The part of them kept for an hour.")
    output_tokens: str | None = Field(None, description="Generated tokens; see reasoning_counted.")
    reasoning_tokens: str | None = Field(None, description="Tokens of reasoning.")
    total_tokens: str | None = Field(None, description="All tokens.")
    image_count: str | None = Field(None, description="Images in the prompt.")
    cost_usd: str | None = Field(None, description="Cost in dollars.")
    cost_cents: str | None = Field(None, description="Cost in cents of a dollar.")
    latency_s: str | None = Field(None, description="Seconds to the end of the reply.")
    latency_ms: str | None = Field(None, description="Milliseconds to the end of the reply.")
    ttft_s: str | None = Field(None, description="Seconds to the first token.")
    ttft_ms: str | None = Field(None, description="Milliseconds to the first token.")
    finish_reason: str | None = Field(None, description="Why the reply ended.")
    error: str | None = Field(None, description="Why there is no reply.")
    http_status: str | None = Field(None, description="HTTP status.")
    from_cache: str | None = Field(None, description="Whether a gateway answered from its own cache.")
    cache_counted: Literal["inside", "apart"] | None = Field(
        None,
        description="Whether input_tokens include the cache's tokens, as OpenAI counts, or not, as Anthropic does.",
    )
    reasoning_counted: Literal["inside", "apart"] | None = Field(
        None, description="Whether output_tokens include the reasoning."
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="Values for all rows, such as provider: openai."
    )


_SETTINGS = {"cache_counted", "reasoning_counted", "constants"}
_CONSTANTS = {"provider", "model_asked", "model_served", "route", "endpoint", "service_tier"}


class MappedForm(Form):
    """Columns by name.

    Attributes:
        columns: Column or path in the log, by the map's key.
    """

    name = "map"
    about = "your own JSON lines, CSV or Parquet, with --map FILE.yaml"
    documentation = "docs/how-to/traffic.md of this project"

    def __init__(self, document: MappingDocument) -> None:
        self._document = document
        given = document.model_dump(exclude_none=True)
        self.columns = {key: path for key, path in given.items() if key not in _SETTINGS}
        self._not_seen = dict(self.columns)

    def matches(self, item: Any) -> bool:
        """Return whether the record has one of the columns."""
        return isinstance(item, dict) and any(
            find_path(item, path) is not None for path in self.columns.values()
        )

    def read(self, item: Any) -> Iterable[Draft]:
        """One record is one request."""
        if not isinstance(item, dict):
            raise LineError("is not a JSON object")
        found = {
            key: value for key, path in self.columns.items() if (value := find_path(item, path)) is not None
        }
        if not found:
            raise LineError("has none of the columns that the map names")
        if self._not_seen:
            self._not_seen = {key: path for key, path in self._not_seen.items() if key not in found}
        counts = {_COUNTS[key]: found.pop(key) for key in _COUNTS if key in found}
        draft: Draft = dict(self._document.constants)
        for key, value in found.items():
            draft[_SECONDS.get(key, {"latency_s": "response_s", "end_time": "ended_at"}.get(key, key))] = (
                value
            )
        for key in ("tools", "parameters", "reply_tool_calls"):
            if key in draft:
                draft[key] = parse_json_text(draft[key])
        if "error" in draft:
            read_error(draft.pop("error"), draft)
        if "messages" in draft:
            draft["messages"] = as_messages(draft["messages"])
        if counts:
            draft["counts"] = TokenCounts(
                **counts,
                is_cache_apart=_is_apart(self._document.cache_counted),
                is_reasoning_apart=_is_apart(self._document.reasoning_counted),
            )
        return (draft,)

    def notes(self) -> Iterable[str]:
        """Columns that no record has: one may be misspelled, and all its values would be unknown."""
        if self._not_seen:
            named = ", ".join(f"{path} ({key})" for key, path in self._not_seen.items())
            yield f"--map: no record has a value of {named}"


def read_mapping(file: Path) -> MappedForm:
    """Return the form that a YAML file describes.

    Raises:
        DocumentError: It is missing or not valid; the message names the line and the key.
    """
    document = read_document(file)
    mapping = validate_document(document, MappingDocument)
    if not set(mapping.constants) <= _CONSTANTS:
        unknown = min(set(mapping.constants) - _CONSTANTS)
        raise DocumentError(
            f"{unknown!r} cannot be a constant; expected {', '.join(sorted(_CONSTANTS))}",
            file=file,
            key="constants",
        )
    for one, other in (("cost_usd", "cost_cents"), ("latency_s", "latency_ms"), ("ttft_s", "ttft_ms")):
        if getattr(mapping, one) is not None and getattr(mapping, other) is not None:
            raise DocumentError(f"{one} and {other} are both given; keep one of them", file=file, key=other)
    form = MappedForm(mapping)
    if not form.columns:
        raise DocumentError("names no column; give at least time: and model_asked:", file=file)
    return form


def _is_apart(counted: str | None) -> bool | None:
    return None if counted is None else counted == "apart"
