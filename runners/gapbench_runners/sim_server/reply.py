"""What a persona says to one prompt, before any protocol: pieces of text, counts, and how it ends."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gapbench.values import GroundTruth, Message, prompt_sha256, remove_salt
from gapbench_runners.sim_server.persona import Persona

UNKNOWN_PROMPT_ANSWER = "I do not know this prompt."
UNPARSABLE_ANSWER = "Well, that depends on how you look at it."
REFUSAL = "I can't help with that."
BLOCK_TOKENS = 16
"""A prefix cache keeps whole blocks, as vLLM's does."""
REASONING_TEXT = "Let me see: first this, then that, and so on. "


@dataclass(frozen=True, slots=True)
class SimRequest:
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
class SimReply:
    """What is to be sent.

    Attributes:
        prompt_sha256: Of the prompt, without the harness's salt.
        nth: How often this prompt has been asked, from 0.
        is_known: Whether the prompt stands in the answer book.
        is_right: Whether the persona knew the answer this time.
        is_answer_intact: Whether that answer stands in the reply, whole: neither refused, nor beside the form, nor cut.
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
    is_known: bool
    is_right: bool
    is_answer_intact: bool
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


class SimModel:
    """One persona with its answer book and its memory of what it was asked."""

    def __init__(self, persona: Persona, answer_book: Mapping[str, GroundTruth]) -> None:
        """Start having been asked nothing."""
        self.persona = persona
        self.answer_book = answer_book
        self._request_counts: Counter[str] = Counter()
        self._answer_counts: Counter[str] = Counter()
        self._cached_prompts: set[str] = set()

    def reply_to(self, request: SimRequest) -> SimReply:
        """Return what to say, and remember having been asked."""
        persona = self.persona
        # Salt keeps a prompt out of the cache and does not make it another question.
        question = remove_salt(request.messages)
        prompt = prompt_sha256(question)
        sent = prompt if question is request.messages else prompt_sha256(request.messages)
        nth, repeat = self._request_counts[prompt], self._answer_counts[prompt]
        self._request_counts[prompt] += 1
        fault = persona.fault(prompt, nth)
        # A retry after a fault is the same question again, not a new draw of the answer.
        seen = sent in self._cached_prompts
        if fault in {None, "slow"}:
            self._answer_counts[prompt] += 1
            self._cached_prompts.add(sent)
        truth = self.answer_book.get(prompt)
        right = truth is not None and persona.is_right(prompt, truth.category, repeat)
        text = self._answer_text(truth, prompt, right=right)

        budget = request.max_tokens if request.max_tokens is not None else sys.maxsize
        thought = min(persona.reasoning.tokens, budget)
        tokens = split_tokens(text, persona.chars_per_token)
        kept = tokens[: budget - thought]
        shown = {"verbatim": thought, "summary": thought // 4, "hidden": 0}[persona.reasoning.shown]
        musing = REASONING_TEXT * (shown * persona.chars_per_token // len(REASONING_TEXT) + 1)
        given = sum(
            len(split_tokens(message.text, persona.chars_per_token)) + 4 for message in request.messages
        )
        given += persona.image_tokens * sum(len(message.images) for message in request.messages)
        finish = "refusal" if text is REFUSAL else "stop"
        return SimReply(
            prompt_sha256=prompt,
            nth=nth,
            is_known=truth is not None,
            is_right=right,
            is_answer_intact=truth is not None and text is truth.reference and kept == tokens,
            shown=persona.reasoning.shown,
            reasoning=join_chunks(
                split_tokens(musing, persona.chars_per_token)[:shown], persona.tokens_per_chunk
            ),
            answer=join_chunks(kept, persona.tokens_per_chunk),
            finish=finish if kept == tokens else "length",
            input_tokens=given,
            cached_tokens=given // BLOCK_TOKENS * BLOCK_TOKENS if persona.cache and seen else 0,
            output_tokens=thought + len(kept),
            reasoning_tokens=thought,
            hidden_tokens=thought - shown,
            fault=fault,
        )

    def _answer_text(self, truth: GroundTruth | None, prompt: str, *, right: bool) -> str:
        if truth is None:
            return UNKNOWN_PROMPT_ANSWER
        if self.persona.draw("refuse", prompt) < self.persona.refuse:
            return REFUSAL
        if self.persona.draw("unparsed", prompt) < self.persona.unparsed:
            return UNPARSABLE_ANSWER
        return truth.reference if right else truth.decoy

    def undo_answer(self, reply: SimReply) -> None:
        """Take back an answer that was never sent, so that the next try draws the same one."""
        if reply.fault in {None, "slow"}:
            self._answer_counts[reply.prompt_sha256] -= 1

    def undo_request(self, reply: SimReply) -> None:
        """Take back a request that found no place, so that load does not shift the draws of faults."""
        self.undo_answer(reply)
        self._request_counts[reply.prompt_sha256] -= 1


def split_tokens(text: str, size: int) -> list[str]:
    """Return a text in pieces of ``size`` characters: the simulated tokens."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def join_chunks(tokens: list[str], count: int) -> tuple[str, ...]:
    """Return tokens joined ``count`` to a chunk."""
    return tuple("".join(tokens[start : start + count]) for start in range(0, len(tokens), count))
