"""Rules that take personal data and secrets out of texts, and what they changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field

from gapbench.credentials import REDACTED
from gapbench.suite.documents import StrictModel, read_document, validate_document
from gapbench.traffic.personal_data import KINDS, Kind, find_personal_data
from gapbench.traffic.secrets import remove_secrets

MOST_CHANGES = 10_000
"""Changes of texts that are kept to be shown."""
_AROUND = 30


class RuleDocument(StrictModel):
    """One rule."""

    name: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="what it takes out; a rule with find has its kind's name",
    )
    pattern: str | None = Field(
        None, min_length=1, max_length=1_000, description="regular expression, as Python's re has it"
    )
    find: Kind | None = Field(
        None, description="personal data of this kind, as `bench traffic audit --personal-data` finds it"
    )
    replace: str | None = Field(
        None, description="text in its place, [redacted] if there is none; \\1 is a group of the pattern"
    )


class RulesDocument(StrictModel):
    """The file of ``--redact``."""

    rules: list[RuleDocument] = Field(min_length=1, max_length=200, description="applied in this order")


@dataclass(frozen=True, slots=True)
class TextChange:
    """One place at which a rule changed a text.

    Attributes:
        rule: Name of the rule.
        before: The text there, with a few characters around it.
        after: The same with the rule applied.
    """

    rule: str
    before: str
    after: str


@dataclass(slots=True)
class Redaction:
    """Applies the rules, and counts what they changed. Secrets are always removed, and never shown.

    Attributes:
        rules: Name, pattern or kind of personal data, and replacement of each.
        changes: The first changes.
        counts: Places changed, by rule.
        secrets: Secrets removed.
    """

    rules: list[tuple[str, re.Pattern[str] | Kind, str]] = field(default_factory=list)
    changes: list[TextChange] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    secrets: int = 0

    def apply(self, value: Any) -> Any:
        """Return a JSON value with every text, key and number in it redacted.

        A number that a rule changes becomes a text, as do the arguments of a call, which stay JSON.
        """
        if isinstance(value, str):
            return self._apply_to_text(value)
        if isinstance(value, dict):
            return self._apply_to_mapping(value)
        if isinstance(value, list):
            return [self.apply(inner) for inner in value]
        if self.rules and isinstance(value, (int, float)) and not isinstance(value, bool):
            text = str(value)
            changed = self._apply_to_text(text)
            return value if changed == text else changed
        return value

    def apply_to_schema(self, value: Any) -> Any:
        """Return a JSON Schema, or tools with theirs, redacted; their numbers are limits and stay."""
        if isinstance(value, dict):
            return _unique_keys(
                (self._apply_to_text(name), self.apply_to_schema(inner)) for name, inner in value.items()
            )
        if isinstance(value, list):
            return [self.apply_to_schema(inner) for inner in value]
        return self._apply_to_text(value) if isinstance(value, str) else value

    def _apply_to_mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        found: list[tuple[str, Any]] = []
        for name, inner in value.items():
            clean = self._apply_to_text(name)
            arguments = _read_object(inner) if name == "arguments" else None
            if arguments is None:
                found.append((clean, self.apply(inner)))
                continue
            changed = self.apply(arguments)
            found.append((clean, inner if changed == arguments else orjson.dumps(changed).decode()))
        return _unique_keys(found)

    def _apply_to_text(self, text: str) -> str:
        # Secrets first, so that no change that is shown has one.
        text, found = remove_secrets(text)
        self.secrets += found
        for name, wanted, replacement in self.rules:
            if not isinstance(wanted, re.Pattern):
                text = self._take_out(name, wanted, replacement, text)
                continue
            changed = wanted.sub(replacement, text)
            if changed == text:
                continue
            for match in wanted.finditer(text):
                self._note(name, text, match.span(), match.expand(replacement))
            text = changed
        return text

    def _take_out(self, name: str, kind: Kind, replacement: str, text: str) -> str:
        parts, last = [], 0
        for one in find_personal_data(text):
            if one.kind == kind:
                self._note(name, text, (one.start, one.end), replacement)
                parts += [text[last : one.start], replacement]
                last = one.end
        return "".join([*parts, text[last:]]) if parts else text

    def _note(self, rule: str, text: str, span: tuple[int, int], replacement: str) -> None:
        start, end = span
        if text[start:end] == replacement:
            return
        self.counts[rule] = self.counts.get(rule, 0) + 1
        if len(self.changes) < MOST_CHANGES:
            head, tail = text[max(0, start - _AROUND) : start], text[end:][:_AROUND]
            self.changes.append(TextChange(rule, head + text[start:end] + tail, head + replacement + tail))


def _read_object(value: Any) -> dict[str, Any] | None:
    """Return a text that is a JSON object as a mapping. None: it is something else."""
    try:
        found = orjson.loads(value) if isinstance(value, str) else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _unique_keys(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping in which keys that were made equal have numbers, so that none is lost."""
    found: dict[str, Any] = {}
    for name, inner in items:
        free, number = name, 2
        while free in found:
            free, number = f"{name}-{number}", number + 1
        found[free] = inner
    return found


def read_redaction(file: Path | None) -> Redaction:
    """Return the rules of a file; without one secrets alone are removed.

    Raises:
        DocumentError: The file is missing or wrong, or a pattern is no regular expression.
    """
    if file is None:
        return Redaction()
    document = read_document(file)
    found = validate_document(document, RulesDocument)
    rules: list[tuple[str, re.Pattern[str] | Kind, str]] = []
    for number, rule in enumerate(found.rules):
        replace = REDACTED if rule.replace is None else rule.replace
        if (rule.pattern is None) == (rule.find is None):
            raise document.error(("rules", number), "give a rule either a pattern or find, not both")
        if rule.find is not None:
            rules.append((rule.name or KINDS[rule.find], rule.find, replace))
            continue
        if rule.name is None or rule.pattern is None:
            raise document.error(("rules", number), "a rule with a pattern needs a name")
        try:
            pattern = re.compile(rule.pattern)
            # A template is checked only where the pattern matches; this one always does.
            re.compile(f"{rule.pattern}|").sub(replace, "")
        except (re.error, IndexError) as exc:
            raise document.error(
                ("rules", number, "pattern"), f"{rule.pattern[:60]!r} with {replace[:60]!r}: {exc}"
            ) from exc
        if pattern.search("") is not None:
            raise document.error(
                ("rules", number, "pattern"),
                f"{rule.pattern[:60]!r} matches the empty text too, so its replacement would come between all characters; "
                "write + in place of *",
            )
        rules.append((rule.name, pattern, replace))
    return Redaction(rules)
