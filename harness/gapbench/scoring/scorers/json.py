"""The scorer ``json``: a JSON object equal to the target, field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import normalize_text, reply_tail, shorten
from gapbench.scoring.code_blocks import code_blocks
from gapbench.scoring.scorer import ReplyScorer, check_threshold
from gapbench.values import Sample, Score

MAX_PARSE_ATTEMPTS = 200
ROUNDING = 1e-9
"""Tolerance for the rounding of decimals. At it or below, two whole numbers such as ids must be the same."""

MAX_UNORDERED_ITEMS = 200
"""Longer lists are compared in order, because comparing every pair of items would take too long."""


@dataclass(frozen=True)
class Json(ReplyScorer):
    """Accepts a JSON object with the target's fields; the value is the share of right fields.

    Attributes:
        threshold: Lowest share of right fields that is correct.
        extra: Fields that the target does not have are ignored; False counts each as a wrong field.
        ignore_case: Compare text without case.
        rel_tol: Largest accepted difference of numbers, as a share of the larger. Two whole numbers must be equal
            unless it is above the default.
    """

    name: ClassVar[str] = "json"
    description: ClassVar[str] = "a JSON object equal to the target, field by field"

    threshold: float = 1.0
    extra: bool = True
    ignore_case: bool = False
    rel_tol: float = ROUNDING

    def __post_init__(self) -> None:
        """Check the threshold."""
        check_threshold(self.name, self.threshold)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not an object with fields, or None."""
        if sample.target is None:
            return "the sample has no target"
        is_object = bool(_target_object(sample))
        return (
            None if is_object else f"target {shorten(str(sample.target))!r} is not a JSON object with fields"
        )

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the share of right fields; the answer is the object."""
        wanted = _target_object(sample)
        found = find_json_object(reply_tail(reply))
        if found is None:
            return Score(0.0, "unparsed", reason="contains no JSON object")
        try:
            wrong = [
                key for key in wanted if key not in found or not self._fields_equal(found[key], wanted[key])
            ]
            text = shorten(json.dumps(found, ensure_ascii=False), 500)
        except RecursionError:
            return Score(0.0, "unparsed", reason="the JSON is nested too deeply")
        if not self.extra:
            wrong += [key for key in found if key not in wanted]
        fields = len(wanted) + sum(key not in wanted for key in wrong)
        value = 1 - len(wrong) / fields
        reason = f"{fields - len(wrong)} of {fields} fields are right"
        if wrong:
            reason += f"; wrong: {shorten(', '.join(map(str, wrong)))}"
        return Score(value, "correct" if value >= self.threshold else "wrong", answer=text, reason=reason)

    def _fields_equal(self, found: Any, wanted: Any) -> bool:
        return json_equal(found, wanted, self.rel_tol, ignore_case=self.ignore_case)


def _target_object(sample: Sample) -> Mapping[str, Any]:
    target = sample.target
    return target if isinstance(target, Mapping) else find_json_object(str(target)) or {}


def json_equal(
    found: Any, wanted: Any, rel_tol: float, *, ignore_case: bool = False, ignore_order: bool = False
) -> bool:
    """Return whether two JSON values are equal.

    Args:
        found: Value from the reply.
        wanted: Value from the target.
        rel_tol: Largest difference of equal numbers, as a share of the larger.
        ignore_case: Compare text without case. A run of white space always equals one space.
        ignore_order: Compare lists without regard to the order of their items.
    """

    def alike(a: Any, b: Any) -> bool:
        return json_equal(a, b, rel_tol, ignore_case=ignore_case, ignore_order=ignore_order)

    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return found is wanted
    if isinstance(wanted, (int, float)) and isinstance(found, (int, float)):
        return _numbers_equal(found, wanted, rel_tol)
    if isinstance(wanted, str) and isinstance(found, str):
        options = {"ignore_case": ignore_case, "punctuation": True}
        return normalize_text(found, **options) == normalize_text(wanted, **options)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(alike(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)) and isinstance(found, list):
        if len(wanted) != len(found):
            return False
        if not ignore_order or len(wanted) > MAX_UNORDERED_ITEMS:
            return all(map(alike, found, wanted))
        left = list(found)
        for item in wanted:
            at = next((k for k, other in enumerate(left) if alike(other, item)), None)
            if at is None:
                return False
            del left[at]
        return True
    return False


def _numbers_equal(found: float, wanted: float, rel_tol: float) -> bool:
    """Return whether two numbers are equal; two whole ones must be the same unless the tolerance was raised."""
    if found == wanted or (isinstance(found, int) and isinstance(wanted, int) and rel_tol <= ROUNDING):
        return found == wanted
    try:
        return math.isclose(found, wanted, rel_tol=rel_tol)
    except OverflowError:
        return False


def find_json_object(text: str) -> dict[str, Any] | None:
    """Return the last JSON object of the last fenced block that has one, else of the whole text."""
    for part in (*(block.text for block in reversed(code_blocks(text))), text):
        found = _last_json_object(part)
        if found is not None:
            return found
    return None


def _last_json_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    found: dict[str, Any] | None = None
    at = text.find("{")
    for _ in range(MAX_PARSE_ATTEMPTS):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found = value
        at = text.find("{", end)
    return found
