"""The scorer ``bfcl``: the rules of the Berkeley Function Calling Leaderboard for the calls of one reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from gapbench.errors import SetupError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.bfcl_checker import CallArguments, Convert, find_mismatch
from gapbench.scoring.scorer import TranscriptScorer
from gapbench.suite.bfcl.package import INSTALL_HINT
from gapbench.values import Sample, Score, ToolCall, Transcript

_CONVERTERS = {"simple_java": "java", "simple_javascript": "js"}


@dataclass(frozen=True)
class Bfcl(TranscriptScorer):
    """Accepts the calls that BFCL's own checker accepts; tasks of ``bfcl:`` entries set it.

    Attributes:
        category: BFCL's name of the category.
    """

    name: ClassVar[str] = "bfcl"
    description: ClassVar[str] = "BFCL's rules for tool calls; set by `bfcl:` entries"

    category: str = "simple_python"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample is none of BFCL's, or None."""
        if "functions" in sample.columns and "expected" in sample.columns:
            return None
        return "the sample is none of BFCL's: it has no columns functions and expected"

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0."""
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
