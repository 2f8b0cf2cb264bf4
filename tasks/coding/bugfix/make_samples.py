"""Writes samples.jsonl from the bugs: ``python make_samples.py``; the same bytes every time.

Expected values come from the right module. Each problem is checked while it is written: at least eight
expressions, the broken module fails the shown one, and the wrong fix fails some other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bugs import BUGS
from more_bugs import MORE_BUGS
from problem import Bug

from tasks.coding.cases import (
    evaluate_expression,
    find_differences,
    make_tests,
    program_namespace,
    replace_once,
)

HERE = Path(__file__).parent


def describe_outcome(code: str, expression: str) -> str:
    """Return what an expression gives, in words."""
    kind, value = evaluate_expression(program_namespace(code), expression)
    return repr(value) if kind == "returns" else f"{value} raised"


def row(number: int, bug: Bug) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    code = bug.code.lstrip("\n")
    broken, decoy = replace_once(code, *bug.bug), replace_once(code, *bug.slip)
    breaks, misses = find_differences(code, broken, bug.cases), find_differences(code, decoy, bug.cases)
    if len(bug.cases) < 8 or not breaks[0] or misses[0] or not any(misses):
        raise SystemExit(f"{bug.entry_point}: {len(bug.cases)} cases, broken {breaks}, slip {misses}")
    shown = bug.cases[0]
    return {
        "id": f"fix-{number:03}",
        "tier": bug.tier,
        "family": bug.family,
        "entry_point": bug.entry_point,
        "question": bug.task,
        "code": broken,
        "failure": f"{shown}\nexpected: {describe_outcome(code, shown)}\nfound:    {describe_outcome(broken, shown)}",
        "test": make_tests(code, bug.cases),
        "solution": code,
        "decoy": decoy,
    }


def render() -> str:
    """Return the whole file."""
    rows = [row(number, bug) for number, bug in enumerate([*BUGS, *MORE_BUGS], 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()
