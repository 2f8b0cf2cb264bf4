"""Google's streamGenerateContent and generateContent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapbench.values import (
    Message,
    Part,
    ReasoningState,
    ResponseSchema,
    Text,
    ToolCall,
    join_turns,
)
from gapbench_runners.sim_server.episode_mark import read_mark, sign_mark, verify_mark
from gapbench_runners.sim_server.protocols.protocol import (
    RenderedStream,
    VendorRefusalError,
    json_text,
    parse_choices,
    parse_medium,
    parse_message,
    parse_stop,
    parse_text,
    refuse_part,
    reply_id,
    result_message,
    sse_event,
    system_messages,
)
from gapbench_runners.sim_server.protocols.tool_declarations import parse_google_tools
from gapbench_runners.sim_server.protocols.turn_order import check_google_turns
from gapbench_runners.sim_server.reply import Choice, Piece, SimCall, SimReply, SimRequest

FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY", "tool": "STOP"}
STATUSES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


_GEMINI_3 = re.compile(r"gemini-([3-9]|\d\d)")
# ai.google.dev/gemini-api/docs/thought-signatures: what a client sends for calls that Gemini did not make.
FOREIGN_SIGNATURES = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})


def _get(given: Mapping[str, Any], camel: str, snake: str) -> Any:
    """Return a field, which a client may write in either way."""
    return given.get(camel) if camel in given else given.get(snake)


def _parse_part(given: Mapping[str, Any]) -> tuple[Part, ...]:
    inline = _get(given, "inlineData", "inline_data")
    if inline:
        return (parse_medium(_get(inline, "mimeType", "mime_type"), inline["data"]),)
    if call := _get(given, "functionCall", "function_call"):
        arguments = json_text(call.get("args") or {})
        return (ToolCall(call.get("id") or "", call["name"], arguments, _signature_in(given)),)
    if result := _get(given, "functionResponse", "function_response"):
        return _parse_result(result).parts
    if "text" in given:
        signature = _signature_in(given)
        state = (ReasoningState("google", {"thoughtSignature": signature}),) if signature else ()
        return state if given.get("thought") else (parse_text(given["text"]), *state)
    raise refuse_part(", ".join(given))


def _parse_result(given: Mapping[str, Any]) -> Message:
    """Return what a function returned: the value under the usual key, or the whole response as JSON."""
    response = given.get("response") or {}
    key = next((key for key in ("output", "result", "error") if response.keys() == {key}), None)
    value = response if key is None else response[key]
    content = value if isinstance(value, str) else json_text(value)
    return result_message(given.get("id") or "", given["name"], (Text(content),), is_error=key == "error")


def _signature_in(part: Mapping[str, Any]) -> str | None:
    """Return the signature of a part."""
    found = _get(part, "thoughtSignature", "thought_signature")
    return None if found is None else str(found)


def _parse_turn(given: Mapping[str, Any]) -> Iterator[Message]:
    """Yield a turn; results of functions, which the user brings here, become a message of their own."""
    message = parse_message(given.get("role") or "user", given["parts"], _parse_part)
    if not message.tool_results:
        yield message
        return
    yield Message("tool", message.tool_results)
    rest = tuple(part for part in message.parts if part not in message.tool_results)
    if rest:
        yield Message(message.role, rest)


def _check_state(given: Sequence[Mapping[str, Any]], model: str) -> None:
    """Refuse a signature that was changed, and steps of the present turn whose first call has none.

    Of calls that another model made only Gemini 3 and newer ask for one.
    """
    asks_all = _GEMINI_3.search(model) is not None
    start = max((at for at, turn in enumerate(given) if _is_said_by_user(turn)), default=0)
    # A client may keep the pieces of a stream as several contents; they are one step.
    has_call = False
    for at, turn in enumerate(given):
        has_call = has_call and turn.get("role") == "model"
        for part in turn["parts"]:
            signature = _signature_in(part)
            if signature and not _is_valid(signature):
                raise VendorRefusalError("Corrupted thought signature.")
            call = _get(part, "functionCall", "function_call")
            is_own = bool(call) and read_mark(call.get("id") or "") is not None
            if call and not has_call and not signature and at > start and (is_own or asks_all):
                raise VendorRefusalError(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                    "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                    f"data, function call `default_api:{call.get('name')}` , position {at + 1}. Please refer to "
                    "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
                )
            has_call = has_call or bool(call)


def _is_said_by_user(turn: Mapping[str, Any]) -> bool:
    return (turn.get("role") or "user") == "user" and not any(
        _get(part, "functionResponse", "function_response") for part in turn["parts"]
    )


def _is_valid(signature: str) -> bool:
    if signature in FOREIGN_SIGNATURES or verify_mark(signature) is not None:
        return True
    try:
        # The official clients hold a signature as bytes, and write the text of a foreign one in base64.
        return base64.urlsafe_b64decode(signature).decode() in FOREIGN_SIGNATURES
    except ValueError:
        return False


def _parse_schema(config: Mapping[str, Any]) -> ResponseSchema | None:
    schema = _get(config, "responseJsonSchema", "response_json_schema") or _get(
        config, "responseSchema", "response_schema"
    )
    if schema is None:
        return None
    if _get(config, "responseMimeType", "response_mime_type") != "application/json":
        raise VendorRefusalError(
            "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is application/json"
        )
    return ResponseSchema("", schema)


class GenerateContentProtocol:
    """Google's streamGenerateContent and generateContent."""

    overloaded_status = 503

    def parse_request(self, body: Mapping[str, Any]) -> SimRequest:
        """Read a request; ``model`` and ``render_stream`` are in the path; the server adds them to the body."""
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        config = body.get("generationConfig") or body.get("generation_config") or {}
        given = body["contents"]
        turns = join_turns(message for turn in given for message in _parse_turn(turn))
        check_google_turns(turns)
        _check_state(given, str(body["model"]))
        return SimRequest(
            system_messages("".join(piece.get("text") or "" for piece in system.get("parts", ()))) + turns,
            config.get("maxOutputTokens"),
            bool(body["stream"]),
            True,
            body["model"],
            parse_stop(config.get("stopSequences")),
            parse_choices(config.get("candidateCount")),
            tools=parse_google_tools(body),
            response_schema=_parse_schema(config),
            call_form="whole",
            state="always",
        )

    def render_stream(self, reply: SimReply, request: SimRequest) -> RenderedStream:
        """Open with the first chunk, close with the finish reasons and the counts."""
        return RenderedStream(
            b"",
            (
                *(
                    sse_event(_chunk_body(reply, request, {0: [{"text": text, "thought": True}]}))
                    for text in reply.reasoning
                ),
                *(
                    sse_event(
                        _chunk_body(
                            reply,
                            request,
                            {index: _piece_parts(reply, index, piece) for index, piece in step},
                        )
                    )
                    for step in reply.steps()
                ),
            ),
            sse_event(_final_body(reply, request, [[_last_part(reply, choice)] for choice in reply.choices])),
        )

    def render_response(self, reply: SimReply, request: SimRequest) -> dict[str, Any]:
        """Return the reply unstreamed."""
        parts: list[list[Any]] = []
        for choice in reply.choices:
            parts.append([])
            if reply.reasoning:
                parts[-1].append({"text": "".join(reply.reasoning), "thought": True})
            last = _last_part(reply, choice)
            if choice.answer or "thoughtSignature" in last:
                parts[-1].append({**last, "text": "".join(choice.answer)})
            parts[-1] += (part for call in choice.calls for part in _call_parts(call))
        return _final_body(reply, request, parts)

    def render_error(self, status: int, message: str, code: str | None = None) -> dict[str, Any]:  # noqa: ARG002 - Google's code is the status
        """Return an error."""
        name = STATUSES.get(status, "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": name}}


