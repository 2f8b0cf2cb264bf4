"""Where replies state their answer: markers, boxes, fences; shared by the scorers."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from typing import Any

from gapbench.values import Sample

LONGEST_REPLY_CHARS = 100_000
"""Scorers look at the end of longer replies only, so that no reply can take long."""

LONGEST_BOX_CHARS = 1000
MOST_STATEMENTS = 100
BRACE = re.compile(r"[{}]")
MARKER = re.compile(
    r"""\b(?:answer|result)\b [*_\s]{0,4} (?: \bis\b | \bare\b | [:=] ) [\s:]{0,4}
      | \#\#\#\#\s?
      | \\boxed\s?\{
      | \\fbox\s?\{""",
    re.IGNORECASE | re.VERBOSE,
)
FENCE = re.compile(r"^[ \t]{0,3}(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*$", re.MULTILINE)
MARKS = " \t*_`$"


def tail(reply: str) -> str:
    """Return the end of the reply, at most :data:`LONGEST_REPLY_CHARS`."""
    return reply[-LONGEST_REPLY_CHARS:]


def statements(reply: str, marks: str = MARKS) -> list[str]:
    r"""Return what follows each ``answer is``, ``Answer:``, ``####`` and ``\boxed{``, in order.

    Each is one line without markup; a box gives its content, and a box inside another statement counts
    as the later of the two. Only the last hundred are looked at.

    Args:
        reply: The text to look through.
        marks: What is taken off both ends of each.
    """
    found = []
    for match in deque(MARKER.finditer(reply), maxlen=MOST_STATEMENTS):
        if match.group().endswith("{"):
            text = _braced(reply, match.end())
        else:
            text = reply[match.end() : match.end() + 500].lstrip().partition("\n")[0]
        text = text.strip(marks)
        if text:
            found.append(text)
    return found


def _braced(text: str, start: int) -> str:
    depth = 1
    for brace in BRACE.finditer(text, start, start + LONGEST_BOX_CHARS):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()]
    return text[start : start + 500].partition("\n")[0]


def fenced(reply: str) -> list[tuple[str, str]]:
    """Return the fenced blocks as (language, text), in order; a fence left open runs to the end."""
    blocks = []
    opened: re.Match[str] | None = None
    for match in FENCE.finditer(reply):
        if opened is None:
            opened = match
        elif match.group(1)[0] == opened.group(1)[0] and not match.group(2):
            blocks.append((opened.group(2).lower(), reply[opened.end() + 1 : match.start()]))
            opened = None
    if opened is not None:
        blocks.append((opened.group(2).lower(), reply[opened.end() + 1 :]))
    return blocks


def plain(text: str, *, ignore_case: bool, punctuation: bool) -> str:
    """Return ``text`` with one space for each run of white space, in Unicode's composed form.

    Args:
        text: What to bring into this form.
        ignore_case: Fold case.
        punctuation: Keep punctuation; otherwise it is dropped.
    """
    text = unicodedata.normalize("NFKC", text)
    if ignore_case:
        text = text.casefold()
    if not punctuation:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    return " ".join(text.split())


def targets(sample: Sample) -> list[str]:
    """Return the accepted answers as text: the target, or each of a list of targets."""
    wanted: Any = sample.target
    if wanted is None:
        return []
    return [str(item) for item in wanted] if isinstance(wanted, (list, tuple)) else [str(wanted)]


def no_target(sample: Sample) -> str | None:
    """Return that a sample has no target, or only empty ones; None: it has one."""
    given = targets(sample)
    if any(text.strip() for text in given):
        return None
    return "the target is empty" if given else "the sample has no target"


def short(text: str, most: int = 80) -> str:
    """Return ``text`` on one line of at most ``most`` characters, for a reason."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"
