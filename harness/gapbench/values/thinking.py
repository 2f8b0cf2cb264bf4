"""Separate a model's thinking from its answer when the server leaves both in one text.

Which marks which models use is data: ``thinking_rules.toml``, in the same folder.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

AUTO = "auto"
OFF = "off"

_FENCE_LINE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_BLANKS = " \t\r\n\f\v\xa0\u200b\ufeff"
_BLANK = re.compile(f"[{_BLANKS}]*")
_OPENING_QUOTES = "\"'“‘«"
_CLOSING_QUOTES = "\"'”’»"


@dataclass(frozen=True, slots=True)
class ThinkingRule:
    """The marks of one family of models; ``thinking_rules.toml`` explains the fields."""

    name: str
    start: str
    open: re.Pattern[str]
    close: re.Pattern[str]
    mark: re.Pattern[str]
    lone_mark: re.Pattern[str] | None
    hint: str
    models: tuple[str, ...]
    answer_open: re.Pattern[str] | None
    answer_close: re.Pattern[str] | None
    needs_close: bool
    prefilled_models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ThinkingSplit:
    """A text whose thinking was separated from the answer.

    Attributes:
        answer: The answer. "": there is none.
        reasoning: The thinking without its marks; several blocks are separated by an empty line.
        rule: The names of the rules that applied, joined by ``+``.
        is_cut: Whether the text ends inside its thinking.
        answer_start: Where the answer begins in the text, in characters.
    """

    answer: str
    reasoning: str
    rule: str
    is_cut: bool
    answer_start: int


@dataclass(frozen=True)
class ThinkingRules:
    """The rules that apply to one model.

    Attributes:
        rules: In the order in which they are tried.
        prefilled: The rule whose begin mark the model's chat template gives, so that a reply that is cut off in its
            thinking has no mark at all. None: there is none.
    """

    rules: tuple[ThinkingRule, ...]
    prefilled: ThinkingRule | None = None

    @cached_property
    def _hints(self) -> tuple[str, ...]:
        return tuple({rule.hint for rule in self.rules if rule.lone_mark is not None})

    @cached_property
    def _hint_starts(self) -> tuple[str, ...]:
        return tuple({hint[0] for hint in self._hints})

    @cached_property
    def _starts(self) -> frozenset[str]:
        return frozenset(case for rule in self.rules for case in (rule.start, rule.start.swapcase()))

    def _may_apply(self, text: str) -> bool:
        """Return whether the text can have a mark that counts: no, for nearly every reply, by looking at a few characters."""
        return text.lstrip(_BLANKS)[:1] in self._starts or (
            any(start in text for start in self._hint_starts) and any(hint in text for hint in self._hints)
        )

    def split(self, text: str, *, is_cut: bool = False, has_reasoning: bool = False) -> ThinkingSplit | None:
        """Return the text's thinking and answer, or None if no rule applies.

        A mark counts at the start of the text, or as a lone end mark before any begin mark. After a block of thinking
        further blocks count where they follow at once, or begin a line and have an end mark. Marks in code and between
        quotes are text.

        Args:
            text: The whole text, however it was split on the way.
            is_cut: Whether generation ended early, so that a block may be open.
            has_reasoning: Whether the server already separated some thinking from this text.
        """
        found = None
        if self._may_apply(text):
            found = _Splitter(self.rules, text, is_cut=is_cut).split()
        if found is None and is_cut and self.prefilled is not None and not has_reasoning and text.strip():
            return ThinkingSplit("", text.strip(), self.prefilled.name, True, len(text))
        return found


class _Splitter:
    """Splits one text."""

    def __init__(self, rules: tuple[ThinkingRule, ...], text: str, *, is_cut: bool) -> None:
        self._rules = rules
        self._text = text
        self._is_cut = is_cut
        self._blocks: list[str] = []
        self._names: list[str] = []
        self._last: ThinkingRule | None = None

    # Positions, so that a text of many marks does not take quadratic time.

    @cached_property
    def _backticks(self) -> list[int]:
        return [match.start() for match in re.finditer("`", self._text)]

    @cached_property
    def _newlines(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self._text)]

    @cached_property
    def _fences(self) -> list[int]:
        return [match.start() for match in _FENCE_LINE.finditer(self._text)]

    def split(self) -> ThinkingSplit | None:
        """Return the parts, or None if no rule applies."""
        at = self._read_blocks(_skip_blanks(self._text, 0))
        if at is not None and not self._names:
            at = self._read_lone_close(at)
        if at is None:
            return self._result("", len(self._text), is_cut=True)
        at, answer_close = self._read_answer_open(at)
        if not self._names:
            return None
        at = _skip_blanks(self._text, at)
        end = len(self._text)
        if answer_close is not None:
            closed = answer_close.search(self._text, at)
            end = end if closed is None else closed.start()
        return self._result(self._without_later_blocks(at, end), at, is_cut=False)

    def _result(self, answer: str, answer_start: int, *, is_cut: bool) -> ThinkingSplit:
        reasoning = "\n\n".join(block for block in self._blocks if block)
        rule = "+".join(dict.fromkeys(self._names))
        return ThinkingSplit(answer, reasoning, rule, is_cut, answer_start)

    def _add(self, rule: ThinkingRule, block: str) -> None:
        self._blocks.append(block.strip())
        self._names.append(rule.name)
        self._last = rule

    def _read_blocks(self, at: int) -> int | None:
        """Read the blocks that begin at a position; return where they end. None: the text ends inside one."""
        while True:
            start = _skip_blanks(self._text, at)
            found = self._block_at(start)
            if found is None:
                return at
            rule, opened, closed = found
            if closed is None:
                self._add(rule, self._text[opened.end() :])
                return None
            self._add(rule, self._text[opened.end() : closed.start()])
            at = closed.end()

    def _block_at(self, start: int) -> tuple[ThinkingRule, re.Match[str], re.Match[str] | None] | None:
        for rule in self._rules:
            opened = rule.open.match(self._text, start)
            if opened is None:
                continue
            closed = self._close_of(rule, opened.end()) or self._close_of_another_rule(rule, opened.end())
            if closed is not None or not rule.needs_close or self._is_cut:
                return rule, opened, closed
        return None

    def _close_of(self, rule: ThinkingRule, start: int) -> re.Match[str] | None:
        """Return the end mark of the block whose text begins at ``start``, or None if it has none."""
        depth = 1
        closes: list[re.Match[str]] = []
        quoted: re.Match[str] | None = None
        for mark in rule.mark.finditer(self._text, start):
            is_open = mark["opened"] is not None
            if self._is_mention(mark):
                quoted = quoted if is_open else quoted or mark
                continue
            depth += 1 if is_open else -1
            if depth == 0:
                return mark
            if not is_open:
                closes.append(mark)
        if closes:
            # More begin marks than end marks: the thinking mentions one, unless the text was cut.
            return None if self._is_cut else closes[-1]
        return quoted

    def _close_of_another_rule(self, rule: ThinkingRule, start: int) -> re.Match[str] | None:
        """Return the first end mark of another rule with the same form: ``<think>…</thinking>``."""
        if self._is_cut and rule.close.search(self._text, start):
            return None
        others = (
            match
            for other in self._rules
            if other.hint == rule.hint == "</" and (match := other.close.search(self._text, start))
        )
        return min(others, key=lambda match: match.start(), default=None)

    def _read_lone_close(self, at: int) -> int:
        """Read the thinking before a lone end mark; return where it ends."""
        found: list[tuple[int, ThinkingRule, re.Match[str]]] = []
        for rule in self._rules:
            if rule.lone_mark is None or rule.hint not in self._text:
                continue
            depth = 1
            for mark in rule.lone_mark.finditer(self._text, at):
                if self._is_mention(mark):
                    continue
                depth += 1 if mark["opened"] is not None else -1
                if depth == 0:
                    found.append((mark.start(), rule, mark))
                    break
        if not found:
            return at
        _, rule, mark = min(found, key=lambda entry: entry[0])
        self._add(rule, self._text[at : mark.start()])
        end = self._read_blocks(mark.end())
        return len(self._text) if end is None else end

    def _read_answer_open(self, at: int) -> tuple[int, re.Pattern[str] | None]:
        """Skip the mark that begins the answer; return the position after it, and the pattern of its end mark."""
        start = _skip_blanks(self._text, at)
        for rule in self._rules:
            if rule.answer_open is None or (self._last is not None and rule is not self._last):
                continue
            opened = rule.answer_open.match(self._text, start)
            if opened is not None and (self._last is rule or rule.lone_mark is not None):
                self._names.append(rule.name)
                return opened.end(), rule.answer_close
        return at, None if self._last is None else self._last.answer_close

    def _without_later_blocks(self, at: int, end: int) -> str:
        """Return the answer without the blocks of thinking that begin a line in it."""
        pieces: list[str] = []
        rule = self._last
        if rule is None:
            return self._text[at:end]
        while True:
            found = self._later_block(rule, at, end)
            if found is None:
                return "".join((*pieces, self._text[at:end]))
            opened, closed = found
            pieces.append(self._text[at : opened.start()])
            self._add(rule, self._text[opened.end() : closed.start()])
            at = closed.end()

    def _later_block(
        self, rule: ThinkingRule, at: int, end: int
    ) -> tuple[re.Match[str], re.Match[str]] | None:
        for opened in rule.open.finditer(self._text, at, end):
            line_start = self._text.rfind("\n", 0, opened.start()) + 1
            if self._text[line_start : opened.start()].strip() or self._is_mention(opened):
                continue
            closed = self._close_of(rule, opened.end())
            return (opened, closed) if closed is not None and closed.end() <= end else None
        return None

    def _is_mention(self, mark: re.Match[str]) -> bool:
        """Return whether a mark is in code or between quotes."""
        text, start, end = self._text, mark.start(), mark.end()
        before, after = text[start - 1 : start], text[end : end + 1]
        if before and after and before in _OPENING_QUOTES and after in _CLOSING_QUOTES:
            return True
        if self._backticks:
            line = bisect_left(self._newlines, start)
            line_start = self._newlines[line - 1] if line else 0
            line_end = self._newlines[line] if line < len(self._newlines) else len(text)
            first, here, last = (
                bisect_left(self._backticks, place) for place in (line_start, start, line_end)
            )
            if (here - first) % 2 == 1 and here < last:
                return True
        fences_before = bisect_left(self._fences, start)
        return fences_before % 2 == 1 and (len(self._fences) - fences_before) % 2 == 1


def _skip_blanks(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return start if match is None else match.end()


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _marks(opening: str, closing: str) -> re.Pattern[str]:
    return _compile(f"(?P<opened>{opening})|(?:{closing})")


def _to_rule(entry: dict[str, Any]) -> ThinkingRule:
    lone_close = entry.get("lone_close", entry["close"])
    answer_open, answer_close = entry.get("answer_open"), entry.get("answer_close")
    return ThinkingRule(
        name=entry["name"],
        start=entry["start"],
        open=_compile(entry["open"]),
        close=_compile(entry["close"]),
        mark=_marks(entry["open"], entry["close"]),
        lone_mark=_marks(entry["open"], lone_close) if lone_close else None,
        hint=entry["hint"],
        models=tuple(entry.get("models", ())),
        answer_open=_compile(answer_open) if answer_open else None,
        answer_close=_compile(answer_close) if answer_close else None,
        needs_close=entry.get("needs_close", False),
        prefilled_models=tuple(entry.get("prefilled_models", ())),
    )


@lru_cache
def thinking_rules() -> dict[str, ThinkingRule]:
    """Return all rules by name, in the order in which they are tried."""
    text = files("gapbench.values").joinpath("thinking_rules.toml").read_text(encoding="utf-8")
    return {entry["name"]: _to_rule(entry) for entry in tomllib.loads(text)["rules"]}


@lru_cache
def thinking_rules_for(model: str, setting: Sequence[str] = (AUTO,)) -> ThinkingRules:
    """Return the rules for a model.

    Args:
        model: What the provider calls the model.
        setting: ``("auto",)``: the rules of its family and those for every model; ``("off",)``: none; else names of
            rules.

    Raises:
        ValueError: There is no rule of that name.
    """
    rules = thinking_rules()
    names = tuple(setting)
    if names == (OFF,):
        return ThinkingRules(())
    if names == (AUTO,):
        name = model.lower()
        return ThinkingRules(
            tuple(rule for rule in rules.values() if not rule.models or _matches(name, rule.models)),
            next((rule for rule in rules.values() if _matches(name, rule.prefilled_models)), None),
        )
    unknown = [name for name in names if name not in rules]
    if unknown:
        raise ValueError(f"no rule {unknown[0]!r}; write {AUTO}, {OFF}, or names out of: {', '.join(rules)}")
    return ThinkingRules(tuple(rules[name] for name in names))
