"""The scorer ``trajectory``: rules about the calls that a model made and what it said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import normalize_text, shorten
from gapbench.scoring.conversation_facts import CallMade, calls_made, model_replies
from gapbench.scoring.json_pointer import same_json, shown
from gapbench.scoring.scorer import TranscriptScorer
from gapbench.values import Sample, Score, Transcript

RULES = ("must_call", "must_not_call", "max_calls", "order", "must_say", "must_not_say")


@dataclass(frozen=True)
class Trajectory(TranscriptScorer):
    """Accepts an episode, or a single reply with tools, whose calls and words follow rules.

    A call in a rule is the name of a tool, or ``{name, arguments}``, where the listed arguments must have these values
    and others may be there. A call that failed does not count for ``must_call``; it counts for the other rules. Words
    are looked for in all that the model said, without case. Each entry of a list is one rule, and the share of rules that
    hold is stored as ``partial``. A sample may have more rules, a mapping of the same keys, in a column.

    Attributes:
        column: The column with a sample's own rules, where the data have one.
        must_call: Calls that must be made.
        must_not_call: Calls that must not be made, not even in vain.
        max_calls: Most calls; -1 sets no limit.
        order: The calls of must_call must come in this order; others may come between them.
        must_say: Texts that the model must say; an entry that is a list asks for any one of its texts.
        must_not_say: Texts that the model must not say.
    """

    name: ClassVar[str] = "trajectory"
    description: ClassVar[str] = "rules about an episode: must call, must not call, at most N calls, must say"

    column: str = "trajectory"
    must_call: list = field(default_factory=list)  # type: ignore[type-arg] # the type is checked at run time, and isinstance takes no arguments
    must_not_call: list = field(default_factory=list)  # type: ignore[type-arg] # as above
    max_calls: int = -1
    order: bool = False
    must_say: list = field(default_factory=list)  # type: ignore[type-arg] # as above
    must_not_say: list = field(default_factory=list)  # type: ignore[type-arg] # as above

    def __post_init__(self) -> None:
        """Check the rules that are given as options."""
        problem = find_rule_problem(self._own_rules())
        if problem is not None:
            raise InputError(f"scorer 'trajectory': {problem}")

    def _own_rules(self) -> dict[str, Any]:
        return {
            one.name: value
            for one in fields(self)
            if one.name in RULES and (value := getattr(self, one.name)) != one.default and value != []
        }

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that there is no rule, or that a rule of the sample is wrong, or None."""
        rules = self._sample_rules(sample)
        if not isinstance(rules, Mapping):
            return f"the rules in column {self.column!r} are {shorten(str(rules), 60)}; write a mapping of {', '.join(RULES)}"
        problem = find_rule_problem(rules)
        if problem is not None:
            return problem
        if not {*rules, *self._own_rules()} - {"order"}:
            return f"there is no rule, neither in the options nor in column {self.column!r}"
        return None

    def _sample_rules(self, sample: Sample) -> Any:
        given = sample.columns.get(self.column)
        if isinstance(given, str) and given.strip():
            try:
                given = json.loads(given)
            except (ValueError, RecursionError):
                return given
        if isinstance(given, Mapping):
            return {key: value for key, value in given.items() if value is not None}
        return {} if given in (None, "") else given

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return 1 or 0, and the share of rules that hold."""
        said = [
            normalize_text(reply.text, ignore_case=True, punctuation=True)
            for reply in model_replies(transcript, sample)
        ]
        made = calls_made(transcript, sample)
        faults = [
            fault
            for rules in (self._own_rules(), self._sample_rules(sample))
            for fault in _check_rules(rules, made, "\n".join(said))
        ]
        failed = [fault for fault in faults if fault is not None]
        share = (len(faults) - len(failed)) / len(faults) if faults else 1.0
        names = shorten(", ".join(call.name for call in made), 500) or "no calls"
        if not failed:
            return Score(1.0, "correct", names, f"all of {len(faults)} rules hold", partial=1.0)
        return Score(
            0.0,
            "wrong",
            names,
            shorten(f"{len(failed)} of {len(faults)} rules fail: {failed[0]}", 200),
            partial=share,
        )


def find_rule_problem(rules: Mapping[str, Any]) -> str | None:
    """Return why a mapping holds no rules, or None if it does."""
    unknown = next((str(key) for key in rules if key not in RULES), None)
    if unknown is not None:
        return f"unknown rule {unknown!r}; expected {', '.join(RULES)}"
    for key in ("must_call", "must_not_call"):
        calls = rules.get(key, [])
        if not isinstance(calls, list) or not all(map(_is_call, calls)):
            return f"{key} is {shown(calls)}; expected a list of names, or of {{name, arguments}}"
    for key in ("must_say", "must_not_say"):
        texts = rules.get(key, [])
        if not isinstance(texts, list) or not all(map(_is_text, texts)):
            return f"{key} is {shown(texts)}; expected a list of texts"
    most = rules.get("max_calls", 0)
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        return f"max_calls is {shown(most)}; expected a whole number of 0 or more"
    order = rules.get("order", False)
    return None if isinstance(order, bool) else f"order is {shown(order)}; expected true or false"


def _is_call(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value)
    is_named = isinstance(value, Mapping) and isinstance(value.get("name"), str)
    return (
        is_named
        and not set(value) - {"name", "arguments"}
        and isinstance(value.get("arguments", {}), Mapping)
    )


def _is_text(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(text, str) and text for text in value)
    return isinstance(value, str) and bool(value)


def _check_rules(rules: Mapping[str, Any], made: Sequence[CallMade], said: str) -> Iterator[str | None]:
    """Yield one entry for each rule: why it does not hold, or None."""
    worked = [call for call in made if not call.has_failed]
    for rule in rules.get("must_call", ()):
        yield None if any(_fits(call, rule) for call in worked) else f"no successful call of {_named(rule)}"
    for rule in rules.get("must_not_call", ()):
        yield f"calls {_named(rule)}" if any(_fits(call, rule) for call in made) else None
    if "max_calls" in rules:
        most = rules["max_calls"]
        yield f"makes {len(made)} calls, at most {most} allowed" if len(made) > most else None
    if rules.get("order") and rules.get("must_call"):
        left = iter(worked)
        in_order = all(any(_fits(call, rule) for call in left) for rule in rules["must_call"])
        yield None if in_order else "the calls are not in the order of must_call"
    for text in rules.get("must_say", ()):
        any_of = text if isinstance(text, list) else [text]
        yield None if any(_says(said, one) for one in any_of) else f"does not say {shown(text)}"
    for text in rules.get("must_not_say", ()):
        any_of = text if isinstance(text, list) else [text]
        yield f"says {shown(text)}" if any(_says(said, one) for one in any_of) else None


def _fits(call: CallMade, rule: Any) -> bool:
    if isinstance(rule, str):
        return call.name == rule
    wanted = rule.get("arguments") or {}
    has = call.arguments or {}
    return call.name == rule["name"] and all(
        name in has and same_json(has[name], value) for name, value in wanted.items()
    )


def _named(rule: Any) -> str:
    return rule if isinstance(rule, str) else f"{rule['name']}{shown(rule.get('arguments') or {})}"


def _says(said: str, text: str) -> bool:
    return normalize_text(text, ignore_case=True, punctuation=True) in said
