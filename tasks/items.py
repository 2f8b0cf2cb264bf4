"""What the scripts that write samples share: an item, and the file made of many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple


class Item(NamedTuple):
    """A question, its answer, and the answer of one who slipped.

    Attributes:
        question: What is asked.
        answer: Right by construction.
        slip: Wrong, and what a usual mistake would give.
        extra: Further columns of the row.
    """

    question: str
    answer: Any
    slip: Any
    extra: Mapping[str, Any] = {}


Template = Callable[[Random], Item]


def generate_rows(
    task: str, templates: Iterable[tuple[str, Template]], per_template: int
) -> list[dict[str, Any]]:
    """Return the rows of a task: so many of each template, drawn from generators seeded by their names.

    Args:
        task: Name that seeds the draws; change it, and every item changes.
        templates: Tier and template.
        per_template: How many different questions each gives.
    """
    made: list[dict[str, Any]] = []
    for tier, template in templates:
        name = template.__name__
        r = Random(f"{task}/{name}/1")
        seen: set[str] = set()
        while len(seen) < per_template:
            item = template(r)
            # A slip that is right, or a question asked before, is drawn again.
            if item.question in seen or item.answer == item.slip:
                continue
            seen.add(item.question)
            made.append(
                {
                    "id": f"{name.replace('_', '-')}-{len(seen):02}",
                    "tier": tier,
                    "template": name,
                    "question": item.question,
                    "answer": item.answer,
                    "slip": item.slip,
                    **item.extra,
                }
            )
    return made


def to_json_lines(made: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)


def write_samples(folder: Path, text: str) -> None:
    """Write samples.jsonl and say how many lines it has."""
    (folder / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} items")
