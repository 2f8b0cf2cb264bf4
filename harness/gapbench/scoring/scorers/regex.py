"""The scorer ``regex``: a pattern found in the reply."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import missing_target_reason, normalize_text, shorten, target_texts
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

MAX_SEARCHED_CHARS = 10_000
SEARCH_TIMEOUT_S = 5.0
SEARCH_SCRIPT = (
    "import json, re, sys; pattern, flags, group, text = json.load(sys.stdin); "
    "print(json.dumps([m.group(group) for m in re.compile(pattern, flags).finditer(text)][-1:]))"
)


@dataclass(frozen=True)
class Regex(ReplyScorer):
    """Accepts a reply in which a pattern is found; the last match must equal the target.

    Attributes:
        pattern: Python regular expression, searched in the last 10 000 characters of the reply.
        group: Number or name of the group that is the answer. None: group 1 if there is one, else the whole match.
        ignore_case: Search and compare without case.
        compare: False accepts any match, whatever the target.
    """

    name: ClassVar[str] = "regex"
    description: ClassVar[str] = "a pattern found in the reply, or its group equal to the target"

    pattern: str
    group: int | str | None = None
    ignore_case: bool = True
    compare: bool = True
    is_risky: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Check the pattern and the group."""
        try:
            compiled = re.compile(self.pattern, self._flags)
        except (re.error, OverflowError, RecursionError) as exc:
            where = f" at position {exc.pos}" if isinstance(exc, re.error) and exc.pos is not None else ""
            what = exc.msg if isinstance(exc, re.error) else str(exc)
            raise InputError(f"scorer 'regex': pattern {self.pattern!r} is wrong{where}: {what}") from exc
        group = self.group if self.group is not None else min(compiled.groups, 1)
        known = [*range(compiled.groups + 1), *compiled.groupindex]
        if group not in known:
            listed = ", ".join(map(str, known))
            raise InputError(f"scorer 'regex': no group {group!r} in {self.pattern!r}; it has: {listed}")
        object.__setattr__(self, "group", group)
        tree = import_module("re._parser").parse(self.pattern, self._flags)
        object.__setattr__(self, "is_risky", has_nested_repeats(tree))

    @property
    def _flags(self) -> int:
        return re.MULTILINE | (re.IGNORECASE if self.ignore_case else 0)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no target to compare the match with, or None."""
        return missing_target_reason(sample) if self.compare else None

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the group of the last match."""
        try:
            found = self._find_last_match(reply[-MAX_SEARCHED_CHARS:])
        except subprocess.TimeoutExpired:
            return self._unparsed(f"timed out after {SEARCH_TIMEOUT_S:g} s")
        except (subprocess.SubprocessError, OSError, ValueError) as exc:
            return self._unparsed(str(exc))
        if not found or found[0] is None:
            return Score(0.0, "unparsed", reason=f"no match of {shorten(self.pattern)!r}")
        answer = found[0]
        if not self.compare:
            return Score(1.0, "correct", answer=shorten(answer), reason=f"matches {shorten(self.pattern)!r}")
        targets = target_texts(sample)
        if any(self._normalize(answer) == self._normalize(target) for target in targets):
            return Score(1.0, "correct", answer=shorten(answer), reason="the match is the target")
        return Score(0.0, "wrong", answer=shorten(answer), reason=f"the match is not {shorten(targets[0])!r}")

    def _normalize(self, text: str) -> str:
        return normalize_text(text, ignore_case=self.ignore_case, punctuation=True)

    def _unparsed(self, problem: str) -> Score:
        return Score(0.0, "unparsed", reason=f"searching {shorten(self.pattern)!r}: {shorten(problem)}")

    def _find_last_match(self, text: str) -> list[Any]:
        if not self.is_risky:
            return [m.group(self.group or 0) for m in re.compile(self.pattern, self._flags).finditer(text)][
                -1:
            ]
        # Nested repeats may backtrack forever, and a search cannot be stopped inside this process.
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SEARCH_SCRIPT],
            input=json.dumps([self.pattern, self._flags, self.group, text]),
            capture_output=True,
            text=True,
            timeout=SEARCH_TIMEOUT_S,
            check=True,
        )
        found: list[Any] = json.loads(done.stdout)
        return found


def has_nested_repeats(tree: Any, *, inside: bool = False) -> bool:
    """Return whether a parsed pattern has an unbounded repeat inside an unbounded repeat."""
    for operation, argument in tree:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            unbounded = int(argument[1]) > 1000
            if (inside and unbounded) or has_nested_repeats(argument[2], inside=inside or unbounded):
                return True
        elif name == "BRANCH":
            if any(has_nested_repeats(branch, inside=inside) for branch in argument[1]):
                return True
        elif isinstance(argument, tuple):
            trees = [part for part in argument if hasattr(part, "getwidth")]
            if any(has_nested_repeats(part, inside=inside) for part in trees):
                return True
    return False


def has_risky_pattern(schema: Any) -> bool:
    """Return whether a JSON Schema has a pattern that may never end or cannot be parsed."""
    if isinstance(schema, list):
        return any(map(has_risky_pattern, schema))
    if not isinstance(schema, dict):
        return False
    patterns = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    if isinstance(schema.get("patternProperties"), dict):
        patterns += list(schema["patternProperties"])
    for pattern in patterns:
        try:
            tree = import_module("re._parser").parse(pattern)
        except (re.error, OverflowError, RecursionError):
            return True
        if has_nested_repeats(tree):
            return True
    return any(map(has_risky_pattern, schema.values()))
