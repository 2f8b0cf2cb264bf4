"""What a persona says to one prompt, before any protocol: pieces of text, counts, and how it ends."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
        stop: Texts before which the answer ends.
        choices: Number of answers.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None
    stream: bool
    usage_in_stream: bool
    model: str
    stop: tuple[str, ...] = ()
    choices: int = 1


class Choice(NamedTuple):
    """One answer to a request.

    Attributes:
        answer: Chunks of the answer.
        finish: ``stop``, ``length`` or ``refusal``.
        stop_sequence: The text of :attr:`SimRequest.stop` before which it ended. None: it did not.
    """

    answer: tuple[str, ...]
    finish: str
    stop_sequence: str | None


@dataclass(frozen=True, slots=True)
class SimReply:
    """What is to be sent.

    Attributes:
        prompt_sha256: Of the prompt, without the harness's salt.
        nth: How often this prompt has been asked, from 0.
        is_known: Whether the prompt is in the answer book.
        is_right: Whether the persona knew the answer this time; with several choices, that of the first.
        is_answer_intact: Whether the first choice is that answer, whole: neither refused, nor in the wrong format, nor cut.
        shown: How much of the reasoning is shown; see :class:`gapbench_runners.sim_server.persona.Reasoning`.
        reasoning: Chunks of shown reasoning.
        choices: The answers; all are written at the same time, after the same reasoning.
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
    choices: tuple[Choice, ...]
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    hidden_tokens: int
    fault: str | None

    @property
    def answer(self) -> tuple[str, ...]:
        """Chunks of the first answer."""
        return self.choices[0].answer

    @property
    def finish(self) -> str:
        """How the first answer ended."""
        return self.choices[0].finish

    @property
    def longest_answer(self) -> tuple[str, ...]:
        """Chunks of the longest answer, which decides when each chunk is due."""
        return max((choice.answer for choice in self.choices), key=len)

    def answer_steps(self) -> list[list[tuple[int, str]]]:
        """Return for each chunk of the longest answer the index and text of every choice that still has one."""
        return [
            [
                (index, choice.answer[step])
                for index, choice in enumerate(self.choices)
                if step < len(choice.answer)
            ]
            for step in range(len(self.longest_answer))
        ]


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
            self._answer_counts[prompt] += request.choices
            self._cached_prompts.add(sent)
        truth = self.answer_book.get(prompt)
        budget = request.max_tokens if request.max_tokens is not None else sys.maxsize
        thought = min(persona.reasoning.tokens, budget)
        # Each choice is a draw of its own, like a repeat of the request.
        rights = [
            truth is not None and persona.is_right(prompt, truth.category, repeat + number)
            for number in range(request.choices)
        ]
        choices = tuple(
            self._make_choice(self._answer_text(truth, prompt, right=right), request.stop, budget - thought)
            for right in rights
        )
        shown = {"verbatim": thought, "summary": thought // 4, "hidden": 0}[persona.reasoning.shown]
        musing = REASONING_TEXT * (shown * persona.chars_per_token // len(REASONING_TEXT) + 1)
        given = self.count_tokens(request.messages)
        return SimReply(
            prompt_sha256=prompt,
            nth=nth,
            is_known=truth is not None,
            is_right=rights[0],
            is_answer_intact=truth is not None and "".join(choices[0].answer) == truth.reference,
            shown=persona.reasoning.shown,
            reasoning=join_chunks(
                split_tokens(musing, persona.chars_per_token)[:shown], persona.tokens_per_chunk
            ),
            choices=choices,
            input_tokens=given,
            cached_tokens=given // BLOCK_TOKENS * BLOCK_TOKENS if persona.cache and seen else 0,
            output_tokens=thought
            + sum(len(split_tokens("".join(choice.answer), persona.chars_per_token)) for choice in choices),
            reasoning_tokens=thought,
            hidden_tokens=thought - shown,
            fault=fault,
        )

    def count_tokens(self, messages: tuple[Message, ...]) -> int:
        """Return the prompt tokens of messages."""
        persona = self.persona
        texts = sum(len(split_tokens(message.text, persona.chars_per_token)) + 4 for message in messages)
        return texts + persona.image_tokens * sum(len(message.images) for message in messages)

    def _make_choice(self, text: str, stop: tuple[str, ...], budget_tokens: int) -> Choice:
        """Return an answer that ends before a stop text, and within its budget."""
        shown, stop_sequence = cut_before(text, stop)
        tokens = split_tokens(shown, self.persona.chars_per_token)
        kept = tokens[:budget_tokens]
        chunks = join_chunks(kept, self.persona.tokens_per_chunk)
        if len(kept) < len(tokens):
            return Choice(chunks, "length", None)
        return Choice(chunks, "refusal" if text is REFUSAL else "stop", stop_sequence)

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
            self._answer_counts[reply.prompt_sha256] -= len(reply.choices)

    def undo_request(self, reply: SimReply) -> None:
        """Take back a request that found no place, so that load does not shift the draws of faults."""
        self.undo_answer(reply)
        self._request_counts[reply.prompt_sha256] -= 1


def cut_before(text: str, stop: tuple[str, ...]) -> tuple[str, str | None]:
    """Return a text up to the first of some texts in it, and which one that is. None: none is in it."""
    found = [(text.index(word), word) for word in stop if word in text]
    if not found:
        return text, None
    at, word = min(found)
    return text[:at], word


def split_tokens(text: str, size: int) -> list[str]:
    """Return a text in pieces of ``size`` characters: the simulated tokens."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def join_chunks(tokens: list[str], count: int) -> tuple[str, ...]:
    """Return tokens joined ``count`` to a chunk."""
    return tuple("".join(tokens[start : start + count]) for start in range(0, len(tokens), count))
