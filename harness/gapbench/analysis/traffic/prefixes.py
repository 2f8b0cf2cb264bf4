"""How much of each prompt an earlier request had already sent: what a provider's prompt cache could read at most.

A prompt is its tools and its messages as JSON, in that order, as providers put them. Of its text only a hash for each
block is kept: the hash of everything up to the block's end, so that two prompts with the same hash have the same start. A
recording without texts has such hashes itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from gapbench.analysis.traffic.text_shapes import TextShape

BLOCK_CHARS = 512
"""Characters of a block, about 128 tokens, in which OpenAI's cache counts."""
MIN_CACHED_TOKENS = 512
"""The shortest prefix that any of the providers caches (Claude Opus 5; most others from 1,024 on, November 2026)."""
CACHE_HOURS = 24
"""The longest time that a provider keeps an unused prefix without charging for the time (OpenAI's ``24h`` retention)."""
Hashes = npt.NDArray[np.uint64]
_NONE: Hashes = np.array([], dtype=np.uint64)


def hash_blocks(text: str) -> Hashes:
    """Return a hash for each block of a text, of everything up to its end; the last block may be shorter."""
    found, before = [], b""
    for at in range(0, len(text), BLOCK_CHARS):
        block = text[at : at + BLOCK_CHARS].encode("utf-8", "surrogatepass")
        before = blake2b(before + block, digest_size=8).digest()
        found.append(before)
    return np.frombuffer(b"".join(found), dtype=np.uint64)


def hash_prompts(frame: pd.DataFrame, shapes: Sequence[TextShape | None]) -> pd.DataFrame:
    """Return for each row of a traffic table its ``prefix_hashes`` and its ``prompt_chars``.

    Both are empty or 0 where there is nothing to cache: no prompt, no token count, images, or less than 512 tokens.

    Args:
        frame: Has the columns ``messages``, ``tools``, ``input_tokens`` and ``image_count``.
        shapes: What a recording without texts tells of each prompt. None: it has texts, or no shape.
    """
    hashes: list[Hashes] = []
    sizes: list[int] = []
    rows = zip(
        frame["messages"], frame["tools"], frame["input_tokens"].fillna(0), frame["image_count"].fillna(0), shapes, strict=True
    )  # fmt: skip
    for messages, tools, tokens, images, shape in rows:
        if shape is not None and tokens >= MIN_CACHED_TOKENS and not images and not isinstance(messages, str):
            hashes.append(shape.prefix_hashes)
            sizes.append(shape.prompt_chars)
            continue
        if not isinstance(messages, str) or tokens < MIN_CACHED_TOKENS or images:
            hashes.append(_NONE)
            sizes.append(0)
            continue
        text = f"{tools}{messages}" if isinstance(tools, str) else messages
        hashes.append(hash_blocks(text))
        sizes.append(len(text))
    return pd.DataFrame({"prefix_hashes": hashes, "prompt_chars": sizes}, index=frame.index)


def shared_tokens(frame: pd.DataFrame, models: pd.Series[Any]) -> pd.Series[Any]:
    """Return how many input tokens of each request were the start of a prompt to the same model in the 24 hours before.

    An upper bound: a block that is shared in part counts as a whole. Tokens are taken as evenly long within a prompt. Of
    less than 512 shared tokens none can be cached. NA: unknown, because no text or count is stored, there are images, or
    the request has no time. Requests that a gateway answered itself neither fill the cache nor read from it.

    Args:
        frame: Requests in order of time, as :func:`gapbench.analysis.traffic.read_requests` gives them.
        models: The model of each.
    """
    tokens = frame["input_tokens"]
    is_known = (frame["prompt_hash"] != 0) & tokens.notna() & (frame["image_count"].fillna(0) == 0)
    is_known &= frame["time"].notna() & ~frame["from_cache"].eq(True)
    counts = np.where(is_known, frame["prefix_hashes"].map(len), 0).astype(np.int64)
    found = pd.Series(0, frame.index, dtype="Int64").where(is_known)
    if not counts.sum():
        return found
    request = np.repeat(np.arange(len(frame)), counts)
    keys = np.concatenate([one for one, count in zip(frame["prefix_hashes"], counts, strict=True) if count])
    # The same prefix for two models is two prefixes.
    keys = keys ^ pd.util.hash_array(models.to_numpy(dtype=object))[request]
    order = np.argsort(keys, kind="stable")  # requests stay in order of time within a prefix
    sorted_keys, sorted_request = keys[order], request[order]
    seconds = (frame["time"] - frame["time"].min()).dt.total_seconds().fillna(0.0).to_numpy()[sorted_request]
    is_seen = np.zeros(len(keys), dtype=bool)
    is_recent = (sorted_keys[1:] == sorted_keys[:-1]) & (np.diff(seconds) <= CACHE_HOURS * 3600)
    is_seen[order[1:]] = is_recent
    blocks = np.bincount(request, weights=is_seen, minlength=len(frame))
    chars = np.where(blocks > 0, (blocks + 1) * BLOCK_CHARS, 0)  # the next block may be shared in part
    sizes = np.maximum(frame["prompt_chars"].to_numpy(), 1)
    shared = np.floor(tokens.fillna(0).to_numpy(dtype=float) * np.minimum(chars / sizes, 1.0))
    shared[shared < MIN_CACHED_TOKENS] = 0
    return pd.Series(shared.astype(np.int64), frame.index).astype("Int64").where(is_known)
