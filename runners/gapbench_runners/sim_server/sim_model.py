"""One persona at work: which episode and turn a prompt belongs to, and what the persona says there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from gapbench.values import GroundTruth, ToolSet, join_turns, remove_salt
from gapbench_runners.sim_server.answer_book import AnswerBook
from gapbench_runners.sim_server.episode_mark import EpisodeMark
from gapbench_runners.sim_server.episode_position import (
    EpisodePosition,
    MessageDigest,
    digest_message,
    locate_episode,
    prefix_hashes,
)
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.sim_server.reply import (
    Choice,
    Piece,
    SimCall,
    SimReply,
    SimRequest,
    cut_before,
    join_chunks,
    split_tokens,
)
from gapbench_runners.sim_server.script import (
    ScriptedTurn,
    break_calls,
    fill_results,
    find_truth,
    fit_to_tools,
    is_followed,
    turn_at,
    turns_of,
    write_script,
)

UNKNOWN_PROMPT_ANSWER = "I do not know this prompt."
UNPARSABLE_ANSWER = "Well, that depends on how you look at it."
REFUSAL = "I can't help with that."
BLOCK_TOKENS = 16
"""A prefix cache keeps whole blocks, as vLLM's does."""
FRAME_TOKENS = 4
"""Tokens of a message besides its parts."""
REASONING_TEXT = "Let me see: first this, then that, and so on. "


class _Line(NamedTuple):
    """What is to be said, before budgets.

    Attributes:
        turn: Text and calls.
        is_right: Whether the persona knew the answer.
        is_intact: Whether the turn is the right one as the ground truth has it.
        finish: How it ends unless a budget cuts it.
    """

    turn: ScriptedTurn
    is_right: bool
    is_intact: bool
    finish: str


