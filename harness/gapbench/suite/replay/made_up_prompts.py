"""Prompts for requests whose log has no text: of the same length, and with the prefixes that they shared.

What two prompts share is taken from, in this order:

1. **block hashes**: where the table has ``prefix_blocks`` or ``text_shape``, equal leading hashes are equal text;
2. **the session**: a request repeats the prompt before it in its session as far as the provider's cache answered it, or,
   where that is unknown or 0, all of it if this prompt is at least as long, because conversations only grow;
3. **the route**: the first request of a session starts with as much of the route's own text as the cache answered, or
   where that is unknown or 0, with the median of what the cache answered for the route's other first requests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from gapbench.suite.replay.logged_requests import UNKNOWN, Floats, Ints, LoggedRequests
from gapbench.suite.replay.prompt_fit import PromptFit
from gapbench.suite.replay.word_streams import WORD_CHARS, WordStreams

_ROUTE = -1
_BLOCKS = -2
_LOGGED = -3


@dataclass(frozen=True)
class MadeUpPrompts:
    """The prompts of a replay that have no text.

    Attributes:
        streams: Where the words are from.
        fit: How long they are.
        input_tokens: Length of each prompt in tokens.
        rows: Row of each request in the table.
        parent: The request whose prompt this one starts with; -1: the text of its route; -2: blocks; -3: has a logged text.
        shared_tokens: How many tokens of it.
        route: Number of each request's route.
        routes: Their names.
        blocks: Hashes of each prompt's blocks, one Arrow list for each request. None: the table has none.
        block_tokens: Tokens of a block of each request.
    """

    streams: WordStreams
    fit: PromptFit
    input_tokens: Ints
    rows: Ints
    parent: Ints
    shared_tokens: Ints
    route: Ints
    routes: list[str]
    blocks: Any
    block_tokens: Floats

    def segments(self, number: int) -> list[tuple[str, int]]:
        """Return the streams that a prompt is made of, in order, each with its number of words."""
        if self.parent[number] == _BLOCKS:
            return self._block_segments(number)
        found: list[tuple[str, int]] = []
        upto = self.fit.words(int(self.input_tokens[number]))
        while upto > 0:
            parent = int(self.parent[number])
            shared = min(upto, self.fit.shared_words(int(self.shared_tokens[number])))
            if upto > shared:
                found.append((f"row:{self.rows[number]}", upto - shared))
            upto = shared
            if parent == _ROUTE:
                if upto:
                    found.append((self._route_stream(number), upto))
                break
            number = parent
        return found[::-1]

    def text(self, number: int) -> str:
        """Return a prompt."""
        return " ".join(self.streams.text(name, words) for name, words in self.segments(number))

    def chars(self, number: int) -> int:
        """Return the characters of a prompt, without making it."""
        return self.fit.words(int(self.input_tokens[number])) * (WORD_CHARS + 1) - 1

    def _route_stream(self, number: int) -> str:
        route = int(self.route[number])
        return "route" if route == UNKNOWN else f"route:{self.routes[route]}"

    def _block_segments(self, number: int) -> list[tuple[str, int]]:
        tokens, size = int(self.input_tokens[number]), float(self.block_tokens[number])
        words = self.fit.words(tokens)
        found: list[tuple[str, int]] = []
        done = 0
        for place, block in enumerate(self.blocks[number].as_py()):
            end = min(words, self.fit.shared_words((place + 1) * size))
            if end > done:
                # A hash that covers only its own block may come twice in a prompt; its place keeps them apart.
                found.append((f"block:{place}:{block}", end - done))
                done = end
        if words > done:
            found.append((f"row:{self.rows[number]}", words - done))
        return found


def plan_prompts(
    requests: LoggedRequests,
    has_text: Any,
    blocks: tuple[Any, Floats] | None,
    streams: WordStreams,
    fit: PromptFit,
) -> tuple[MadeUpPrompts, Counter[str]]:
    """Return the made-up prompts of a replay, and how many share their start by which evidence.

    Args:
        requests: The requests, by time.
        has_text: Whether each has a logged text.
        blocks: Hashes and sizes of the prompts' blocks. None: the table has none.
        streams: Where the words are from.
        fit: How long the prompts are.
    """
    count = len(requests)
    parent = np.full(count, _LOGGED, dtype=np.int64)
    shared = np.zeros(count, dtype=np.int64)
    route_tokens = _route_prefixes(requests, has_text)
    last_of_session: dict[int, int] = {}
    by: Counter[str] = Counter()
    tokens, cached = requests.input_tokens, requests.cached_tokens
    valid = None if blocks is None else np.asarray(blocks[0].is_valid().to_numpy(zero_copy_only=False))
    for number in np.flatnonzero(~has_text).tolist():
        session = int(requests.session[number])
        before = last_of_session.get(session) if session != UNKNOWN else None
        if session != UNKNOWN:
            last_of_session[session] = number
        length, known = int(tokens[number]), int(cached[number])
        if blocks is not None and valid is not None and valid[number] and blocks[1][number] > 0:
            parent[number] = _BLOCKS
            by["block hashes"] += 1
        elif before is not None and parent[before] != _BLOCKS and (known > 0 or length >= tokens[before]):
            parent[number] = before
            shared[number] = min(length, int(tokens[before]), known if known > 0 else length)
            by["cached tokens" if known > 0 else "the session's earlier prompt"] += 1
        else:
            parent[number] = _ROUTE
            wanted = known if known > 0 else route_tokens.get(int(requests.route[number]), 0)
            shared[number] = max(0, min(wanted, length - 1))
            kind = "cached tokens" if known > 0 else "the route's cached tokens"
            by[kind if shared[number] else "nothing"] += 1
    block_tokens = np.zeros(count, dtype=np.float64) if blocks is None else blocks[1]
    made_up = MadeUpPrompts(
        streams, fit, tokens, requests.rows, parent, shared, requests.route, requests.routes,
        None if blocks is None else blocks[0], block_tokens,
    )  # fmt: skip
    return made_up, by


def _route_prefixes(requests: LoggedRequests, has_text: Any) -> dict[int, int]:
    """Return for each route the median of the cached tokens of its sessions' first requests, of those with any."""
    first_of_session = np.ones(len(requests), dtype=bool)
    in_session = np.flatnonzero(requests.session != UNKNOWN)
    _, first = np.unique(requests.session[in_session], return_index=True)
    first_of_session[in_session] = False
    first_of_session[in_session[first]] = True
    chosen = first_of_session & ~has_text & (requests.cached_tokens > 0)
    found: dict[int, int] = {}
    for route in np.unique(requests.route[chosen]).tolist():
        cached: Floats = requests.cached_tokens[chosen & (requests.route == route)].astype(np.float64)
        found[route] = int(np.median(cached))
    return found