def _piece_parts(reply: SimReply, index: int, piece: Piece) -> list[dict[str, Any]]:
    """Return the parts of a piece: text, or a whole call."""
    if piece.call is None:
        return [{"text": piece.text}]
    choice = reply.choices[index]
    return _call_parts(choice.calls[piece.call])


def _call_parts(call: SimCall) -> list[dict[str, Any]]:
    """Return a call as parts; none for one that is not JSON, which Gemini reports as its finish reason.

    The first of parallel calls has the signature.
    """
    arguments = _arguments(call)
    if arguments is None:
        return []
    part: dict[str, Any] = {"functionCall": {"id": f"fc_{call.mark}", "name": call.name, "args": arguments}}
    if call.mark.call == 0:
        part["thoughtSignature"] = sign_mark(call.mark)
    return [part]


def _arguments(call: SimCall) -> dict[str, Any] | None:
    try:
        value = json.loads(call.arguments_json)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _last_part(reply: SimReply, choice: Choice) -> dict[str, Any]:
    """Return the part that ends a stream: empty text, which has the signature of thoughts that led to no call."""
    part: dict[str, Any] = {"text": ""}
    if reply.reasoning_tokens and not choice.calls and reply.mark is not None:
        part["thoughtSignature"] = sign_mark(reply.mark)
    return part


def _finish_reason(choice: Choice) -> str:
    is_malformed = choice.finish == "tool" and any(_arguments(call) is None for call in choice.calls)
    return "MALFORMED_FUNCTION_CALL" if is_malformed else FINISH[choice.finish]


def _chunk_body(reply: SimReply, request: SimRequest, parts: Mapping[int, list[Any]]) -> dict[str, Any]:
    """Return a chunk with the parts of each candidate, by its index."""
    return {
        "candidates": [
            {"content": {"parts": given, "role": "model"}, "index": index} for index, given in parts.items()
        ],
        "modelVersion": request.model,
        "responseId": reply_id("gen", reply),
    }


def _final_body(reply: SimReply, request: SimRequest, parts: list[list[Any]]) -> dict[str, Any]:
    body = _chunk_body(reply, request, dict(enumerate(parts)))
    for candidate, choice in zip(body["candidates"], reply.choices, strict=True):
        candidate["finishReason"] = _finish_reason(choice)
    # ai.google.dev/api/generate-content: candidates and thoughts are counted apart, the prompt with its cache.
    body["usageMetadata"] = {
        "promptTokenCount": reply.input_tokens,
        "cachedContentTokenCount": reply.cached_tokens,
        "candidatesTokenCount": reply.output_tokens - reply.reasoning_tokens,
        "thoughtsTokenCount": reply.reasoning_tokens,
        "totalTokenCount": reply.input_tokens + reply.output_tokens,
    }
    return body
