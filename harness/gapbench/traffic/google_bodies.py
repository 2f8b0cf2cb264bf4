"""The bodies of Google's generateContent, request and reply, read into a draft (ai.google.dev/api/generate-content)."""

from __future__ import annotations

from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts, as_mapping, first_of
from gapbench.traffic.replies import read_error

ENDPOINT = "generateContent"


def read_google_request(body: dict[str, Any], model: str, draft: Draft) -> None:
    """Add the parts of a request's body to a draft.

    Args:
        body: The body.
        model: The model, which this protocol has in the path.
        draft: Takes the parts.
    """
    draft["model_asked"] = model
    draft["endpoint"] = ENDPOINT
    system = first_of(body, "systemInstruction", "system_instruction")
    messages = [] if system is None else [{"role": "system", "content": _content(as_mapping(system))}]
    for content in _listed(body.get("contents")):
        role = "assistant" if content.get("role") == "model" else content.get("role") or "user"
        messages.append({"role": role, "content": _content(content)})
    if messages:
        draft["messages"] = messages
    if first_of(body, "cachedContent", "cached_content") is not None:
        draft["prompt_lacks"] = "cached content"
    if body.get("tools"):
        draft["tools"] = body["tools"]
    parameters = dict(as_mapping(first_of(body, "generationConfig", "generation_config")))
    choice = first_of(body, "toolConfig", "tool_config")
    if choice is not None:
        parameters["tool_choice"] = choice
    if parameters:
        draft["parameters"] = parameters


def _content(content: dict[str, Any]) -> Any:
    """Return the content of a message: a text, or its parts with images in the form that imports know."""
    parts = _listed(content.get("parts"))
    if all(isinstance(part.get("text"), str) and not part.get("thought") for part in parts):
        return "".join(part["text"] for part in parts)
    return [_part(part) for part in parts]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    data = as_mapping(first_of(part, "inlineData", "inline_data", "fileData", "file_data"))
    kind = first_of(data, "mimeType", "mime_type")
    if isinstance(kind, str) and kind.startswith("image/"):
        return {"type": "image", "source": data}
    if isinstance(part.get("text"), str):
        return {"type": "text", **part}
    return part


def read_google_reply(body: dict[str, Any], draft: Draft) -> None:
    """Add the parts of a reply's body to a draft; of several candidates the first is the reply.

    ``promptTokenCount`` includes cached tokens; ``candidatesTokenCount`` leaves out thoughts, and the results of
    Google's own tools come on top of the prompt (``UsageMetadata`` on the page above, read November 2026).
    """
    draft["model_served"] = body.get("modelVersion")
    if body.get("responseId"):
        draft["request_id"] = body["responseId"]
    candidates = _listed(body.get("candidates"))
    blocked = as_mapping(body.get("promptFeedback")).get("blockReason")
    draft["finish_reason"] = candidates[0].get("finishReason") if candidates else blocked
    parts = _listed(as_mapping(candidates[0].get("content")).get("parts")) if candidates else []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought")]
    draft["reply"] = "".join(texts) if texts else None
    calls = [part["functionCall"] for part in parts if part.get("functionCall")]
    if calls:
        draft["reply_tool_calls"] = calls
    error = as_mapping(body.get("error"))
    if error:
        read_error({"type": error.get("status"), "message": error.get("message")}, draft)
    usage = as_mapping(body.get("usageMetadata"))
    if usage:
        prompt, tools = usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount")
        if isinstance(prompt, int) and isinstance(tools, int):
            prompt += tools
        draft["counts"] = TokenCounts(
            prompt,
            # Left out where it is zero.
            usage.get("candidatesTokenCount", 0),
            usage.get("cachedContentTokenCount"),
            reasoning=usage.get("thoughtsTokenCount"),
            is_cache_apart=False,
            is_reasoning_apart=True,
        )


def _listed(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; one object alone is a list of it."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
