"""Finds stated answers and boxes in replies, and compares texts with targets. It scores nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gapbench.values import Sample

MAX_REPLY_CHARS = 100_000
"""Scorers read only the end of a longer reply, so that no reply takes long to score."""

MAX_BOX_CHARS = 1000
MAX_STATEMENTS = 100
BRACE = re.compile(r"[{}]")
ANSWER_MARKER = re.compile(
    r"""\b(?:answer|result)\b [*_\s]{0,4} (?: \bis\b | \bare\b | [:=] ) [\s:]{0,4}
      | \#\#\#\#\s?
      | \\boxed\s?\{
      | \\fbox\s?\{""",
    re.IGNORECASE | re.VERBOSE,
)
MARKUP_CHARS = " \t*_`$"


def reply_tail(reply: str) -> str:
    """Return the end of the reply, at most :data:`MAX_REPLY_CHARS`."""
    return reply[-MAX_REPLY_CHARS:]


def stated_answers(reply: str, strip_chars: str = MARKUP_CHARS) -> list[str]:
    r"""Return what follows each ``answer is``, ``Answer:``, ``####`` and ``\boxed{``, in order.

    Each is one line without markup. A box gives its content; a box inside another statement is the later of
    the two. Only the last :data:`MAX_STATEMENTS` markers are read.

    Args:
        reply: The text to search.
        strip_chars: Characters to strip from both ends of each answer.
    """
    found = []
    for match in deque(ANSWER_MARKER.finditer(reply), maxlen=MAX_STATEMENTS):
        if match.group().endswith("{"):
            text = _text_in_braces(reply, match.end())
        else:
            text = reply[match.end() : match.end() + 500].lstrip().partition("\n")[0]
        text = text.strip(strip_chars)
        if text:
            found.append(text)
    return found


def candidate_answers(reply: str) -> list[str]:
    """Return the texts that may be a short answer: the end of the reply, then its last stated answer, if any."""
    text = reply_tail(reply)
    return [text.strip(), *stated_answers(text)[-1:]]


class ClosestMatch(NamedTuple):
    """The pair of answer and target with the highest similarity.

    Attributes:
        similarity: 0 to 1.
        answer: The candidate answer of the pair.
        target: The target of the pair.
    """

    similarity: float
    answer: str
    target: str


def closest_match(
    answers: Sequence[str], targets: Sequence[str], similarity: Callable[[str, str], float]
) -> ClosestMatch:
    """Return the most similar pair of answer and target; the first of equals.

    Args:
        answers: Candidate answers; at least one.
        targets: Accepted answers; at least one.
        similarity: Function of an answer and a target that returns 0 to 1.
    """
    pairs = [
        ClosestMatch(similarity(answer, target), answer, target) for answer in answers for target in targets
    ]
    return max(pairs, key=lambda pair: pair.similarity)


def _text_in_braces(text: str, start: int) -> str:
    depth = 1
    for brace in BRACE.finditer(text, start, start + MAX_BOX_CHARS):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()]
    return text[start : start + 500].partition("\n")[0]


def normalize_text(text: str, *, ignore_case: bool, punctuation: bool) -> str:
    """Return ``text`` in Unicode form NFKC, with one space for each run of white space.

    Args:
        text: The text to normalize.
        ignore_case: Fold case.
        punctuation: Keep punctuation; False removes it.
    """
    text = unicodedata.normalize("NFKC", text)
    if ignore_case:
        text = text.casefold()
    if not punctuation:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    return " ".join(text.split())


def target_texts(sample: Sample) -> list[str]:
    """Return the accepted answers as text: the target, or each of a list of targets."""
    target: Any = sample.target
    if target is None:
        return []
    return [str(item) for item in target] if isinstance(target, (list, tuple)) else [str(target)]


def missing_target_reason(sample: Sample) -> str | None:
    """Return that a sample has no target or only empty ones, or None if it has one."""
    targets = target_texts(sample)
    if any(text.strip() for text in targets):
        return None
    return "the target is empty" if targets else "the sample has no target"


def shorten(text: str, max_chars: int = 80) -> str:
    """Return ``text`` on one line of at most ``max_chars`` characters."""
    line = " ".join(text[: 4 * max_chars].split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
