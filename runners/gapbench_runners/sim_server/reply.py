"""One request and one reply before any protocol: pieces of text and of tool calls, counts, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, NamedTuple

from gapbench.values import Message, ResponseSchema, ToolSet
from gapbench_runners.sim_server.episode_mark import EpisodeMark

CallForm = Literal["pieces", "buffered", "whole"]


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
        tools: The tools declared. None: none are.
        response_schema: The schema that the answer is to follow; it is read and not enforced. None: free text.
        call_form: How the protocol streams a call: its arguments in ``pieces``; the arguments ``buffered`` until they are
            complete; the call ``whole``.
        eager_tools: Names of the tools whose arguments are never buffered.
        state: When a reply with calls has state that must come back: never, when the persona was ``thinking``, or always.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None
    stream: bool
    usage_in_stream: bool
    model: str
    stop: tuple[str, ...] = ()
    choices: int = 1
    tools: ToolSet | None = None
    response_schema: ResponseSchema | None = None
    call_form: CallForm = "pieces"
    eager_tools: frozenset[str] = frozenset()
    state: Literal["never", "thinking", "always"] = "never"


class Piece(NamedTuple):
    """What is written at one time.

    Attributes:
        text: Characters of the answer, or of a call's arguments.
        tokens: Tokens that are made from this piece on, until the next.
        wait_tokens: Tokens that must be made before this piece can be written.
        call: The position of the call. None: the piece is text of the answer.
        opens: Whether it opens its call, with the name.
    """

    text: str
    tokens: int
    wait_tokens: int = 0
    call: int | None = None
    opens: bool = False


class SimCall(NamedTuple):
    """A tool call of a reply.

    Attributes:
        mark: What its id ends with.
        name: The tool's name.
        arguments_json: The arguments as far as they were written.
        pieces: How it is written.
    """

    mark: EpisodeMark
    name: str
    arguments_json: str
    pieces: tuple[Piece, ...]


class Choice(NamedTuple):
    """One answer to a request.

    Attributes:
        answer: Pieces of the answer's text.
        finish: ``stop``, ``length``, ``refusal`` or ``tool``.
        stop_sequence: The text of :attr:`SimRequest.stop` before which it ended. None: it did not.
        calls: Its tool calls, after the text.
    """

    answer: tuple[str, ...]
    finish: str
    stop_sequence: str | None
    calls: tuple[SimCall, ...] = ()

    def pieces(self, chars_per_token: int) -> Iterator[Piece]:
        """Yield what is written, in order."""
        for text in self.answer:
            yield Piece(text, -(-len(text) // chars_per_token))
        for call in self.calls:
            yield from call.pieces


Step = tuple[tuple[int, Piece], ...]
"""What is written at one time: the piece of each choice that still has one, with the choice's index."""


@dataclass(frozen=True, slots=True)
class SimReply:
    """What is to be sent.

    Attributes:
        prompt_sha256: Of the prompt, without the harness's salt.
        nth: How often this prompt has been asked, from 0.
        is_known: Whether the episode is in the answer book.
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
        cache_write_tokens: The part of the prompt that is new to the cache.
        chars_per_token: Length of a token.
        mark: Of the reply, for state that must come back. None: the reply is not of a persona.
        has_state: Whether the reply has state that must come back.
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
    cache_write_tokens: int = 0
    chars_per_token: int = 4
    mark: EpisodeMark | None = None
    has_state: bool = False

    @property
    def answer(self) -> tuple[str, ...]:
        """Chunks of the first answer."""
        return self.choices[0].answer

    @property
    def calls(self) -> tuple[SimCall, ...]:
        """Tool calls of the first answer."""
        return self.choices[0].calls

    @property
    def finish(self) -> str:
        """How the first answer ended."""
        return self.choices[0].finish

    def steps(self) -> list[Step]:
        """Return what is written after the reasoning, at each time."""
        rows = zip_longest(*(choice.pieces(self.chars_per_token) for choice in self.choices))
        return [tuple((index, piece) for index, piece in enumerate(row) if piece is not None) for row in rows]

    def paces(self) -> list[tuple[int, int]]:
        """Return for each chunk, reasoning first, the tokens that must be made before it and those made after it."""
        thought = [(0, -(-len(text) // self.chars_per_token)) for text in self.reasoning]
        longest = max((list(choice.pieces(self.chars_per_token)) for choice in self.choices), key=len)
        return thought + [(piece.wait_tokens, piece.tokens) for piece in longest]


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