class SimModel:
    """One persona with its answer book and its memory of what it was asked."""

    def __init__(self, persona: Persona, answer_book: AnswerBook) -> None:
        """Start having been asked nothing."""
        self.persona = persona
        self.answer_book = answer_book
        self._request_counts: Counter[str] = Counter()
        self._answer_counts: Counter[str] = Counter()
        self._cached_prefixes: set[tuple[int, str]] = set()
        self._scripts: dict[tuple[int, bool, bool], list[ScriptedTurn]] = {}

    def reply_to(self, request: SimRequest) -> SimReply:
        """Return what to say, and remember having been asked."""
        persona = self.persona
        sent = join_turns(request.messages)
        # Salt keeps a prompt out of the cache and does not make it another question.
        question = remove_salt(sent)
        sent_digests = [digest_message(message) for message in sent]
        is_salted = question is not sent
        digests = [digest_message(question[0]), *sent_digests[1:]] if is_salted else sent_digests
        hashes = prefix_hashes(digests)
        prompt = hashes[-1]
        nth, repeat = self._request_counts[prompt], self._answer_counts[prompt]
        self._request_counts[prompt] += 1
        fault = persona.fault(prompt, nth)
        is_answered = fault in {None, "slow"}
        # A retry after a fault is the same question again, not a new draw of the answer.
        if is_answered:
            self._answer_counts[prompt] += request.choices
        position = locate_episode(question, hashes, self.answer_book)
        mark = position.mark()
        budget = request.max_tokens if request.max_tokens is not None else sys.maxsize
        thought = min(persona.reasoning.tokens, budget)
        has_state = request.state == "always" or (request.state == "thinking" and thought > 0)
        # Each choice is a draw of its own, like a repeat of the request.
        marks = [
            EpisodeMark(
                position.prompt_sha256[:12],
                mark.repeat if mark is not None else repeat + number,
                position.turn,
                0,
                has_state,
            )
            for number in range(request.choices)
        ]
        lines = [self._line(position, own, request.tools, is_marked=mark is not None) for own in marks]
        choices = tuple(
            self._make_choice(line, own, request, budget - thought)
            for line, own in zip(lines, marks, strict=True)
        )
        tools = _tools_text(request.tools)
        counts = self._count_prefixes(tools, sent_digests)
        cached, written = self._use_cache(
            tools, prefix_hashes(sent_digests) if is_salted else hashes, counts, keep=is_answered
        )
        shown = {"verbatim": thought, "summary": thought // 4, "hidden": 0}[persona.reasoning.shown]
        musing = REASONING_TEXT * (shown * persona.chars_per_token // len(REASONING_TEXT) + 1)
        return SimReply(
            prompt_sha256=prompt,
            nth=nth,
            is_known=position.prompt_sha256 in self.answer_book,
            is_right=lines[0].is_right,
            is_answer_intact=lines[0].is_intact and _says(choices[0], lines[0].turn),
            shown=persona.reasoning.shown,
            reasoning=join_chunks(
                split_tokens(musing, persona.chars_per_token)[:shown], persona.tokens_per_chunk
            ),
            choices=choices,
            input_tokens=counts[-1],
            cached_tokens=cached,
            output_tokens=thought + sum(map(self._choice_tokens, choices)),
            reasoning_tokens=thought,
            hidden_tokens=thought - shown,
            fault=fault,
            cache_write_tokens=written,
            chars_per_token=persona.chars_per_token,
            mark=marks[0],
            has_state=has_state,
        )

    def count_tokens(self, request: SimRequest) -> int:
        """Return the prompt tokens of a request."""
        digests = [digest_message(message) for message in join_turns(request.messages)]
        return self._count_prefixes(_tools_text(request.tools), digests)[-1]

    def _count_prefixes(self, tools: str, digests: Sequence[MessageDigest]) -> list[int]:
        """Return the prompt tokens up to the end of each message; the tools come first."""
        persona = self.persona
        total, counts = self._tokens_of(len(tools)), []
        for digest in digests:
            total += FRAME_TOKENS + persona.image_tokens * digest.media
            total += sum(map(self._tokens_of, digest.texts))
            counts.append(total)
        return counts

    def _use_cache(
        self, tools: str, hashes: Sequence[str], counts: Sequence[int], *, keep: bool
    ) -> tuple[int, int]:
        """Return the tokens read from the cache and those written to it, in whole blocks; remember the prompt."""
        if not self.persona.cache:
            return 0, 0
        before = hash(tools)
        keys = [(before, prefix) for prefix in hashes]
        known = self._cached_prefixes
        seen = next((at for at in range(len(keys) - 1, -1, -1) if keys[at] in known), None)
        read = 0 if seen is None else counts[seen] // BLOCK_TOKENS * BLOCK_TOKENS
        if keep:
            known.update(keys if seen is None else keys[seen + 1 :])
        return read, counts[-1] // BLOCK_TOKENS * BLOCK_TOKENS - read

    def _tokens_of(self, length: int) -> int:
        return -(-length // self.persona.chars_per_token)

    def _choice_tokens(self, choice: Choice) -> int:
        tokens = self._tokens_of(len("".join(choice.answer)))
        return tokens + sum(
            self._tokens_of(len(call.name)) + self._tokens_of(len(call.arguments_json))
            for call in choice.calls
        )

    def _line(
        self, position: EpisodePosition, own: EpisodeMark, tools: ToolSet | None, *, is_marked: bool
    ) -> _Line:
        """Return what the persona says at a position."""
        persona, prompt = self.persona, position.prompt_sha256
        truth = find_truth(self.answer_book.get(prompt, ()), position, tools)
        if truth is None:
            return _Line(ScriptedTurn(UNKNOWN_PROMPT_ANSWER), False, False, "stop")
        one_call = tools is not None and tools.parallel is False
        right = persona.is_right(prompt, truth.category, own.repeat, truth.rung)
        if not is_marked and position.turn:
            # Only text so far: the side that it agrees with, unless both or none do.
            agrees = [
                side
                for side in (True, False)
                if is_followed(self._script(truth, right=side, one_call=one_call), position, tools)
            ]
            right = agrees[0] if len(agrees) == 1 else right
        if persona.refuse and persona.draw("refuse", prompt) < persona.refuse:
            return _Line(ScriptedTurn(REFUSAL), right, False, "refusal")
        script = self._script(truth, right=right, one_call=one_call)
        fault = persona.tool_fault(prompt, own.repeat)
        at = _fault_turn(script, persona.draw("tool fault turn", prompt, own.repeat)) if fault else None
        turn_number = position.turn
        if fault == "endless_loop" and at is not None:
            turn_number = min(turn_number, at)
        scripted = turn_at(script, turn_number)
        is_last = position.turn >= len(script) - 1
        if (
            is_last
            and not scripted.calls
            and persona.unparsed
            and persona.draw("unparsed", prompt) < persona.unparsed
        ):
            return _Line(ScriptedTurn(UNPARSABLE_ANSWER), right, False, "stop")
        turn = fit_to_tools(fill_results(scripted, script, position), tools)
        is_hit = at == position.turn and bool(turn.calls) and fault not in {None, "endless_loop"}
        if is_hit:
            turn = break_calls(turn, str(fault))
        is_intact = right and not is_hit and turn_number == position.turn
        finish = "length" if is_hit and fault == "cut_call" else "tool" if turn.calls else "stop"
        return _Line(turn, right, is_intact, finish)

    def _script(self, truth: GroundTruth, *, right: bool, one_call: bool) -> list[ScriptedTurn]:
        key = (id(truth), right, one_call)  # the answer book keeps them all
        if key not in self._scripts:
            self._scripts[key] = write_script(turns_of(truth, right=right), one_call_a_reply=one_call)
        return self._scripts[key]

    def _make_choice(self, line: _Line, own: EpisodeMark, request: SimRequest, budget_tokens: int) -> Choice:
        """Return an answer that ends before a stop text, and within its budget."""
        size, bundle = self.persona.chars_per_token, self.persona.tokens_per_chunk
        shown, stop_sequence = cut_before(line.turn.text, request.stop)
        tokens = split_tokens(shown, size)
        kept = tokens[:budget_tokens]
        chunks = join_chunks(kept, bundle)
        if len(kept) < len(tokens):
            return Choice(chunks, "length", None)
        if stop_sequence is not None:
            return Choice(chunks, "stop", stop_sequence)
        left = budget_tokens - len(kept)
        calls: list[SimCall] = []
        for scripted in line.turn.calls:
            name_tokens = self._tokens_of(len(scripted.name))
            if left < name_tokens:
                return Choice(chunks, "length", None, tuple(calls))
            arguments = split_tokens(scripted.arguments_json, size)
            written = arguments[: left - name_tokens]
            left -= name_tokens + len(written)
            mark = own._replace(call=len(calls))
            text = "".join(written)
            pieces = _call_pieces(len(calls), scripted.name, name_tokens, written, bundle, request)
            calls.append(SimCall(mark, scripted.name, text, pieces))
            if len(written) < len(arguments):
                return Choice(chunks, "length", None, tuple(calls))
        return Choice(chunks, line.finish, None, tuple(calls))

    def undo_answer(self, reply: SimReply) -> None:
        """Take back an answer that was never sent, so that the next try draws the same one."""
        if reply.fault in {None, "slow"}:
            self._answer_counts[reply.prompt_sha256] -= len(reply.choices)

    def undo_request(self, reply: SimReply) -> None:
        """Take back a request that found no place, so that load does not shift the draws of faults."""
        self.undo_answer(reply)
        self._request_counts[reply.prompt_sha256] -= 1


def _says(choice: Choice, turn: ScriptedTurn) -> bool:
    """Return whether an answer has all of a turn."""
    return (
        choice.finish != "length"
        and "".join(choice.answer) == turn.text
        and [(call.name, call.arguments_json) for call in choice.calls]
        == [(call.name, call.arguments_json) for call in turn.calls]
    )


def _fault_turn(script: Sequence[ScriptedTurn], drawn: float) -> int | None:
    """Return the turn that a fault of calls hits, even among those with calls. None: there are none."""
    turns = [number for number, turn in enumerate(script) if turn.calls]
    return turns[int(drawn * len(turns))] if turns else None


def _call_pieces(
    index: int, name: str, name_tokens: int, arguments: list[str], bundle: int, request: SimRequest
) -> tuple[Piece, ...]:
    """Return how a call is written in the form of its protocol."""
    text = "".join(arguments)
    if request.call_form == "whole":
        return (Piece(text, 1, name_tokens + len(arguments) - 1, index, opens=True),)
    opening = Piece("", name_tokens, 0, index, opens=True)
    if request.call_form == "buffered" and name not in request.eager_tools:
        return (opening, Piece(text, 1, max(0, len(arguments) - 1), index)) if text else (opening,)
    chunks = [arguments[start : start + bundle] for start in range(0, len(arguments), bundle)]
    return (opening, *(Piece("".join(chunk), len(chunk), 0, index) for chunk in chunks))


def _tools_text(tools: ToolSet | None) -> str:
    """Return the declarations as they count in the prompt, the same on every wire; "" for none."""
    if tools is None:
        return ""
    declared = [(tool.name, tool.description, tool.parameters) for tool in tools.tools]
    return orjson.dumps(declared, option=orjson.OPT_SORT_KEYS).decode()
