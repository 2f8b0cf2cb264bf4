"""Writes samples.jsonl from the modules: ``python make_samples.py``; the same bytes every time.

Expected values come from the whole module. Each problem is checked while it is written: at least eight
expressions, and the wrong completion fails one.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from gap import Gap
from modules import MODULES
from more_modules import MORE_MODULES

from tasks.coding.cases import find_differences, make_tests

HERE = Path(__file__).parent


def function_text(gap: Gap, body: str) -> str:
    """Return the missing function with a body, at no indentation."""
    return f"{textwrap.dedent(gap.head)}{textwrap.indent(body.strip(chr(10)), '    ')}\n"


def module_text(gap: Gap, body: str) -> str:
    """Return the module with the function in its place."""
    indent = gap.head[: len(gap.head) - len(gap.head.lstrip())]
    return gap.before + textwrap.indent(function_text(gap, body), indent) + gap.after


def row(number: int, gap: Gap) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    right, wrong = module_text(gap, gap.body), module_text(gap, gap.slip)
    misses = find_differences(right, wrong, gap.cases)
    if len(gap.cases) < 8 or not any(misses):
        raise SystemExit(f"{gap.name}: {len(gap.cases)} cases, slip {misses}")
    indent = gap.head[: len(gap.head) - len(gap.head.lstrip())]
    return {
        "id": f"fill-{number:03}",
        "tier": gap.tier,
        "family": gap.family,
        "name": gap.name,
        "entry_point": gap.entry_point,
        "question": gap.task,
        "prompt": gap.before + gap.head,
        "todo": f"{indent}    ...  # to be written\n",
        "suffix": gap.after,
        "test": make_tests(right, gap.cases),
        "solution": function_text(gap, gap.body),
        "decoy": function_text(gap, gap.slip),
    }


def render() -> str:
    """Return the whole file."""
    rows = [row(number, gap) for number, gap in enumerate([*MODULES, *MORE_MODULES], 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()
