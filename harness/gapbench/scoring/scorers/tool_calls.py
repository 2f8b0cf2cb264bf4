"""The scorer ``tool_calls``: the right calls with allowed arguments, native or written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import normalize_text, reply_tail, shorten
from gapbench.scoring.conversation_facts import CallMade, calls_made, model_replies
from gapbench.scoring.scorer import EMPTY_REPLY, TranscriptScorer
from gapbench.scoring.scorers.regex import has_risky_pattern
from gapbench.scoring.scorers.tool_call import find_text_calls
from gapbench.suite.tasks.expected_calls import ExpectedCall, read_expected_calls
from gapbench.suite.tasks.json_schemas import find_mismatch
from gapbench.values import Sample, Score, Transcript


@dataclass(frozen=True)
class ToolCalls(TranscriptScorer):
    """Accepts the right calls with allowed arguments, whether native or written as JSON (``tools_as: prompt``).

    The target is a list of calls ``{name, arguments}``; ``allowed: {argument: [values]}`` lists what an argument may be,
    and ``optional: [arguments]`` what may be left out. [] asks for no call: any call is wrong. An argument that the
    target does not have may be given only with the default of the tool's schema. In an episode all calls of the model
    count.

    Attributes:
        column: The column with the expected calls; "" takes the target.
        order: The calls must be in the target's order.
        extra: Arguments that the target does not have are allowed.
        check_schema: Arguments must also fit the tool's schema.
        ignore_case: Compare text in arguments without case. A run of white space always equals one space.
        rel_tol: Largest accepted difference of numbers, as a share of the larger.
        abs_tol: Largest accepted difference of numbers.
    """

    name: ClassVar[str] = "tool_calls"
    description: ClassVar[str] = "the right calls with allowed arguments, native or as JSON; [] expects none"

    column: str = ""
    order: bool = False
    extra: bool = False
    check_schema: bool = True
    ignore_case: bool = True
    rel_tol: float = 1e-9
    abs_tol: float = 0.0

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is no list of calls, or asks for a tool that is not declared, or None."""
        given = self._given(sample)
        if given is None:
            return (
                f"the sample has no expected calls in column {self.column!r}"
                if self.column
                else "the sample has no target"
            )
        wanted = read_expected_calls(given)
        if wanted is None:
            return (
                f"the expected calls are {shorten(str(given), 60)}; write a list of {{name, arguments}}, with allowed and "
                "optional where you need them"
            )
        tools = sample.tools or sample.described_tools
        if tools is not None:
            unknown = next((call.name for call in wanted if tools.tool(call.name) is None), None)
            if self.check_schema and any(has_risky_pattern(tool.parameters) for tool in tools.tools):
                return "a `pattern` of a tool's schema has repeats within repeats, which may never end"
            if unknown is not None:
                return f"the target calls {unknown!r}, which is not among the sample's tools"
        return None

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the calls."""
        made = calls_made(transcript, sample)
        if not made and sample.described_tools is not None:
            replies = model_replies(transcript, sample)
            return self.score_reply(replies[-1].text if replies else "", sample)
        return self._score_calls(made, sample)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0 for a reply whose calls are a JSON list in its text."""
        wanted = self._wanted(sample)
        try:
            found = find_text_calls(reply_tail(reply))
        except RecursionError:
            return Score(0.0, "unparsed", reason="the JSON is nested too deeply")
        if found is None and wanted:
            if not reply.strip():
                return EMPTY_REPLY
            outcome: Any = "wrong" if sample.tools is not None else "unparsed"
            return Score(0.0, outcome, reason=f"makes no call, {len(wanted)} expected")
        if found is None and not reply.strip():
            return EMPTY_REPLY
        return self._score_calls([CallMade(call["name"], call["arguments"]) for call in found or ()], sample)

    def _given(self, sample: Sample) -> Any:
        return sample.columns.get(self.column) if self.column else sample.target

    def _wanted(self, sample: Sample) -> tuple[ExpectedCall, ...]:
        wanted = read_expected_calls(self._given(sample))
        assert wanted is not None, "unscorable_reason refuses such samples"
        return wanted

    def _score_calls(self, made: Sequence[CallMade], sample: Sample) -> Score:
        wanted = self._wanted(sample)
        answer = shorten(
            json.dumps(
                [{"name": call.name, "arguments": call.arguments} for call in made], ensure_ascii=False
            ),
            500,
        )
        try:
            fault = self._find_fault(made, wanted, sample)
        except RecursionError:
            return Score(0.0, "unparsed", answer, "the JSON is nested too deeply")
        if fault is not None:
            return Score(0.0, "wrong", answer, shorten(fault, 200))
        said = f"all of {len(wanted)} calls are right" if wanted else "makes no call, as expected"
        return Score(1.0, "correct", answer, said)

    def _find_fault(
        self, made: Sequence[CallMade], wanted: Sequence[ExpectedCall], sample: Sample
    ) -> str | None:
        if len(made) != len(wanted):
            names = ", ".join(call.name for call in made[:5]) or "none"
            return f"makes {len(made)} calls ({names}), {len(wanted)} expected"
        faults = [[self._describe_difference(call, other, sample) for call in made] for other in wanted]
        if self.order:
            return next((row[at] for at, row in enumerate(faults) if row[at] is not None), None)
        pairs = _match([[fault is None for fault in row] for row in faults])
        for other, row, at in zip(wanted, faults, pairs, strict=True):
            if at is None:
                same_name = [row[place] for place, call in enumerate(made) if call.name == other.name]
                near = next((fault for fault in same_name if fault is not None), None)
                return near or (
                    f"{other.name}: fewer such calls than expected"
                    if same_name
                    else f"no call of {other.name}"
                )
        return None

    def _describe_difference(self, made: CallMade, wanted: ExpectedCall, sample: Sample) -> str | None:
        """Return why a call is not the expected one, or None if it is."""
        if made.name != wanted.name:
            return f"calls {shorten(made.name)}, not {wanted.name}"
        if made.arguments is None:
            return f"{made.name}: the arguments are not a JSON object"
        tools = sample.tools or sample.described_tools
        tool = None if tools is None else tools.tool(made.name)
        schema: Mapping[str, Any] = {} if tool is None else tool.parameters
        if tool is not None and self.check_schema:
            mismatch = find_mismatch(dict(made.arguments), schema)
            if mismatch is not None:
                return f"{made.name}: {mismatch}"
        wrong = [
            name
            for name, values in wanted.allowed.items()
            if not self._is_allowed(made.arguments, name, values, wanted, schema)
        ]
        if not self.extra:
            wrong += [
                name
                for name, value in made.arguments.items()
                if name not in wanted.allowed and not self._is_default(value, name, schema)
            ]
        return f"{made.name}: wrong arguments: {', '.join(map(str, wrong))}" if wrong else None

    def _is_allowed(
        self,
        arguments: Mapping[str, Any],
        name: str,
        values: Sequence[Any],
        wanted: ExpectedCall,
        schema: Mapping[str, Any],
    ) -> bool:
        if name in arguments:
            return any(self._equal(arguments[name], value) for value in values)
        return name in wanted.optional or any(self._is_default(value, name, schema) for value in values)

    def _is_default(self, value: Any, name: str, schema: Mapping[str, Any]) -> bool:
        """Return whether a value is the default that a schema states for an argument."""
        properties = schema.get("properties")
        inner = properties.get(name) if isinstance(properties, Mapping) else None
        return isinstance(inner, Mapping) and "default" in inner and self._equal(value, inner["default"])

    def _equal(self, found: Any, wanted: Any) -> bool:
        if isinstance(found, bool) or isinstance(wanted, bool) or found is None or wanted is None:
            return found is wanted
        if isinstance(found, (int, float)) and isinstance(wanted, (int, float)):
            try:
                return found == wanted or math.isclose(
                    found,
                    wanted,
                    rel_tol=0.0 if _are_whole(found, wanted) and self.rel_tol <= 1e-9 else self.rel_tol,
                    abs_tol=self.abs_tol,
                )
            except OverflowError:
                return False
        if isinstance(found, str) and isinstance(wanted, str):
            options = {"ignore_case": self.ignore_case, "punctuation": True}
            return normalize_text(found, **options) == normalize_text(wanted, **options)
        if isinstance(found, Mapping) and isinstance(wanted, Mapping):
            return found.keys() == wanted.keys() and all(
                self._equal(found[key], wanted[key]) for key in wanted
            )
        if isinstance(found, (list, tuple)) and isinstance(wanted, (list, tuple)):
            return len(found) == len(wanted) and all(map(self._equal, found, wanted))
        return False


def _are_whole(a: float, b: float) -> bool:
    return isinstance(a, int) and isinstance(b, int)


def _match(fits: Sequence[Sequence[bool]]) -> list[int | None]:
    """Return the call of each expected one, so that as many as possible have one (augmenting paths).

    With lists of allowed values a call may fit several expected ones, and the first that fits may be the wrong choice.
    """
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in owner or place(owner[column], tried):
                    owner[column] = row
                    return True
        return False

    for row in range(len(fits)):
        place(row, set())
    column_of = {row: column for column, row in owner.items()}
    return [column_of.get(row) for row in range(len(fits))]
