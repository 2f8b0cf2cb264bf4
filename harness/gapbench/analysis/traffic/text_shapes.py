"""What a recording without texts tells of a prompt: lengths, roles, and keyed hashes of how it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from gapbench.analysis.traffic.prefixes import BLOCK_CHARS

_MAX_BLOCKS = 100_000
"""More hashes than any prompt has: the rest of a list is not read."""
_TOOL_ROLES = frozenset({"tool", "function"})
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class TextShape:
    """The shape of a prompt, of the column ``text_shape`` of the traffic table.

    Attributes:
        prompt_hash: The same for prompts of the same hashes and lengths; never 0.
        prompt_chars: Characters of the prompt.
        prefix_hashes: As :func:`gapbench.analysis.traffic.prefixes.hash_blocks` has them. They start after a whole block, and
            what is left after the last hash of the recording has none.
        has_tools: Whether tools were offered.
        is_tool_loop: Whether the prompt has the result of a tool.
    """

    prompt_hash: int
    prompt_chars: int
    prefix_hashes: Hashes
    has_tools: bool
    is_tool_loop: bool


def read_shape(text: Any) -> TextShape | None:
    """Return the shape of a prompt. None: the row has none, or not of a prompt."""
    if not isinstance(text, str):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    prompt_chars, tools_chars, block_chars = (
        _count(found.get(name)) for name in ("prompt_chars", "tools_chars", "block_chars")
    )
    messages, blocks = found.get("messages"), found.get("blocks")
    if prompt_chars is None or not isinstance(messages, list) or not isinstance(blocks, list):
        return None
    sizes = [(one.get("role"), one.get("chars")) for one in messages if isinstance(one, dict)]
    last = str(blocks[-1])[:64] if blocks else ""
    key = repr((prompt_chars, tools_chars, last, sizes)).encode("utf-8", "surrogatepass")
    return TextShape(
        prompt_hash=int.from_bytes(blake2b(key, digest_size=8).digest(), "little") or 1,
        prompt_chars=prompt_chars,
        prefix_hashes=_every_block(blocks[:_MAX_BLOCKS], block_chars or 0),
        has_tools=bool(tools_chars),
        is_tool_loop=any(role in _TOOL_ROLES for role, _ in sizes),
    )


def _every_block(blocks: list[Any], block_chars: int) -> Hashes:
    """Return the hashes at the ends of blocks of 512 characters, and the last one; none where they do not fit into those."""
    if not blocks or not block_chars or BLOCK_CHARS % block_chars:
        return np.array([], dtype=np.uint64)
    step = BLOCK_CHARS // block_chars
    places = [*range(step - 1, len(blocks), step)]
    if len(places) < math.ceil(len(blocks) / step):
        places.append(len(blocks) - 1)
    try:
        return np.array([int(blocks[place], 16) % 2**64 for place in places], dtype=np.uint64)
    except (TypeError, ValueError):
        return np.array([], dtype=np.uint64)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None
