"""Scores a reply by the name of its scorer."""

from __future__ import annotations

from typing import Any

from gapbench.scoring import make_scorer
from gapbench.values import Sample, Score

COLOURS = {"options": ["red", "dark red", "blue", "green"]}
HUMANEVAL = {
    "task_id": "Demo/0",
    "prompt": 'from typing import List\n\ndef twice(x: int) -> int:\n    """Helper."""\n    return 2 * x\n\ndef total(xs: List[int]) -> int:\n    """Sum of doubled items.\n    >>> total([1, 2])\n    6\n    """\n',
    "entry_point": "total",
    "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate([1, 2]) == 6\n    assert candidate([]) == 0\n    assert candidate([5]) == twice(5)\n",
}


def score(name: str, reply: str, target: Any, columns: dict[str, Any] | None = None, **options: Any) -> Score:
    return make_scorer(name, options)(reply, Sample("s", (), target=target, columns=columns or {}))
