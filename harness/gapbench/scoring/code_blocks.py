"""Finds the blocks of code in a reply: Markdown fences in the many ways that models write them, and HTML."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

OPENING_PREFIX = re.compile(r"(?:[ \t]|>)*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?")
"""What may stand before a fence that is alone on its line: indentation, quotation marks, a bullet or a number."""
INLINE_FENCE = re.compile(r"(?<!`)```(?!`)[ \t]*(?:([\w+#.-]+)[ \t]+)?([^`\n]+?)```(?!`)")
HTML_OPENING = re.compile(r"<(?P<tag>pre|code)\b(?P<attributes>[^<>]{0,200})>", re.IGNORECASE)
HTML_BREAK = re.compile(r"<br\s?/?>|</p>\s?<p>|</?code\b[^<>]{0,200}>")
HTML_LANGUAGE = re.compile(r"(?:language|lang)-([\w+#]+)")
LANGUAGE = re.compile(r"[{.\s]*(?:language-|lang-)?([\w+#-]+)?")
NOT_A_LANGUAGE = re.compile(
    r"(?:def|class|import|from|async|return|select|with|print|@\w+)\b.*\S", re.IGNORECASE
)
STRICT_LANGUAGES = frozenset({"diff", "patch", "udiff"})
"""Languages whose lines may begin with a space, so that a fence one space to the right is content."""
MAX_FENCE_SHIFT = 3
"""A closing fence is at most this many columns to the right of the opening one (CommonMark 0.31, section 4.5)."""
WRAPPER_LANGUAGES = frozenset({"markdown", "md", "mdx", "rst"})


class CodeBlock(NamedTuple):
    """One block of code.

    Attributes:
        language: The first word after the opening fence, in lower case; "" without one.
        text: The code, without the indentation of its fence.
        start: Where the block starts in the reply.
        info: All that follows the opening fence, such as ``python title="a.py"``.
    """

    language: str
    text: str
    start: int
    info: str


class _Open(NamedTuple):
    """A fence that is open: its characters, its column, what follows it, and where it and its text begin."""

    fence: str
    column: int
    info: str
    start: int
    has_quotes: bool
    is_behind_text: bool


def code_blocks(reply: str) -> list[CodeBlock]:
    """Return the fenced blocks of a reply in order, or its HTML blocks if it has no fence.

    A fence may be indented as in a list, quoted, or behind text; a longer fence holds shorter ones; a fence that is
    not closed ends where the next one opens, or with the reply.
    """
    blocks: list[CodeBlock] = []
    opened: _Open | None = None
    lines: list[str] = []
    at = 0
    for line in reply.splitlines(keepends=True):
        content = line.rstrip("\r\n")
        start, at = at, at + len(line)
        if opened is None:
            opened, lines = _opening(content, start), []
            if opened is None:
                blocks += _inline_blocks(content, start)
            elif opened.info and NOT_A_LANGUAGE.fullmatch(opened.info):
                lines, opened = [opened.info], opened._replace(info="")
            continue
        if _closes(content, opened):
            before = _code_before_fence(content, opened)
            blocks.append(_make_block(opened, lines + before))
            opened = None
        elif (following := _next_opening(content, start, opened)) is not None:
            blocks.append(_make_block(opened, lines))
            opened, lines = following, []
        else:
            lines.append(_unindent(content, opened))
    if opened is not None:
        blocks.append(_make_block(opened, lines))
    return blocks or html_blocks(reply)


def html_blocks(reply: str) -> list[CodeBlock]:
    """Return the ``<pre>`` blocks, and the ``<code>`` blocks of more than one word."""
    blocks: list[CodeBlock] = []
    lower, at = reply.lower(), 0
    unclosed: set[str] = set()
    for opening in HTML_OPENING.finditer(reply):
        tag = opening["tag"].lower()
        if opening.start() < at or tag in unclosed:
            continue
        end = lower.find(f"</{tag}>", opening.end())
        if end < 0:
            unclosed.add(tag)
            continue
        at, raw = end, reply[opening.end() : end]
        language = HTML_LANGUAGE.search(opening["attributes"]) or HTML_LANGUAGE.search(raw[:300])
        text = html.unescape(
            HTML_BREAK.sub(lambda tag: "" if "code" in tag.group().lower() else "\n", raw)
        ).strip("\n")
        if len(text.split()) > 1:
            name = language.group(1).lower() if language else ""
            blocks.append(CodeBlock(name, f"{text}\n", opening.start(), ""))
    return blocks


class _Fence(NamedTuple):
    """The last run of three or more fence characters in a line, and what is before and after it."""

    before: str
    run: str
    info: str


def _find_fence(line: str) -> _Fence | None:
    for char in "`~":
        end = line.rfind(char * 3) + 3
        if end < 3:
            continue
        start = len(line[:end].rstrip(char))
        if char in line[end:]:
            continue
        return _Fence(line[:start], line[start:end], line[end:])
    return None


def _opening(line: str, start: int) -> _Open | None:
    fence = _find_fence(line)
    if fence is None:
        return None
    before, info = fence.before, fence.info.strip()
    is_behind_text = not OPENING_PREFIX.fullmatch(before)
    if is_behind_text and (len(info.split()) > 1 or "`" in before or "~~~" in before):
        return None
    column = 0 if is_behind_text else len(before.expandtabs(4))
    has_quotes = ">" in before and not is_behind_text
    return _Open(fence.run, column, info, start + len(before), has_quotes, is_behind_text)


def _closes(line: str, opened: _Open) -> bool:
    """Return whether a line ends the open block: its fence alone, or behind the last line of code."""
    fence = _find_fence(line)
    if fence is None or fence.info.strip() or not fence.run.startswith(opened.fence):
        return False
    before = fence.before
    if not before.strip(" \t>"):
        column = len(before.expandtabs(4))
        if _language(opened.info) in STRICT_LANGUAGES:
            return column == opened.column
        return column <= opened.column + MAX_FENCE_SHIFT
    return "`" not in before and not before.rstrip().endswith(('"""', "'''", "#"))


