"""Writes samples.jsonl from the sources: ``python make_samples.py``; the same bytes every time.

Expected values come from the Python solution. ``--node`` runs the JavaScript sources too and holds their results
against the Python ones; it needs Node.js and changes nothing. Each problem is checked while it is written:
at least eight calls, and the word-for-word translation is wrong on one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from javascript import JAVASCRIPT
from source import LANGUAGES, Source
from stack import STACK

from tasks.coding.cases import evaluate_expression, find_differences, make_tests, program_namespace

HERE = Path(__file__).parent


def call_texts(source: Source) -> list[str]:
    """Return the calls as Python."""
    return [f"{source.name}({', '.join(map(repr, case))})" for case in source.cases]


def row(number: int, source: Source) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    solution, decoy = source.solution.lstrip("\n"), source.decoy.lstrip("\n")
    misses = find_differences(solution, decoy, call_texts(source))
    if len(source.cases) < 8 or not any(misses):
        raise SystemExit(f"{source.name}: {len(source.cases)} cases, decoy {misses}")
    language, fence, words = LANGUAGES[source.family]
    return {
        "id": f"tr-{number:03}",
        "tier": source.tier,
        "family": source.family,
        "language": language,
        "fence": fence,
        "entry_point": source.name,
        "signature": source.signature,
        "question": f"{words}{source.task}".strip(),
        "source": source.text.lstrip("\n"),
        "test": make_tests(solution, call_texts(source)),
        "solution": solution,
        "decoy": decoy,
    }


def render() -> str:
    """Return the whole file."""
    rows = [row(number, source) for number, source in enumerate([*JAVASCRIPT, *STACK], 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows)


def disagreements() -> list[str]:
    """Return the calls for which Node.js gives something else than the Python solution; texts and numbers by JSON."""
    said = []
    for source in JAVASCRIPT:
        given = json.dumps([list(case) for case in source.cases])
        script = f"{source.text}\nfor (const a of {given}) console.log(JSON.stringify({source.script_name}(...a) ?? null));"
        done = subprocess.run(
            [shutil.which("node") or "node", "-e", script], capture_output=True, text=True, check=True
        )
        space = program_namespace(source.solution)
        for call, line in zip(call_texts(source), done.stdout.splitlines(), strict=True):
            wanted = json.loads(json.dumps(evaluate_expression(space, call)[1]))
            if json.loads(line) != wanted:
                said.append(f"{call}: node {line}, python {wanted!r}")
    return said


def main() -> None:
    """Write the file, or hold the sources against Node.js."""
    if "--node" in sys.argv:
        print("\n".join(disagreements()) or "node agrees")
        return
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()
