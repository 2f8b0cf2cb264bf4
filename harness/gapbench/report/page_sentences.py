"""Sentences on pages: commands and keys, which stand between backticks in every output, are code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from gapbench import formatting

_CODE = re.compile(r"`([^`]+)`")


def render_sentence(text: Any) -> Markup:
    """Return a sentence as HTML: escaped, without control characters, and with code for what is between backticks."""
    found = Markup("")
    for part, is_code in split_code(text):
        found += Markup("<code>{}</code>").format(part) if is_code else escape(part)
    return found


def split_code(text: Any) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a sentence without control characters, each with whether it stood between backticks."""
    clean, end = formatting.strip_controls(text), 0
    for match in _CODE.finditer(clean):
        yield clean[end : match.start()], False
        yield match[1], True
        end = match.end()
    yield clean[end:], False
