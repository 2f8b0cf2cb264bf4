"""Write samples.jsonl of the built-in ladders: ``python scripts/make_ladders.py [category/name …]``.

Each file is the first items of every rung with the first seed; the same bytes every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.ladder_file import load_ladder


def find_ladders() -> list[str]:
    """Return the names of the built-in tasks that are ladders and keep their items in a file."""
    root = builtin_folder()
    return sorted(
        file.parent.relative_to(root).as_posix()
        for file in root.glob("*/*/ladder.py")
        if (file.parent / "samples.jsonl").exists()
    )


def render(name: str) -> str:
    """Return the content of a task's samples.jsonl."""
    rows = load_ladder(builtin_folder() / name / "ladder.py").rows()
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main(names: list[str]) -> None:
    """Write the files of the named tasks, or of all."""
    for name in names or find_ladders():
        text = render(name)
        file: Path = builtin_folder() / name / "samples.jsonl"
        file.write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {text.count(chr(10))} items")


if __name__ == "__main__":
    main(sys.argv[1:])
