"""Sentences on pages: commands and keys, which stand between backticks in every output, are code."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from gapbench import formatting

_CODE = re.compile(r"`([^`]+)`")


def render_sentence(text: Any) -> Markup:
    """Return a sentence as HTML: escaped, without control characters, and with code for what is between backticks."""
    found, end = Markup(""), 0
    clean = formatting.strip_controls(text)
    for match in _CODE.finditer(clean):
        found += escape(clean[end : match.start()]) + Markup("<code>{}</code>").format(match[1])
        end = match.end()
    return found + escape(clean[end:])
