"""The scorer ``plan``: moves of blocks between stacks that lead from one arrangement to another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import reply_tail, shorten
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

ANSWER = re.compile(r"\banswer\b[*_\s]{0,4}(?:\bis\b|:)[*_\s]{0,4}", re.IGNORECASE)
BOX = re.compile(r"\\boxed\s?\{([^{}]*)\}")
ARROW = re.compile(r"\s*(?:-{0,2}>|=>|→|\\(?:right)?(?:arrow|to)\b)\s*", re.IGNORECASE)
MARKUP = re.compile(r"[`*$\[\]()]|\\text\b")
LIST_NUMBER = re.compile(r"^\s*(?:\d+[.)]|[-•])\s+")
MOVE = re.compile(r"(\w+)>(\w+)")


@dataclass(frozen=True)
class Plan(ReplyScorer):
    """Accepts every plan that works: its moves are made one after another, and the end must be what is wanted.

    The plan is what follows the last ``Answer:``, or else the whole reply: moves such as ``A>B``, separated by commas or
    white space, on one line or more. ``A>B`` takes the top block of place A and puts it on top of the stack at place B.
    Arrows may be written ``->`` or ``→``. Anything else among the moves is unparsed. The target is not read.

    Attributes:
        start: Column with the blocks at each place, from bottom to top: ``{A: [3, 1], B: []}``.
        goal: Column with what is wanted, in the same form.
    """

    name: ClassVar[str] = "plan"
    description: ClassVar[str] = "moves of blocks that lead to what is wanted; any plan that works"

    start: str = "start"
    goal: str = "goal"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that a column is missing or in another form, or None."""
        for column in (self.start, self.goal):
            if _read_stacks(sample.columns.get(column)) is None:
                return f"column {column!r} is not a mapping from places to lists of blocks"
        start, goal = (_read_stacks(sample.columns[column]) or {} for column in (self.start, self.goal))
        if start.keys() != goal.keys() or sorted(chain(*start.values())) != sorted(chain(*goal.values())):
            return f"columns {self.start!r} and {self.goal!r} differ in their places or blocks"
        return None

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the plan."""
        stacks = _read_stacks(sample.columns[self.start]) or {}
        goal = _read_stacks(sample.columns[self.goal]) or {}
        moves, fault = read_moves(reply_tail(reply))
        if not moves:
            return Score(0.0, "unparsed", reason=fault)
        answer = shorten(", ".join(f"{source}>{target}" for source, target in moves), 500)
        if fault:
            return Score(0.0, "unparsed", answer, fault)
        for number, (source, target) in enumerate(moves, 1):
            step = f"move {number}, {source}>{target}"
            unknown = next((place for place in (source, target) if place not in stacks), None)
            if unknown is not None:
                return Score(0.0, "wrong", answer, f"{step}: there is no place {shorten(unknown, 20)}")
            if source == target:
                return Score(0.0, "wrong", answer, f"{step}: the block stays where it is")
            if not stacks[source]:
                return Score(0.0, "wrong", answer, f"{step}: {source} is empty")
            stacks[target].append(stacks[source].pop())
        for place, blocks in stacks.items():
            if blocks != goal[place]:
                return Score(
                    0.0,
                    "wrong",
                    answer,
                    f"after {len(moves)} moves {place} holds {shorten(' '.join(blocks), 40) or 'nothing'}, not "
                    f"{shorten(' '.join(goal[place]), 40) or 'nothing'}",
                )
        return Score(1.0, "correct", answer, f"{len(moves)} moves lead to what is wanted")


def read_moves(reply: str) -> tuple[list[tuple[str, str]], str]:
    """Return the moves of a reply, and what is wrong with them, if anything."""
    reply = BOX.sub(r"\1", reply)
    stated = list(ANSWER.finditer(reply))
    moves: list[tuple[str, str]] = []
    for line in reply[stated[-1].end() if stated else 0 :].splitlines():
        # One space where there are many: before a long stretch of them the pattern's \s* would take quadratic time.
        spaced = " ".join(MARKUP.sub(" ", LIST_NUMBER.sub("", line)).split())
        text = ARROW.sub(">", spaced).rstrip(".")
        words = [word for word in re.split(r"[,;\s]+", text) if word and set(word) != {"~"}]
        found = [MOVE.fullmatch(word.upper()) for word in words]
        if moves and not any(found):
            if not words:
                continue
            return moves, "" if stated else f"{shorten(text, 40)!r} comes after the moves"
        if not all(found):
            at = found.index(None)
            return moves, f"{shorten(words[at], 40)!r} is not a move such as A>B"
        moves += [(match[1], match[2]) for match in found if match]
    return moves, "" if moves else "states no moves"


def _read_stacks(given: Any) -> dict[str, list[str]] | None:
    if not isinstance(given, Mapping) or not given:
        return None
    if not all(isinstance(blocks, (list, tuple)) for blocks in given.values()):
        return None
    return {str(place).upper(): [str(block) for block in blocks] for place, blocks in given.items()}
