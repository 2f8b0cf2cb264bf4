"""What a persona says to one prompt, before any protocol: pieces of text, counts, and how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harness.values import Message, Truth, prompt_sha256
from runners.sim_server.persona import Persona

UNKNOWN = "I do not know this prompt."
BESIDE_THE_FORM = "Well, that depends on how you look at it."
REFUSAL = "I can't help with that."
MUSING = "Let me see: first this, then that, and so on. "


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the four protocols have in common.

    Attributes:
        messages: The prompt, as the harness's own values.
        max_tokens: Budget of output tokens. None: no budget.
        stream: Whether the reply is streamed.
        usage_in_stream: Whether Chat Completions was asked for counts.
        model: The model named.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None
    stream: bool
    usage_in_stream: bool
    model: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be sent.

    Attributes:
        prompt_sha256: Of the prompt as it arrived.
        nth: How often this prompt has been asked, from 0.
        known: Whether the prompt stands in the answer book.
        is_right: Whether the answer is the right one.
        reasoning: Chunks of shown reasoning.
        answer: Chunks of the answer.
        finish: ``stop``, ``length`` or ``refusal``.
        input_tokens: All prompt tokens.
        cached_tokens: The part read from the cache.
        output_tokens: All generated tokens, reasoning included.
        reasoning_tokens: The part spent on reasoning.
        hidden_tokens: Reasoning tokens that take time and are not shown.
        fault: What goes wrong; None: nothing.
    """

    prompt_sha256: str
    nth: int
    known: bool
    is_right: bool
    reasoning: tuple[str, ...]
    answer: tuple[str, ...]
    finish: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    hidden_tokens: int
    fault: str | None


class Mind:
    """One persona with its answer book and its memory of what it was asked."""

    def __init__(self, persona: Persona, book: Mapping[str, Truth]) -> None:
        """Start having been asked nothing."""
        self.persona = persona
        self.book = book
        self._asked: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()

    def reply(self, asked: Asked) -> Reply:
        """Return what to say, and remember having been asked."""
        persona = self.persona
        prompt = prompt_sha256(asked.messages)
        nth = self._asked[prompt]
        self._asked[prompt] += 1
        fault = persona.fault(prompt, nth)
        # A retry after a fault is the same question again, not a new draw of the answer.
        repeat = self._answered[prompt]
        if fault in {None, "slow"}:
            self._answered[prompt] += 1
        truth = self.book.get(prompt)
        right = truth is not None and persona.is_right(prompt, truth.category, repeat)
        text, finish = self._text(truth, prompt, right=right)
        return self._cut_to_budget(asked, prompt, nth, truth is not None, right, text, finish, fault)

    def _text(self, truth: Truth | None, prompt: str, *, right: bool) -> tuple[str, str]:
        if truth is None:
            return UNKNOWN, "stop"
        if self.persona.draw("refuse", prompt) < self.persona.refuse:
            return REFUSAL, "refusal"
        if self.persona.draw("unparsed", prompt) < self.persona.unparsed:
            return BESIDE_THE_FORM, "stop"
        return (truth.reference if right else truth.decoy), "stop"

    def _cut_to_budget(
        self,
        asked: Asked,
        prompt: str,
        nth: int,
        known: bool,
        right: bool,
        text: str,
        finish: str,
        fault: str | None,
    ) -> Reply:
        persona = self.persona
        budget = asked.max_tokens if asked.max_tokens is not None else 1 << 30
        thought = min(persona.reasoning.tokens, budget)
        tokens = pieces(text, persona.chars_per_token)
        kept = tokens[: budget - thought]
        if len(kept) < len(tokens):
            finish = "length"
        shown = {"verbatim": thought, "summary": thought // 4, "hidden": 0}[persona.reasoning.shown]
        musing = pieces(
            (MUSING * (shown * persona.chars_per_token // len(MUSING) + 1)), persona.chars_per_token
        )[:shown]
        given = sum(len(pieces(message.text, persona.chars_per_token)) + 4 for message in asked.messages)
        given += persona.image_tokens * sum(len(message.images) for message in asked.messages)
        return Reply(
            prompt_sha256=prompt,
            nth=nth,
            known=known,
            is_right=right,
            reasoning=bundled(musing, persona.tokens_per_chunk),
            answer=bundled(kept, persona.tokens_per_chunk),
            finish=finish,
            input_tokens=given,
            cached_tokens=given // 16 * 16 if persona.cache and nth else 0,
            output_tokens=thought + len(kept),
            reasoning_tokens=thought,
            hidden_tokens=thought - shown,
            fault=fault,
        )


def pieces(text: str, size: int) -> list[str]:
    """Return a text in pieces of ``size`` characters: the simulated tokens."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def bundled(tokens: list[str], count: int) -> tuple[str, ...]:
    """Return tokens joined ``count`` to a chunk."""
    return tuple("".join(tokens[start : start + count]) for start in range(0, len(tokens), count))
