"""The scorer ``reasoning_gym``: the package's own score of the answer between its tags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from gapbench.sandbox import Sandbox
from gapbench.sandbox.tool_worker import ToolWorkerError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.scorer import ReplyScorer, make_unscored
from gapbench.suite.reasoning_gym.package import score_answer
from gapbench.values import Sample, Score

OPENING, CLOSING = "<answer>", "</answer>"


@dataclass(frozen=True)
class ReasoningGym(ReplyScorer):
    """Gives what ``score_answer`` of the package gives, 0 to 1; tasks of ``reasoning_gym:`` entries set it.

    The answer is the text in the last ``<answer>`` tags, as in the package. Only 1 counts as correct. The package's code
    runs in the sandbox, since it evaluates some answers as Python or as formulas.
    """

    name: ClassVar[str] = "reasoning_gym"
    description: ClassVar[str] = "reasoning-gym's own score of the answer; set by `reasoning_gym:` entries"
    is_slow: ClassVar[bool] = True

    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find a sandbox, before any request is paid for.

        Raises:
            SetupError: No sandbox works on this machine.
        """
        object.__setattr__(self, "box", Sandbox.find())

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample is none of reasoning-gym's, or None."""
        if isinstance(sample.columns.get("entry"), str) and "generator" in sample.columns:
            return None
        return "the sample is none of reasoning-gym's: it has no columns generator and entry"

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the package's score."""
        answer = find_tagged_answer(reply)
        if answer is None:
            return Score(0.0, "unparsed", None, f"it has no answer between {OPENING} and {CLOSING}")
        shown = shorten(answer, 500)
        try:
            found = score_answer(sample.columns["entry"], answer, self.box)
        except ToolWorkerError as exc:
            return make_unscored(shorten(f"the sandbox gave no score: {exc}", 200))
        if isinstance(found, str):
            reason = shorten(f"the package cannot score it: {found}", 200)
            return Score(0.0, "wrong", shown, reason, self.box.level)
        if not (math.isfinite(found) and 0 <= found <= 1):
            return Score(None, "unscored", shown, f"the package's score is {found!r}; expected 0 to 1")
        is_right = found == 1
        return Score(
            found, "correct" if is_right else "wrong", shown, f"reasoning-gym gives {found:g}", self.box.level
        )


def find_tagged_answer(reply: str) -> str | None:
    """Return what ``reasoning_gym.utils.extract_answer`` returns, in time that grows with the length of the reply."""
    answer, position = None, 0
    while (begin := reply.find(OPENING, position)) >= 0:
        begin += len(OPENING)
        end = reply.find(CLOSING, begin)
        if end < 0:
            break
        answer, position = reply[begin:end].strip(), end + len(CLOSING)
    return answer
