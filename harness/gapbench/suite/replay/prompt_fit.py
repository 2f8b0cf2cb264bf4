"""How many words make a prompt of a number of tokens: given, or measured at a server with vLLM's ``/tokenize``."""

from __future__ import annotations

import http.client
import math
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from gapbench.errors import InputError
from gapbench.suite.replay.word_streams import WordStreams

_TIMEOUT_S = 20.0
_MAX_ANSWER_BYTES = 2**22
_PROBE_WORDS = 1_000
_PROBES = 3
_MAX_WORDS_PER_TOKEN = 10.0


@dataclass(frozen=True, slots=True)
class PromptFit:
    """How the length of a prompt in tokens becomes a number of words.

    Attributes:
        words_per_token: Words for each token.
        template_tokens: Tokens that the server's chat template adds.
    """

    words_per_token: float = 1.0
    template_tokens: int = 8

    def words(self, tokens: int) -> int:
        """Return the words of a prompt of ``tokens`` tokens; at least 1."""
        return max(1, round((tokens - self.template_tokens) * self.words_per_token))

    def shared_words(self, tokens: float) -> int:
        """Return the words that make up the first ``tokens`` tokens of a prompt, the last one whole; 0 within the template."""
        return max(0, math.ceil((tokens - self.template_tokens) * self.words_per_token - 1e-9))


def measure_fit(count_tokens: Callable[[str], int], streams: WordStreams) -> PromptFit:
    """Return the fit of a tokenizer and its chat template to made-up text.

    A prompt of ``w`` words has ``template_tokens + w / words_per_token`` tokens. Both come from prompts of 1,000 words, each
    also sent twice in a row: what the second time adds is the words, and what is left is the template.

    Args:
        count_tokens: Returns the tokens of a user's only message with this text, those of the template included.
        streams: Where the words are from.

    Raises:
        ValueError: The counts do not grow with the words.
    """
    texts = [streams.text(f"probe:{number}", _PROBE_WORDS) for number in range(_PROBES)]
    once = sum(map(count_tokens, texts)) / _PROBES
    twice = sum(count_tokens(f"{text} {text}") for text in texts) / _PROBES
    tokens_per_word = (twice - once) / _PROBE_WORDS
    if tokens_per_word <= 1 / _MAX_WORDS_PER_TOKEN:
        raise ValueError(f"{_PROBE_WORDS:,} words are {once:g} tokens, and twice as many {twice:g}")
    return PromptFit(round(1 / tokens_per_word, 6), max(0, round(2 * once - twice)))


def measure_fit_at(url: str, streams: WordStreams) -> PromptFit:
    """Return the fit of the model that a server with vLLM's ``/tokenize`` serves.

    Args:
        url: The server's address, with or without ``/v1``.
        streams: Where the words are from.

    Raises:
        InputError: It cannot be asked, or its counts make no sense.
    """
    root = url.rstrip("/").removesuffix("/v1")

    def count_tokens(text: str) -> int:
        body = {"messages": [{"role": "user", "content": text}], "add_generation_prompt": True}
        request = urllib.request.Request(  # noqa: S310 - the suite's own address, checked to be http
            f"{root}/tokenize", orjson.dumps(body), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            found = orjson.loads(answer.read(_MAX_ANSWER_BYTES))
        count = found.get("count") if isinstance(found, dict) else None
        if type(count) is not int:
            raise ValueError("its answer has no count")
        return count

    try:
        return measure_fit(count_tokens, streams)
    except urllib.error.HTTPError as exc:
        exc.close()
        problem = f"HTTP {exc.code}"
    except urllib.error.URLError as exc:
        problem = str(getattr(exc.reason, "strerror", None) or exc.reason)
    except (OSError, http.client.HTTPException) as exc:
        problem = getattr(exc, "strerror", None) or type(exc).__name__
    except orjson.JSONDecodeError:
        problem = "its answer is not JSON"
    except ValueError as exc:
        problem = str(exc)
    raise InputError(
        f"replay: tokenizer {url} cannot count tokens by vLLM's /tokenize: {problem}; start the server, or give "
        "words_per_token and template_tokens instead"
    )
