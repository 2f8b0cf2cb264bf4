"""Write samples.jsonl of the built-in ladders: ``python scripts/make_ladders.py [category/name …]``.

Each file is the first items of every rung with the first seed; the same bytes every time. Images are files in
``images/`` beside it, named by the row's id; the column ``scene``, what was drawn, is left out.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    return "".join(line_of(row) for row in kept_rows(name))


def kept_rows(name: str) -> list[dict[str, Any]]:
    """Return the rows that a task keeps, before their images are drawn."""
    ladder = load_ladder(builtin_folder() / name / "ladder.py")
    return replace(ladder, images=None).rows(per_rung=ladder.kept_per_rung)


def line_of(row: Mapping[str, Any]) -> str:
    """Return a row's line of samples.jsonl."""
    kept = {key: value for key, value in row.items() if key != "scene"}
    if "scene" in row:
        kept["images"] = image_names(row)
    return json.dumps(kept, ensure_ascii=False) + "\n"


def image_names(row: Mapping[str, Any]) -> list[str]:
    """Return the names of a row's images, in order; none for a ladder without images."""
    count = len(row.get("scene", ()))
    return [f"images/{row['id']}{f'-{k + 1}' if count > 1 else ''}.png" for k in range(count)]


def write_images(name: str) -> int:
    """Write the images of a task, remove those that are no longer named, and return their number."""
    ladder = load_ladder(builtin_folder() / name / "ladder.py")
    if ladder.images is None:
        return 0
    folder = builtin_folder() / name
    shutil.rmtree(folder / "images", ignore_errors=True)
    (folder / "images").mkdir()
    count = 0
    for row in kept_rows(name):
        for file, image in zip(image_names(row), ladder.images(row), strict=True):
            (folder / file).write_bytes(image)
            count += 1
    return count


def main(names: list[str]) -> None:
    """Write the files of the named tasks, or of all."""
    for name in names or find_ladders():
        text = render(name)
        file: Path = builtin_folder() / name / "samples.jsonl"
        file.write_text(text, encoding="utf-8", newline="\n")
        images = write_images(name)
        print(f"{name}: {text.count(chr(10))} items{f', {images} images' if images else ''}")


if __name__ == "__main__":
    main(sys.argv[1:])
