"""The cases of tests/cases/numbers.json: replies of public bug reports, each with the outcome that a person gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "cases" / "numbers.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']}: {case['reply']}")
def test_a_reported_reply_is_scored_as_a_person_would(case: dict[str, Any]) -> None:
    """An answer with its reason, tiny and huge numbers, and numbers as people write them."""
    found = make_scorer(case["scorer"], {})(case["reply"], Sample("s", (), target=case["target"]))

    assert case["outcome"] == found.outcome, found
