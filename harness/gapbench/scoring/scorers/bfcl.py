"""The scorer ``bfcl``: the rules of the Berkeley Function Calling Leaderboard for one reply, and for a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

from gapbench.errors import SetupError
from gapbench.sandbox import Sandbox
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.bfcl_checker import CallArguments, Convert, find_mismatch
from gapbench.scoring.bfcl_conversations import JudgeError, calls_by_line, judge_calls
from gapbench.scoring.scorer import TranscriptScorer
from gapbench.suite.bfcl.entry import MULTI_TURN_CATEGORIES
from gapbench.suite.bfcl.package import INSTALL_HINT
from gapbench.values import Sample, Score, ToolCall, Transcript

_CONVERTERS = {"simple_java": "java", "simple_javascript": "js"}


@dataclass(frozen=True)
class Bfcl(TranscriptScorer):
    """Accepts the calls that BFCL's own checkers accept; tasks of ``bfcl:`` entries set it.

    The calls of a conversation are run again in the sandbox.

    Attributes:
        category: BFCL's name of the category.
    """

    name: ClassVar[str] = "bfcl"
    description: ClassVar[str] = "BFCL's rules for tool calls; set by `bfcl:` entries"
    is_slow: ClassVar[bool] = True

    category: str = "simple_python"
    box: Sandbox | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find a sandbox for conversations, before any request is paid for.

        Raises:
            SetupError: No sandbox works on this machine.
        """
        object.__setattr__(self, "box", Sandbox.find() if self.category in MULTI_TURN_CATEGORIES else None)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample is none of BFCL's, or None."""
        needed = {"functions" if self.box is None else "classes", "expected"}
        if needed <= sample.columns.keys():
            return None
        return f"the sample is none of BFCL's: it has no columns {' and '.join(sorted(needed))}"

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0."""
        if self.box is not None:
            return _score_calls(transcript, sample, self.box)
        made = transcript.replies[-1].tool_calls if transcript.replies else ()
        calls = _decode(made)
        answer = (
            shorten(json.dumps([[call.name, call.arguments_json] for call in made]), 500) if made else None
        )
        if self.category.endswith("relevance"):
            # A reply whose arguments are no JSON objects counts as one without a call, as in the package.
            is_right = bool(calls) is not ("irrelevance" in self.category)
            reason = f"{len(calls or ())} calls; expected {'none' if 'irrelevance' in self.category else 'at least one'}"
            return Score(float(is_right), "correct" if is_right else "wrong", answer, reason)
        if calls is None:
            return Score(0.0, "wrong", answer, "the arguments of a call are not a JSON object")
        columns = sample.columns
        mismatch = find_mismatch(
            columns["functions"], calls, columns["expected"], self.category, _converter(self.category)
        )
        if mismatch is None:
            return Score(1.0, "correct", answer, "the expected calls")
        return Score(0.0, "wrong", answer, shorten(mismatch, 200))


def _score_calls(transcript: Transcript, sample: Sample, sandbox: Sandbox) -> Score:
    """Return the score of a conversation with tools that ran."""
    lines = calls_by_line(transcript, sample)
    answer = shorten(json.dumps(lines), 500)
    if transcript.termination not in {"done", "max_turns"}:
        return Score(0.0, "wrong", answer, f"it ended as {transcript.termination}", sandbox.level)
    try:
        mismatch = judge_calls(lines, sample, sandbox)
    except JudgeError as exc:
        return Score(None, "unscored", answer, shorten(f"the calls could not be run again: {exc}", 200))
    if mismatch is None:
        return Score(1.0, "correct", answer, "state and results are as they should be", sandbox.level)
    return Score(0.0, "wrong", answer, shorten(mismatch, 200), sandbox.level)


def _decode(made: tuple[ToolCall, ...]) -> list[CallArguments] | None:
    """Return names and arguments. None: those of one call are not a JSON object."""
    calls: list[CallArguments] = []
    for call in made:
        try:
            arguments: Any = json.loads(call.arguments_json)
        except (ValueError, RecursionError):
            return None
        if not isinstance(arguments, Mapping):
            return None
        calls.append((call.name, arguments))
    return calls


def _converter(category: str) -> Convert | None:
    """Return the package's reader of values of another language. None: values are Python's."""
    language = _CONVERTERS.get(category)
    if language is None:
        return None
    try:
        module = import_module(f"bfcl_eval.eval_checker.ast_eval.type_convertor.{language}_type_converter")
    except ImportError as exc:
        raise SetupError(f"bfcl-eval is not installed ({exc}); {INSTALL_HINT}") from exc
    convert: Convert = getattr(module, f"{language}_type_converter")
    return convert
