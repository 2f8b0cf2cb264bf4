"""Replies of tests/cases, each with the outcome that a person gives it.

``numbers.json`` has the replies of public bug reports, ``number_readings.jsonl`` has 800 hand-written ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample, Score

FOLDER = Path(__file__).parents[2] / "cases"
REPORTED: list[dict[str, Any]] = json.loads((FOLDER / "numbers.json").read_text(encoding="utf-8"))
WRITTEN: list[dict[str, Any]] = [
    json.loads(line) for line in (FOLDER / "number_readings.jsonl").read_text(encoding="utf-8").splitlines()
]


def score(case: dict[str, Any]) -> Score:
    return make_scorer(case["scorer"], {})(case["reply"], Sample("s", (), target=case["target"]))


@pytest.mark.parametrize("case", REPORTED, ids=lambda case: f"{case['case']}: {case['reply']}")
def test_a_reported_reply_is_scored_as_a_person_would(case: dict[str, Any]) -> None:
    """An answer with its reason, tiny and huge numbers, and numbers as people write them."""
    found = score(case)

    assert case["outcome"] == found.outcome, found


@pytest.mark.parametrize("scorer", ["numeric", "math"])
def test_hand_written_replies_are_scored_as_a_person_would(scorer: str) -> None:
    """The outcome ``not`` leaves open whether the reply is wrong or unparsed: it is not correct."""
    misread = []
    for case in WRITTEN:
        if case["scorer"] == scorer:
            found = score(case)
            is_right = (
                found.outcome != "correct" if case["outcome"] == "not" else found.outcome == case["outcome"]
            )
            misread += [] if is_right else [(case["target"], case["reply"], found.outcome, found.reason)]

    assert [] == misread
