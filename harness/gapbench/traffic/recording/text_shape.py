"""What is recorded of texts that are not: their lengths, and keyed hashes by which equal starts of prompts are known.

The prompt is the tools, then each message with its role, as one text. It is cut into blocks of 64 characters, about the 16
tokens of vLLM's cache blocks. The hash of a block covers all blocks before it too, so two prompts share the hashes of
exactly what they share from the start on. A rest shorter than a block has no hash.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from gapbench.traffic.draft import Draft
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.requests import take_images

BLOCK_CHARS = 64
MAX_BLOCKS = 16_384
"""Of one prompt, about 1 million characters; what comes after has lengths only."""
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def describe_texts(draft: Draft, hasher: IdentityHasher) -> dict[str, Any]:
    """Return the shape of the texts of a draft, without any word of them: the value of the column ``text_shape``."""
    found: dict[str, Any] = {}
    messages = draft.get("messages")
    if isinstance(messages, list):
        messages, _ = take_images(messages)
        texts = [(_role(message), _text(message)) for message in messages]
        tools = "" if not draft.get("tools") else _json(draft["tools"])
        prompt = tools + "".join(f"\n{role}\n{text}" for role, text in texts)
        found = {
            "prompt_chars": len(prompt),
            "tools_chars": len(tools),
            "messages": [
                {"role": role, "chars": len(text), "words": len(text.split())} for role, text in texts
            ],
            "block_chars": BLOCK_CHARS,
            "blocks": hasher.hash_chain(_blocks(prompt)),
        }
    reply, calls = draft.get("reply"), draft.get("reply_tool_calls")
    if isinstance(reply, str):
        found |= {"reply_chars": len(reply), "reply_words": len(reply.split())}
    if isinstance(calls, list):
        found |= {"calls": len(calls), "calls_chars": len(_json(calls))}
    return found


def _role(message: Any) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) and role in _ROLES else "other"


def _text(message: Any) -> str:
    """Return the content of a message as a text; with parts or calls, as JSON with sorted keys."""
    if not isinstance(message, dict):
        return _json(message)
    content = message.get("content")
    rest = {key: value for key, value in message.items() if key not in {"role", "content"} and value}
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        # The parts of a text are the same prompt as the text.
        content = "".join(part["text"] for part in content)
    if isinstance(content, str) and not rest:
        return content
    return _json(content) + (_json(rest) if rest else "")


def _blocks(prompt: str) -> Iterator[bytes]:
    for at in range(0, min(len(prompt), BLOCK_CHARS * MAX_BLOCKS) - BLOCK_CHARS + 1, BLOCK_CHARS):
        yield prompt[at : at + BLOCK_CHARS].encode("utf-8", "surrogatepass")


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a lone surrogate, or an integer over 64 bits
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
