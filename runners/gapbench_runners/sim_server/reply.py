"""What a persona says to one prompt, before any protocol: pieces of text, counts, and how it ends."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gapbench.values import Message, Truth, prompt_sha256, unsalted
from gapbench_runners.sim_server.persona import Persona

UNKNOWN = "I do not know this prompt."
BESIDE_THE_FORM = "Well, that depends on how you look at it."
REFUSAL = "I can't help with that."
BLOCK_TOKENS = 16
"""A prefix cache keeps whole blocks, as vLLM's does."""
MUSING = "Let me see: first this, then that, and so on. "


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the four protocols have in common.

    Attributes:
        messages: The prompt, as the harness's own values.
        max_tokens: Budget of output tokens. None: no budget.
        stream: Whether the reply is streamed.
        usage_in_stream: Whether a streamed reply tells counts; Chat Completions must be asked to.
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
        prompt_sha256: Of the prompt, without the harness's salt.
        nth: How often this prompt has been asked, from 0.
        known: Whether the prompt stands in the answer book.
        is_right: Whether the persona knew the answer this time.
        is_sent: Whether that answer stands in the reply, whole: neither refused, nor beside the form, nor cut.
        shown: How much of the reasoning is shown; see :class:`gapbench_runners.sim_server.persona.Reasoning`.
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
    is_sent: bool
    shown: str
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
        self._cached: set[str] = set()

    def reply(self, asked: Asked) -> Reply:
        """Return what to say, and remember having been asked."""
        persona = self.persona
        # Salt keeps a prompt out of the cache and does not make it another question.
        question = unsalted(asked.messages)
        prompt = prompt_sha256(question)
        sent = prompt if question is asked.messages else prompt_sha256(asked.messages)
        nth, repeat = self._asked[prompt], self._answered[prompt]
        self._asked[prompt] += 1
        fault = persona.fault(prompt, nth)
        # A retry after a fault is the same question again, not a new draw of the answer.
        seen = sent in self._cached
        if fault in {None, "slow"}:
            self._answered[prompt] += 1
            self._cached.add(sent)
        truth = self.book.get(prompt)
        right = truth is not None and persona.is_right(prompt, truth.category, repeat)
        text = self._text(truth, prompt, right=right)

        budget = asked.max_tokens if asked.max_tokens is not None else sys.maxsize
        thought = min(persona.reasoning.tokens, budget)
        tokens = pieces(text, persona.chars_per_token)
        kept = tokens[: budget - thought]
        shown = {"verbatim": thought, "summary": thought // 4, "hidden": 0}[persona.reasoning.shown]
        musing = MUSING * (shown * persona.chars_per_token // len(MUSING) + 1)
        given = sum(len(pieces(message.text, persona.chars_per_token)) + 4 for message in asked.messages)
        given += persona.image_tokens * sum(len(message.images) for message in asked.messages)
        finish = "refusal" if text is REFUSAL else "stop"
        return Reply(
            prompt_sha256=prompt,
            nth=nth,
            known=truth is not None,
            is_right=right,
            is_sent=truth is not None and text is truth.reference and kept == tokens,
            shown=persona.reasoning.shown,
            reasoning=bundled(pieces(musing, persona.chars_per_token)[:shown], persona.tokens_per_chunk),
            answer=bundled(kept, persona.tokens_per_chunk),
            finish=finish if kept == tokens else "length",
            input_tokens=given,
            cached_tokens=given // BLOCK_TOKENS * BLOCK_TOKENS if persona.cache and seen else 0,
            output_tokens=thought + len(kept),
            reasoning_tokens=thought,
            hidden_tokens=thought - shown,
            fault=fault,
        )

    def _text(self, truth: Truth | None, prompt: str, *, right: bool) -> str:
        if truth is None:
            return UNKNOWN
        if self.persona.draw("refuse", prompt) < self.persona.refuse:
            return REFUSAL
        if self.persona.draw("unparsed", prompt) < self.persona.unparsed:
            return BESIDE_THE_FORM
        return truth.reference if right else truth.decoy

    def unanswered(self, reply: Reply) -> None:
        """Take back an answer that was never sent, so that the next try draws the same one."""
        if reply.fault in {None, "slow"}:
            self._answered[reply.prompt_sha256] -= 1

    def unasked(self, reply: Reply) -> None:
        """Take back a request that found no place, so that load does not shift the draws of faults."""
        self.unanswered(reply)
        self._asked[reply.prompt_sha256] -= 1


def pieces(text: str, size: int) -> list[str]:
    """Return a text in pieces of ``size`` characters: the simulated tokens."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def bundled(tokens: list[str], count: int) -> tuple[str, ...]:
    """Return tokens joined ``count`` to a chunk."""
    return tuple("".join(tokens[start : start + count]) for start in range(0, len(tokens), count))
