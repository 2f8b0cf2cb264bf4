"""The body of a request in the protocols of OpenAI and Anthropic, read into a draft."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from hashlib import sha256
from typing import Any

from gapbench.traffic.draft import Draft, as_mapping, first_of, parse_json_text
from gapbench.traffic.response_chains import prompt_lacks

_PARAMETERS = frozenset((
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "stop",
    "stop_sequences", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
    "response_format", "text", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "thinking",
    "verbosity", "modalities", "store", "truncation", "include", "dimensions", "encoding_format", "min_p",
    "repetition_penalty", "output_config", "max_new_tokens", "best_of", "candidate_count", "choice.count",
    "encoding_formats", "thinking_config", "response_mime_type", "response_schema", "response_json_schema",
    "max_tool_calls", "chat_template_kwargs", "min_tokens", "ignore_eos",
))  # fmt: skip
"""Parameters of a request, as its protocols, OpenTelemetry and Google name them. Only these are stored: what else tools
log with them may be the id of a user."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_METADATA_IDS = {
    "route": ("route", "feature", "use_case", "endpoint", "app", "tag"),
    "session": ("session_id", "sessionId", "conversation_id", "thread_id", "session"),
    "user": ("user_id", "userId", "user"),
}
"""Keys of ``metadata`` that teams use, by the part of the draft."""
_WRAPPED = ("body", "json", "data", "content")
_BODY_KEYS = frozenset({"messages", "choices", "model", "role", "output"})
"""A value with one of them is a body itself."""
_IMAGE_TYPES = frozenset({"image_url", "input_image", "image"})
_PART_LISTS = ("content", "parts", "output")
"""Keys of the parts of a message, and of a tool's result: Anthropic's ``content``, the ``output`` of OpenAI's Responses."""
_MAX_DEPTH = 4


def select_parameters(given: Any) -> dict[str, Any]:
    """Return those of some logged parameters that are parameters of a model's call, in camel or snake case; {} if none is."""
    if not isinstance(given, dict):
        return {}
    return {
        name: value
        for name, value in given.items()
        if value is not None and isinstance(name, str) and len(name) <= 40 and _snake(name) in _PARAMETERS
    }


@lru_cache(maxsize=2_000)
def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()


def looks_like_request(body: Any) -> bool:
    """Return whether a value is the body of a request for a model's reply."""
    if not isinstance(body, dict) or "model" not in body or "choices" in body:
        return False
    prompt = body.get("messages")
    if prompt is None:
        prompt = body["input"] if body.get("input") is not None else body.get("prompt")
    return isinstance(prompt, (list, str))


def looks_like_conversation(body: Any) -> bool:
    """Return whether a value is a stored conversation in OpenAI's form: messages with roles and no model."""
    if not isinstance(body, dict) or "model" in body or "choices" in body or "content" in body:
        return False
    messages = body.get("messages")
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages)
    )


def read_request(body: dict[str, Any], draft: Draft) -> None:
    """Add the parts of a request's body to a draft, whose endpoint is kept if it is known."""
    draft["model_asked"] = body.get("model")
    messages, endpoint = (
        _read_messages(body) if draft.get("endpoint") != "embeddings" else (None, "embeddings")
    )
    draft.setdefault("endpoint", endpoint)
    if messages is not None:
        draft["messages"] = messages
    tools = first_of(body, "tools", "functions")
    if tools:
        draft["tools"] = tools
    parameters = select_parameters(body)
    if parameters:
        draft["parameters"] = parameters
    draft["is_stream"] = body.get("stream")
    if body.get("service_tier") not in (None, "auto"):
        draft["service_tier"] = body["service_tier"]
    metadata = body.get("metadata")
    # OpenAI replaced `user` by `safety_identifier`, which names a user, and by `prompt_cache_key`, which routes requests
    # with the same start to the same cache: many users and sessions may share one, so it is neither.
    draft["user"] = first_of(body, "user", "safety_identifier")
    conversation = body.get("conversation")
    draft["session"] = conversation.get("id") if isinstance(conversation, dict) else conversation
    if endpoint == "responses":
        draft["previous_response_id"] = body.get("previous_response_id")
        draft["has_instructions"] = bool(body.get("instructions"))
        draft["prompt_lacks"] = prompt_lacks(body)
    if isinstance(metadata, dict):
        read_metadata(metadata, draft)


