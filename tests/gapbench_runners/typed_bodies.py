"""Check a body against the types of the vendor's installed SDK: no field is missing, wrong or unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pydantic
from anthropic.types import message_create_params as anthropic_params
from google.genai import types as google_types
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params as responses_params

_TYPES: dict[str, Any] = {
    "chat": chat_params.CompletionCreateParamsStreaming,
    "responses": responses_params.ResponseCreateParamsStreaming,
    "messages": anthropic_params.MessageCreateParamsStreaming,
}


@lru_cache
def _adapter(api: str) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(_TYPES[api])


def check(api: str, body: Mapping[str, Any]) -> None:
    """Raise an error if a body is not what the SDK's types say.

    Args:
        api: ``chat``, ``responses``, ``messages`` or ``generate``.
        body: The arguments of the SDK's call.
    """
    if api == "generate":
        # The SDK's own models, which forbid unknown fields.
        google_types._GenerateContentParameters.model_validate(body)
        return
    given = {key: value for key, value in body.items() if key != "extra_body"}
    found = _plain(_adapter(api).validate_python(given))
    # A typed dictionary ignores what it does not know.
    assert given == found, _first_difference(given, found)


def _plain(value: Any) -> Any:
    """Return validated values as they were given; an Iterable is validated only when it is read."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) or (isinstance(value, Iterator) and not isinstance(value, str)):
        return [_plain(inner) for inner in value]
    return value


def _first_difference(given: Any, found: Any, at: str = "") -> str:
    if isinstance(given, Mapping) and isinstance(found, Mapping):
        for key in given:
            if key not in found:
                return f"{at}.{key} is not known to the SDK"
            if given[key] != found[key]:
                return _first_difference(given[key], found[key], f"{at}.{key}")
    if isinstance(given, list) and isinstance(found, list):
        for place, (one, other) in enumerate(zip(given, found, strict=False)):
            if one != other:
                return _first_difference(one, other, f"{at}[{place}]")
    return f"{at}: {given!r} became {found!r}"
