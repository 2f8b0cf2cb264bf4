"""Puts the judgements of options that stand on one line on a line each: ``A: false. B: true. C: false.``."""

from __future__ import annotations

import re

MIN_ITEMS = 3
"""Fewer items may be a part of a sentence."""
JUDGEMENT = r"(?:(?:in)?correct|true|false|right|wrong|invalid|valid|yes|no)\b|[✓✅✔☑✗✘❌✖]"
ITEM = re.compile(
    rf"(?P<before>[\s,;.|/·•]*(?:\band\s)?)(?<![^\W_])[*_]{{0,2}}[(\[]?(?P<label>[A-J])[)\]]?[*_]{{0,2}}[ \t]*[-:=.)–—]{{0,2}}[ \t]*[*_(]{{0,2}}(?P<judgement>{JUDGEMENT})[*_)]{{0,2}}",
    re.IGNORECASE,
)


def split_inline_lists(text: str) -> str:
    """Return ``text`` with each judged option of an inline list on its own line.

    A list has at least three items, from A on in the order of the alphabet, with nothing but marks between them.
    """
    return "\n".join(map(_split_line, text.split("\n")))


def _split_line(line: str) -> str:
    first = ITEM.search(line)
    if first is None:
        return line
    items, at = [], first.start()
    while item := ITEM.match(line, at):
        items.append(item)
        at = item.end()
    labels = "".join(item["label"] for item in items)
    if len(items) < MIN_ITEMS or labels != "ABCDEFGHIJ"[: len(labels)]:
        return line
    listed = [f"{item['label']}: {item['judgement']}" for item in items]
    before, after = line[: first.start()].strip(), line[at:].strip().lstrip(".,;").strip()
    return "\n".join(filter(None, [before, *listed, after]))
