"""Made-up text without end, by name: the same seed and name give the same words, and other names other words."""

from __future__ import annotations

import random
from functools import lru_cache
from hashlib import sha256

_LETTERS_4 = """
time year life hand part case week work home room area fact book word side kind
head hour game line team idea body back face door city name girl land food road
"""
WORDS = tuple(_LETTERS_4.split())
"""One token each, with the space before, in the vocabularies of GPT-2 to Llama 3 and Qwen, and four letters each, so that
a number of words is also an exact number of tokens where a token is a letter."""
WORD_CHARS = 4
HEAD_WORDS = 12
"""Words that tell streams apart: drawn from the hash of the name, so two streams agree in them by chance once in 32^12."""
_POOL_WORDS = 2**14


class WordStreams:
    """Streams of common words.

    Args:
        seed: Seed of all streams.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def text(self, name: str, words: int) -> str:
        """Return the first words of a stream, separated by spaces.

        Args:
            name: The stream.
            words: How many words, at least 1.
        """
        digest = sha256(f"{self._seed}:{name}".encode()).digest()
        head = [
            WORDS[int.from_bytes(digest[2 * place : 2 * place + 2]) % len(WORDS)]
            for place in range(min(words, HEAD_WORDS))
        ]
        rest = words - len(head)
        if rest <= 0:
            return " ".join(head)
        start = int.from_bytes(digest[-4:]) % _POOL_WORDS
        return " ".join([*head, *_slices(self._seed, start, rest)])


def _slices(seed: int, start: int, words: int) -> list[str]:
    """Return words of the pool from a place on, going round it as often as needed."""
    text, places = _pool(seed)
    found: list[str] = []
    while words > 0:
        end = min(start + words, _POOL_WORDS)
        found.append(text[places[start] : places[end] - 1])
        words -= end - start
        start = 0
    return found


@lru_cache(maxsize=4)
def _pool(seed: int) -> tuple[str, list[int]]:
    """Return the pool's words, each with a space behind it, and where each starts; slicing it is far faster than drawing."""
    drawn = random.Random(f"{seed}:pool").choices(WORDS, k=_POOL_WORDS)  # noqa: S311 - filler text, not a secret
    places = [0]
    for word in drawn:
        places.append(places[-1] + len(word) + 1)
    return " ".join(drawn) + " ", places
