"""OpenTelemetry: spans of the GenAI conventions, of the current version and of those up to 1.36.

As OTLP JSON, which collectors write, or span by span as ``ReadableSpan.to_json`` of the Python SDK writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from gapbench.traffic.draft import Draft, TokenCounts, as_list, as_mapping, first_of, parse_json_text
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.nested_spans import NestedSpans

_NO_MODEL_CALLS = {"execute_tool", "invoke_agent", "create_agent", "invoke_workflow", "retrieval", "plan"}
"""Operations whose spans repeat the tokens of the model calls inside them, or have none."""
_ENDPOINTS = {
    "chat": "chat",
    "text_completion": "completions",
    "embeddings": "embeddings",
    "generate_content": "chat",
}
_INDEXED = re.compile(
    r"(?:gen_ai|llm)\.(prompt|completion)s?\.([0-9]{1,4})\."
    r"(?:(role|content|finish_reason|tool_call_id)|tool_calls\.([0-9]{1,4})\.(id|name|arguments))"
)
_FUNCTION = re.compile(r"llm\.request\.functions\.([0-9]{1,4})\.(name|description|parameters|arguments)")


class OpenTelemetryForm(Form):
    """A span of an operation on a model is a request. Cache reads and writes are inside the input tokens."""

    name = "opentelemetry"
    about = "OpenTelemetry GenAI spans, OTLP JSON or the Python SDK's"
    documentation = (
        "https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/, "
        "https://github.com/open-telemetry/semantic-conventions/tree/v1.36.0/docs/gen-ai and "
        "https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; the SDK's spans: "
        "opentelemetry-sdk/src/opentelemetry/sdk/trace/__init__.py in github.com/open-telemetry/opentelemetry-python "
        "(November 2026)"
    )

    def __init__(self) -> None:
        self._nested = NestedSpans()
        self._file = ""

    def open_file(self, path: Path, shown: str) -> None:  # noqa: ARG002 - see :class:`Form`
        """See :class:`Form`."""
        self._file = shown

    def set_line(self, line: int) -> None:
        """See :class:`Form`."""
        self._nested.set_place(self._file, line)

    def notes(self) -> Iterable[str]:
        """Model calls inside others."""
        note = self._nested.note()
        return () if note is None else (note,)

    def matches(self, item: Any) -> bool:
        """By OTLP's outermost key, or by the context and the attributes of a span."""
        return isinstance(item, dict) and (
            "resourceSpans" in item or "resource_spans" in item or _is_sdk_span(item)
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Return the model calls among the spans of an export."""
        if _is_sdk_span(item):
            service = read_attributes((item.get("resource") or {}).get("attributes")).get("service.name")
            attributes = item["attributes"]
            return [self._read(_as_otlp(item), attributes, service)] if _is_model_call(attributes) else []
        drafts = []
        for resource in _list(item, "resourceSpans", "resource_spans"):
            service = read_attributes((resource.get("resource") or {}).get("attributes")).get("service.name")
            for scope in _list(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
                for span in _list(scope, "spans"):
                    attributes = read_attributes(span.get("attributes"))
                    if _is_model_call(attributes):
                        drafts.append(self._read(span, attributes, service))
        return drafts

    def _read(self, span: dict[str, Any], attributes: dict[str, Any], service: Any) -> Draft:
        draft = _read_span(span, attributes, service)
        if draft["counts"].prompt is not None or draft["counts"].output is not None:
            ids = (
                ("traceId", "trace_id"),
                ("spanId", "span_id"),
                ("parentSpanId", "parent_span_id", "parent_id"),
            )
            self._nested.add(*(str(first_of(span, *names) or "") for names in ids))
        return draft


def _is_sdk_span(item: dict[str, Any]) -> bool:
    context = item.get("context")
    return isinstance(item.get("attributes"), dict) and isinstance(context, dict) and "trace_id" in context


def _as_otlp(span: dict[str, Any]) -> dict[str, Any]:
    """Return a span of the Python SDK with the names of OTLP."""
    context, status = span["context"], as_mapping(span.get("status"))
    return {
        **span,
        "startTimeUnixNano": span.get("start_time"),
        "endTimeUnixNano": span.get("end_time"),
        "traceId": context["trace_id"],
        "spanId": context.get("span_id"),
        "status": {
            "code": f"STATUS_CODE_{status.get('status_code')}",
            "message": status.get("description"),
        },
    }


def _list(parent: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        found = parent.get(name)
        if isinstance(found, list):
            yield from (child for child in found if isinstance(child, dict))
            return


def read_attributes(given: Any) -> dict[str, Any]:
    """Return OTLP's list of attributes as a dict of plain values."""
    if isinstance(given, dict):
        return given
    if not isinstance(given, list):
        return {}
    return {
        str(pair["key"]): _plain(pair.get("value"))
        for pair in given
        if isinstance(pair, dict) and "key" in pair
    }


def _plain(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue as a plain value; OTLP writes 64-bit integers as texts."""
    if not isinstance(value, dict) or depth > 40:
        return value
    for key, inner in value.items():
        kind = key.replace("_", "").lower()
        if kind == "intvalue":
            return int(inner) if isinstance(inner, str) and inner.lstrip("-").isdecimal() else inner
        if kind in {"stringvalue", "doublevalue", "boolvalue", "bytesvalue"}:
            return inner
        if kind == "arrayvalue" and isinstance(inner, dict):
            return [_plain(one, depth + 1) for one in inner.get("values") or ()]
        if kind == "kvlistvalue" and isinstance(inner, dict):
            return {
                str(pair.get("key")): _plain(pair.get("value"), depth + 1)
                for pair in inner.get("values") or ()
                if isinstance(pair, dict)
            }
    return None


def _is_model_call(attributes: dict[str, Any]) -> bool:
    operation = attributes.get("gen_ai.operation.name")
    if operation in _NO_MODEL_CALLS:
        return False
    return (
        operation is not None or "gen_ai.request.model" in attributes or "gen_ai.response.model" in attributes
    )


def _read_span(span: dict[str, Any], attributes: dict[str, Any], service: Any) -> Draft:
    def get(*names: str) -> Any:
        return first_of(attributes, *names)

    status = span.get("status")
    status = status if isinstance(status, dict) else {}
    operation = get("gen_ai.operation.name")
    finish = get("gen_ai.response.finish_reasons")
    finish = as_list(finish) or finish
    draft: Draft = {
        "time": first_of(span, "startTimeUnixNano", "start_time_unix_nano"),
        "ended_at": first_of(span, "endTimeUnixNano", "end_time_unix_nano"),
        "first_token_s": get("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"),
        "request_id": get("gen_ai.response.id") or first_of(span, "spanId", "span_id"),
        "route": get("gen_ai.agent.name") or service,
        "user": get("user.id", "enduser.id"),
        "session": get("gen_ai.conversation.id", "session.id") or first_of(span, "traceId", "trace_id"),
        "provider": get("gen_ai.provider.name", "gen_ai.system"),
        "model_asked": get("gen_ai.request.model"),
        "model_served": get("gen_ai.response.model"),
        "endpoint": _ENDPOINTS.get(str(operation), operation),
        "service_tier": get(
            "openai.response.service_tier", "gen_ai.openai.response.service_tier", "openai.request.service_tier"
        ),
        "is_stream": get("gen_ai.request.stream", "llm.is_streaming"),
        "tools": parse_json_text(get("gen_ai.tool.definitions")) or _indexed_tools(attributes),
        "parameters": {
            name.removeprefix("gen_ai.request."): value
            for name, value in attributes.items()
            if name.startswith("gen_ai.request.") and name not in {"gen_ai.request.model", "gen_ai.request.stream"}
        },
        "finish_reason": finish[0] if isinstance(finish, list) and finish else finish,
        "http_status": get("http.response.status_code", "http.status_code"),
        "counts": TokenCounts(
            get("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            get("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            get("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
            get("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
                "gen_ai.usage.cache_write_input_tokens"),
            reasoning=get("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
            total=get("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
        ),
    }  # fmt: skip
    _read_texts(span, attributes, draft)
    if str(status.get("code")) in {"2", "STATUS_CODE_ERROR"} or get("error.type"):
        parts = [get("error.type"), first_of(status, "message")]
        draft["error"] = ": ".join(str(part) for part in parts if part) or "error"
    return draft


def _read_texts(span: dict[str, Any], attributes: dict[str, Any], draft: Draft) -> None:
    """The prompt and the reply, in whichever of four ways the instrumentation writes them."""
    events = list(_list(span, "events"))
    sources = [attributes] + [
        read_attributes(event.get("attributes"))
        for event in events
        if event.get("name") == "gen_ai.client.inference.operation.details"
    ]
    messages: list[Any] = []
    replies: list[Any] = []
    for source in sources:
        if not messages:
            system = as_list(source.get("gen_ai.system_instructions"))
            given = as_list(source.get("gen_ai.input.messages"))
            messages = [*([{"role": "system", "parts": system}] if system else []), *given]
        replies = replies or as_list(source.get("gen_ai.output.messages"))
    if not messages and not replies:
        messages, replies = _from_events(events)
    if not messages and not replies:
        messages, replies = _from_indexed(attributes)
    if messages:
        draft["messages"] = [one for message in messages for one in _as_messages(message)]
    if replies:
        first = next(iter(_as_messages(replies[0])), None)
        if isinstance(first, dict):
            draft["reply"] = first.get("content")
            draft["reply_tool_calls"] = first.get("tool_calls")
            draft["finish_reason"] = draft["finish_reason"] or first.get("finish_reason")
        else:
            draft["reply"] = first


def _as_messages(message: Any) -> list[Any]:
    """Return a message of parts in OpenAI's form, so that it can be asked again: the results of tools first, each a message.

    Text alone becomes the content; with other parts, such as images, the content is their list. Reasoning is left out.
    """
    if not isinstance(message, dict) or not isinstance(message.get("parts"), list):
        return [message]
    results, calls, content = [], [], []
    for part in message["parts"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            content.append({"type": "text", "text": str(part.get("content") or "")})
        elif kind == "tool_call":
            calls.append(_call(part))
        elif kind == "tool_call_response":
            result = first_of(part, "response", "result")
            results.append(
                {
                    "role": "tool",
                    "tool_call_id": part.get("id"),
                    "content": _text("" if result is None else result),
                }
            )
        elif kind != "reasoning":
            content.append(part)
    changed = {key: value for key, value in message.items() if key != "parts"}
    if content or not (results or calls):
        is_text = all(isinstance(part, dict) and part.keys() == {"type", "text"} for part in content)
        changed["content"] = "".join(part["text"] for part in content) if is_text else content
    if calls:
        changed["tool_calls"] = calls
    return [*results, *([changed] if "content" in changed or calls else [])]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _from_events(events: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """An event a message (1.28 to 1.36), or an event each for prompt and completion (before)."""
    messages: list[Any] = []
    replies: list[Any] = []
    for event in events:
        name = str(event.get("name"))
        found = read_attributes(event.get("attributes"))
        if name == "gen_ai.content.prompt":
            messages += as_list(found.get("gen_ai.prompt")) or [
                {"role": "user", "content": found.get("gen_ai.prompt")}
            ]
        elif name == "gen_ai.content.completion":
            text = found.get("gen_ai.completion")
            replies += as_list(text) or [{"role": "assistant", "content": text}]
        elif name == "gen_ai.choice":
            message = parse_json_text(found.get("message"))
            inner = (
                message if isinstance(message, dict) else {"content": first_of(found, "content") or message}
            )
            replies.append({**inner, "finish_reason": found.get("finish_reason")})
        elif name.startswith("gen_ai.") and name.endswith(".message"):
            role = name.removeprefix("gen_ai.").removesuffix(".message")
            rest = {key: parse_json_text(found[key]) for key in ("tool_calls",) if key in found}
            if "id" in found:
                rest["tool_call_id" if role == "tool" else "id"] = found["id"]
            messages.append({"role": role, "content": found.get("content"), **rest})
    return messages, replies


def _from_indexed(attributes: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """``gen_ai.prompt.0.content``, ``gen_ai.completion.0.tool_calls.0.name`` and so on, as OpenLLMetry writes them."""
    found: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    calls: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for name, value in attributes.items():
        match = _INDEXED.fullmatch(name)
        if match is None:
            continue
        message = found[match[1]].setdefault(int(match[2]), {})
        if match[3] is not None:
            message[match[3]] = value
        else:
            of_message = calls.setdefault((match[1], int(match[2])), {})
            of_message.setdefault(int(match[4]), {})[match[5]] = value
    for (side, at), of_message in calls.items():
        found[side][at]["tool_calls"] = [_call(of_message[number]) for number in sorted(of_message)]
    prompts, completions = ([messages[at] for at in sorted(messages)] for messages in found.values())
    return prompts, completions


def _call(parts: dict[str, Any]) -> dict[str, Any]:
    """Return a tool call in OpenAI's form, whose arguments are text."""
    arguments = parts.get("arguments")
    function = {"name": parts.get("name"), "arguments": "{}" if arguments is None else _text(arguments)}
    return {**({"id": parts["id"]} if "id" in parts else {}), "type": "function", "function": function}


def _indexed_tools(attributes: dict[str, Any]) -> list[Any]:
    """Return the tools that OpenLLMetry writes as ``llm.request.functions.0.name`` and so on, in OpenAI's form."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        match = _FUNCTION.fullmatch(name)
        if match is not None:
            key = "parameters" if match[2] == "arguments" else match[2]
            found.setdefault(int(match[1]), {})[key] = parse_json_text(value)
    return [{"type": "function", "function": found[number]} for number in sorted(found)]
