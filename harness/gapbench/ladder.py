"""A ladder: a generator of questions whose difficulty is a parameter of their construction.

A ladder has rungs, from easy to hard. Each item is drawn from a generator seeded by ladder, seed, rung and number alone,
so the same item is drawn again on every machine, and there are as many as anyone needs. The items of another seed are
fresh items of the same distribution.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

CANARY = "gapbench canary 0b0f1c52-6f0e-4f5e-9d1c-3f6f1d3f7a55: test items; keep them out of training data"
"""In every row of a built-in data file, so that a training set that contains them can be found."""
MOST_RUNGS = 100
"""Rungs that a ladder may have. What answers say about a threshold takes memory that grows with their square."""
DEFAULT_SEED = 1
DEFAULT_PER_RUNG = 8
_MOST_REDRAWS = 200


class Item(NamedTuple):
    """One question with what is known about it by construction.

    Attributes:
        question: What is asked.
        answer: The right answer. A mapping or list where the scorer compares more than one value.
        slip: A wrong answer that a usual mistake gives. It scores 0.
        solution: The way to the answer, step by step, for readers.
        complexity: On the ladder's measure. None: the rung's.
        extra: Further columns of the row. ``scene`` is what its images show: one question about two scenes is two items.
    """

    question: str
    answer: Any
    slip: Any
    solution: str = ""
    complexity: float | None = None
    extra: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Rung:
    """One difficulty of a ladder.

    Attributes:
        complexity: On the ladder's measure.
        settings: What the ladder's ``draw`` needs to construct an item of this difficulty.
    """

    complexity: float
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ladder:
    """A generator of items by rung.

    Attributes:
        name: Seeds the draws, with the name of the task: change it, and every item changes.
        measure: What ``complexity`` counts, in a few words: ``dependent steps``.
        rungs: From easy to hard; the first is rung 1.
        draw: Returns an item of a rung. It takes all its randomness from the generator it is given.
        images: Draws the images of a row, as the bytes of PNG files. None: the questions have no images.
        kept_per_rung: Items of each rung in the committed file.
    """

    name: str
    measure: str
    rungs: Sequence[Rung]
    draw: Callable[[Random, Rung], Item]
    images: Callable[[Mapping[str, Any]], Sequence[bytes]] | None = None
    kept_per_rung: int = 8

    def rows(
        self,
        *,
        seed: int = DEFAULT_SEED,
        rungs: Sequence[int] | None = None,
        per_rung: int = DEFAULT_PER_RUNG,
    ) -> list[dict[str, Any]]:
        """Return the rows of a task.

        A row has the columns ``id``, ``rung``, ``complexity``, ``question``, ``answer``, ``slip``, ``solution``, those of
        the item's ``extra``, and ``canary``. With images, ``images`` has them as data URIs, so that a row is complete.

        Args:
            seed: Another seed gives fresh items.
            rungs: Numbers of rungs, from 1. None: all.
            per_rung: Items of each rung: the first so many. An easy rung that has fewer different items gives those.

        Raises:
            ValueError: The ladder has no such rung.
        """
        numbers = range(1, len(self.rungs) + 1) if rungs is None else rungs
        for number in numbers:
            if not 1 <= number <= len(self.rungs):
                raise ValueError(f"{self.name} has no rung {number}; it has rungs 1 to {len(self.rungs)}")
        return [row for number in numbers for row in self._rows_of(number, seed, per_rung)]

    def _rows_of(self, number: int, seed: int, per_rung: int) -> Iterator[dict[str, Any]]:
        rung = self.rungs[number - 1]
        prefix = "" if seed == DEFAULT_SEED else f"s{seed}-"
        seen: set[str] = set()
        redraws = place = 0
        while len(seen) < per_rung and redraws < _MOST_REDRAWS:
            item = self.draw(Random(f"{self.name}/{seed}/{number}/{place}"), rung)  # noqa: S311 - a question
            place += 1
            shown = item.question + json.dumps(item.extra.get("scene"))
            if shown in seen or item.answer == item.slip:
                redraws += 1
                continue
            redraws = 0
            seen.add(shown)
            row = {
                "id": f"{prefix}r{number:02}-{len(seen):04}",
                "rung": number,
                "complexity": rung.complexity if item.complexity is None else item.complexity,
                "question": item.question,
                "answer": item.answer,
                "slip": item.slip,
                "solution": item.solution,
                **item.extra,
                "canary": CANARY,
            }
            if self.images is not None:
                row["images"] = [png_uri(image) for image in self.images(row)]
            yield row


def png_uri(image: bytes) -> str:
    """Return the bytes of a PNG file as text that a row holds."""
    return f"data:image/png;base64,{base64.b64encode(image).decode('ascii')}"
