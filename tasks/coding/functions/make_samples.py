"""Writes samples.jsonl from the problems: ``python make_samples.py``; the same bytes every time.

Expected values come from the solution. Each problem is checked while it is written: at least eight
calls, the slip right on the example, and wrong on another call.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from easy import EASY
from hard import HARD
from medium import MEDIUM
from problem import Problem

HERE = Path(__file__).parent


def evaluate_call(function: Any, case: tuple[Any, ...]) -> tuple[str, Any]:
    """Return ("returns", value) or ("raises", name of the exception)."""
    try:
        return "returns", function(*copy.deepcopy(case))
    except Exception as exc:  # noqa: BLE001 - the name is the outcome
        return "raises", type(exc).__name__


def call_text(problem: Problem, case: tuple[Any, ...]) -> str:
    """Return the call as Python text."""
    return f"{problem.entry_point}({', '.join(map(repr, case))})"


def make_call_tests(problem: Problem) -> str:
    """Return the hidden tests: one assertion a call."""
    function = problem.function(problem.body)
    lines = ["def check(candidate):"]
    for case in problem.cases:
        kind, value = evaluate_call(function, case)
        said = call_text(problem, case).replace(problem.entry_point, "candidate", 1)
        if kind == "raises":
            lines += ["    try:", f"        {said}", f"    except {value}:", "        pass", "    else:"]
            lines += [f"        assert False, {f'{call_text(problem, case)} must raise {value}'!r}"]
        else:
            same_type = (
                f" and type(candidate({', '.join(map(repr, case))})) is bool"
                if isinstance(value, bool)
                else ""
            )
            lines.append(f"    assert {said} == {value!r}{same_type}")
    return "\n".join(lines) + "\n"


def row(number: int, problem: Problem) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    right, wrong = problem.function(problem.body), problem.function(problem.slip)
    differ = [evaluate_call(right, case) != evaluate_call(wrong, case) for case in problem.cases]
    if len(problem.cases) < 8 or differ[0] or not any(differ):
        raise SystemExit(f"{problem.entry_point}: {len(problem.cases)} cases, slip differs on {differ}")
    _, example = evaluate_call(right, problem.cases[0])
    question = (
        f"Write a Python function `{problem.signature}` that returns {problem.task}\n\n"
        f"Example: `{call_text(problem, problem.cases[0])}` returns `{example!r}`."
    )
    return {
        "id": f"fn-{number:03}",
        "tier": problem.tier,
        "family": problem.family,
        "entry_point": problem.entry_point,
        "question": question,
        "test": make_call_tests(problem),
        "solution": problem.code(problem.body),
        "decoy": problem.code(problem.slip),
    }


def render() -> str:
    """Return the whole file."""
    rows = [row(number, problem) for number, problem in enumerate([*EASY, *MEDIUM, *HARD], 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()
