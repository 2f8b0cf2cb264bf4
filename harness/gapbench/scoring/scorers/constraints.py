"""The scorer ``constraints``: instructions that a program can check."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import MAX_REPLY_CHARS, normalize_text, shorten
from gapbench.scoring.code_blocks import code_blocks
from gapbench.scoring.scorer import ReplyScorer
from gapbench.scoring.scorers.json_schema import find_json_value
from gapbench.values import Sample, Score

BULLET = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
NUMBERED = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]+\S", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE)
SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)")
WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")


@dataclass(frozen=True)
class Constraints(ReplyScorer):
    """Accepts a reply that follows every instruction that a program can check.

    The instructions are a list of mappings, each with a ``kind`` and its settings; ``min``, ``max`` and
    ``count`` bound a number:

    ``words`` ``sentences`` ``lines`` ``paragraphs`` ``bullets`` ``numbered`` ``headings`` ``chars``: how many.
    ``include`` and ``forbid``: ``words``, a list, whole and without case; ``include`` with a bound counts each.
    ``letter``: how often ``letter`` occurs. ``case``: ``upper`` or ``lower`` as ``is``.
    ``starts`` and ``ends``: with ``text``. ``json``: the whole reply is JSON, with exactly these ``keys`` if given.
    ``no_commas``, ``quoted`` (in double quotes), ``no_fence``, ``ordered`` (``words`` in this order),
    ``each_line_starts`` (with ``text``), ``max_word_chars`` (with ``max``).

    Attributes:
        column: Column with the instructions. Without the column, the target is such a list.
        partial: The score is the share of instructions followed; False scores all or nothing.
    """

    name: ClassVar[str] = "constraints"
    description: ClassVar[str] = "instructions that a program can check: counts, words, case, form"

    column: str = "constraints"
    partial: bool = False

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no constraints or one that cannot be checked, or None."""
        wanted = self._constraints(sample)
        if not wanted or not all(isinstance(item, Mapping) for item in wanted):
            return f"the sample has no list of constraints in {self.column!r}"
        for item in wanted:
            kind = item.get("kind")
            if not isinstance(kind, str) or kind not in CONSTRAINT_CHECKS:
                return f"no constraint {kind!r}; there are: {', '.join(CONSTRAINT_CHECKS)}"
            problem = _invalid_setting(item)
            if problem:
                return f"constraint {kind!r}: {problem}"
        return None

    def _constraints(self, sample: Sample) -> list[Any]:
        given = sample.columns.get(self.column, sample.target)
        try:
            wanted = json.loads(given) if isinstance(given, str) else given
        except (ValueError, RecursionError):
            return []
        return wanted if isinstance(wanted, list) else []

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share followed; the answer is the reply."""
        wanted = self._constraints(sample)
        text = reply[:MAX_REPLY_CHARS].strip()
        broken = [problem for item in wanted if (problem := CONSTRAINT_CHECKS[item["kind"]](text, item))]
        value = 1 - len(broken) / len(wanted)
        if not broken:
            return Score(1.0, "correct", shorten(reply, 500), f"all of {len(wanted)} constraints are met")
        reason = f"{len(wanted) - len(broken)} of {len(wanted)} are met; {'; '.join(broken)}"
        return Score(value if self.partial else 0.0, "wrong", shorten(reply, 500), shorten(reason, 300))


_REQUIRED_SETTINGS: dict[str, tuple[str, ...]] = {
    "include": ("words",),
    "forbid": ("words",),
    "ordered": ("words",),
    "letter": ("letter",),
    "case": ("is",),
    "starts": ("text",),
    "ends": ("text",),
    "each_line_starts": ("text",),
    "max_word_chars": ("max",),
}
"""The settings that each constraint requires."""


def _invalid_setting(item: Mapping[str, Any]) -> str | None:
    """Return the first setting that a constraint lacks or that has a wrong value, or None."""
    lacking = [key for key in _REQUIRED_SETTINGS.get(item["kind"], ()) if item.get(key) is None]
    if lacking:
        return f"it needs {lacking[0]!r}"
    for key, value in item.items():
        if key in {"min", "max", "count"}:
            is_right, takes = isinstance(value, (int, float)), "a number"
        elif key in {"words", "keys"}:
            is_right = isinstance(value, list) and all(isinstance(word, str) for word in value)
            takes = "a list of texts"
        elif key in {"letter", "is", "text"}:
            is_right, takes = isinstance(value, str), "text"
        else:
            continue
        if not is_right and not (value is None and key in {"max", "keys"}):
            return f"{key!r} is {shorten(repr(value))}; expected {takes}"
    return None


def _check_bounds(noun: str, count: int, item: Mapping[str, Any]) -> str:
    least = item.get("min", item.get("count", 0))
    most = item.get("max", item.get("count"))
    if count < least:
        return f"{count} {noun}, at least {least} are required"
    return f"{count} {noun}, at most {most} are allowed" if most is not None and count > most else ""


def _make_count_check(noun: str, count: Callable[[str], int]) -> Callable[[str, Mapping[str, Any]], str]:
    return lambda text, item: _check_bounds(noun, count(text), item)


def _count_occurrences(text: str, word: str) -> int:
    needle = normalize_text(word, ignore_case=True, punctuation=True)
    return len(
        re.findall(
            rf"(?<!\w){re.escape(needle)}(?!\w)", normalize_text(text, ignore_case=True, punctuation=True)
        )
    )


def _check_include(text: str, item: Mapping[str, Any]) -> str:
    bound = {key: item[key] for key in ("min", "max", "count") if key in item} or {"min": 1}
    return next(
        (
            problem
            for word in item["words"]
            if (problem := _check_bounds(f"times {word!r}", _count_occurrences(text, word), bound))
        ),
        "",
    )


def _check_forbid(text: str, item: Mapping[str, Any]) -> str:
    return next((f"holds {word!r}" for word in item["words"] if _count_occurrences(text, word)), "")


def _check_case(text: str, item: Mapping[str, Any]) -> str:
    wanted = text.upper() if item["is"] == "upper" else text.lower()
    return "" if text == wanted else f"is not all in {item['is']} case"


def _check_json(text: str, item: Mapping[str, Any]) -> str:
    value = find_json_value(text, only=True)
    if value is None:
        return "is not only JSON"
    keys = item.get("keys")
    if keys is not None and (not isinstance(value, dict) or sorted(value) != sorted(keys)):
        return f"its keys are not {', '.join(keys)}"
    return ""


def _check_order(text: str, item: Mapping[str, Any]) -> str:
    normalized = normalize_text(text, ignore_case=True, punctuation=True)
    places = [normalized.find(word.casefold()) for word in item["words"]]
    return (
        ""
        if -1 not in places and places == sorted(places)
        else f"{', '.join(item['words'])} not in this order"
    )


def _nonblank_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


CONSTRAINT_CHECKS: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "words": _make_count_check("words", lambda text: len(WORD.findall(text))),
    "sentences": _make_count_check("sentences", lambda text: len(SENTENCE_END.findall(text))),
    "lines": _make_count_check("lines", lambda text: len(_nonblank_lines(text))),
    "paragraphs": _make_count_check(
        "paragraphs", lambda text: len([p for p in re.split(r"\n\s*\n", text) if p.strip()])
    ),
    "bullets": _make_count_check("bullets", lambda text: len(BULLET.findall(text))),
    "numbered": _make_count_check("numbered items", lambda text: len(NUMBERED.findall(text))),
    "headings": _make_count_check("headings", lambda text: len(HEADING.findall(text))),
    "chars": _make_count_check("characters", len),
    "include": _check_include,
    "forbid": _check_forbid,
    "letter": lambda text, item: _check_bounds(
        f"times the letter {item['letter']!r}", text.casefold().count(item["letter"].casefold()), item
    ),
    "case": _check_case,
    "starts": lambda text, item: (
        "" if text.startswith(item["text"]) else f"does not start with {item['text']!r}"
    ),
    "ends": lambda text, item: "" if text.endswith(item["text"]) else f"does not end with {item['text']!r}",
    "json": _check_json,
    "no_commas": lambda text, _: "contains a comma" if "," in text else "",
    "quoted": lambda text, _: (
        "" if len(text) > 1 and text[0] == text[-1] == '"' else "is not in double quotes"
    ),
    "no_fence": lambda text, _: (
        "contains a fenced block" if ("```" in text or "~~~" in text) and code_blocks(text) else ""
    ),
    "ordered": _check_order,
    "each_line_starts": lambda text, item: (
        ""
        if all(line.startswith(item["text"]) for line in _nonblank_lines(text))
        else f"a line does not start with {item['text']!r}"
    ),
    "max_word_chars": lambda text, item: next(
        (f"{word!r} is longer than {item['max']}" for word in WORD.findall(text) if len(word) > item["max"]),
        "",
    ),
}
"""For each constraint, a function of a text and the settings; it returns what is wrong, or ""."""