def read_metadata(metadata: dict[str, Any], draft: Draft) -> None:
    """Add route, session and user from the metadata that a team attached to its request, where they are not known."""
    for part, names in _METADATA_IDS.items():
        if draft.get(part) in (None, ""):
            value = first_of(metadata, *names)
            if isinstance(value, (str, int)):
                draft[part] = value


def _read_messages(body: dict[str, Any]) -> tuple[list[Any] | None, str]:
    """Return the messages, the system prompt first, and the endpoint."""
    if isinstance(body.get("messages"), list):
        messages = body["messages"]
        system = body.get("system")
        if system is not None:
            return [{"role": "system", "content": system}, *messages], "messages"
        return messages, "chat"
    given = body.get("input")
    if given is not None:
        if "dimensions" in body or "encoding_format" in body:
            return None, "embeddings"
        head = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
        rest = given if isinstance(given, list) else [{"role": "user", "content": given}]
        return [*head, *rest], "responses"
    prompt = body.get("prompt")
    if prompt is not None:
        return [{"role": "user", "content": prompt}], "completions"
    return None, "chat"


def as_messages(value: Any) -> list[Any] | None:
    """Return the messages of a prompt as observability tools log it: a list, an object with one, or a text. None: none."""
    value = parse_json_text(value)
    if isinstance(value, dict):
        inner = first_of(value, "messages", "input", "prompt", "args")
        if inner is None:
            return [value] if "role" in value else [{"role": "user", "content": value}] if value else None
        if isinstance(inner, list) and isinstance(value.get("system"), (str, list)):
            return [{"role": "system", "content": value["system"]}, *inner]
        value = inner
    if isinstance(value, list):
        return value or None
    if value is None or value == "":
        return None
    return [{"role": "user", "content": value}]


def take_images(messages: list[Any]) -> tuple[list[Any], int]:
    """Return messages with the data of each image replaced by its hash, and the number of images.

    They are among the parts of a message, or of a tool's result in it.
    """
    if all(isinstance(message, dict) and isinstance(message.get("content"), str) for message in messages):
        return messages, 0
    changed = [_take_images(message) for message in messages]
    count = sum(number for _, number in changed)
    return ([message for message, _ in changed], count) if count else (messages, 0)


def _take_images(holder: Any, depth: int = 0) -> tuple[Any, int]:
    """Return a message or a part without the data of images in its lists of parts, and how many there were."""
    if not isinstance(holder, dict) or depth > _MAX_DEPTH:
        return holder, 0
    count = 0
    changed: dict[str, list[Any]] = {}
    for key in _PART_LISTS:
        parts = holder.get(key)
        if isinstance(parts, list):
            found = [_take_part(part, depth) for part in parts]
            count += sum(number for _, number in found)
            changed[key] = [part for part, _ in found]
    return ({**holder, **changed}, count) if count else (holder, 0)


def _take_part(part: Any, depth: int) -> tuple[Any, int]:
    kind = part.get("type") if isinstance(part, dict) else None
    is_image = isinstance(kind, str) and kind in _IMAGE_TYPES
    if isinstance(part, dict) and (is_image or part.get("modality") == "image"):
        return {name: _without_data(value) for name, value in part.items()}, 1
    return _take_images(part, depth + 1)


def _without_data(value: Any) -> Any:
    """Return a part of an image block with base64 data replaced by what identifies it."""
    if isinstance(value, dict):
        return {key: _without_data(inner) for key, inner in value.items()}
    if not isinstance(value, str) or (len(value) < 200 and not value.startswith("data:")):
        return value
    head, _, data = value.rpartition(",") if value.startswith("data:") else ("", "", value)
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return value if value.startswith("http") else f"[{len(value)} characters]"
    return f"{head or 'base64'},sha256:{sha256(content).hexdigest()[:16]} {len(content)} bytes"


def read_body(value: Any) -> dict[str, Any]:
    """Return the JSON body of a logged request or reply: the value itself, its ``body``, or the text of one of them."""
    found = as_mapping(value)
    if found.keys().isdisjoint(_WRAPPED) or not found.keys().isdisjoint(_BODY_KEYS):
        return found
    for key in _WRAPPED:
        inner = found.get(key)
        if isinstance(inner, (dict, str)):
            body = as_mapping(inner)
            if body:
                return body
    return found