def _code_before_fence(line: str, opened: _Open) -> list[str]:
    fence = _find_fence(line)
    before = fence.before if fence else ""
    return [_unindent(before, opened)] if before.strip(" \t>") else []


def _next_opening(line: str, start: int, opened: _Open) -> _Open | None:
    """Return the fence with a language that opens while another is open, which was then never closed."""
    following = _opening(line, start)
    if following is None or not following.info or following.is_behind_text:
        return None
    if following.fence[0] != opened.fence[0] or len(following.fence) != len(opened.fence):
        return following if _language(opened.info) in WRAPPER_LANGUAGES else None
    return following if following.column <= opened.column + MAX_FENCE_SHIFT else None


def _unindent(line: str, opened: _Open) -> str:
    if opened.has_quotes:
        return re.sub(r"^(?:[ \t]*>[ \t]?)+", "", line)
    at = 0
    while at < min(opened.column, len(line)) and line[at] in " \t":
        at += 4 if line[at] == "\t" else 1
    return line[min(at, len(line)) :]


def _make_block(opened: _Open, lines: list[str]) -> CodeBlock:
    text = "".join(f"{line}\n" for line in lines)
    return CodeBlock(_language(opened.info), text, opened.start, opened.info)


def _language(info: str) -> str:
    match = LANGUAGE.match(info)
    return (match.group(1) or "").lower() if match else ""


def _inline_blocks(line: str, start: int) -> list[CodeBlock]:
    blocks = []
    for match in INLINE_FENCE.finditer(line):
        language, text = match.group(1) or "", match.group(2)
        if NOT_A_LANGUAGE.match(f"{language} {text}"):
            language, text = "", f"{language} {text}"
        blocks.append(CodeBlock(language.lower(), f"{text}\n", start + match.start(), language))
    return blocks
