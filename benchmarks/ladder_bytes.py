"""Whether this Python and this Pillow draw the committed items to the byte: ``python -m benchmarks.ladder_bytes``.

Every committed row and image of the built-in ladders is drawn again and compared, and the items of another seed are
hashed, so that two Pythons can be compared on what no file holds. Run it with each Python that is supported; the entry of
a version replaces that of an earlier run in benchmarks/results/ladder_bytes.json. The exit status is 1 if something differs.
A Python that the machine lacks can be unpacked from the packages of another Debian release, with their libc, and started
by their dynamic loader; ``pip install --target`` with ``--python-version`` gives it the packages of requirements/run.txt.
"""

from __future__ import annotations

import io
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, features

from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.generated_rows import generate_rows
from gapbench.suite.tasks.ladder_file import load_ladder
from gapbench.values import canonical_json, sha256
from scripts.make_ladders import find_ladders, image_names, kept_rows, render

RESULT = Path(__file__).parent / "results" / "ladder_bytes.json"
OTHER_SEED = 2027


def compare_images(name: str) -> dict[str, int]:
    """Return how many images of a ladder there are, are the same bytes, and show the same pixels."""
    folder = builtin_folder() / name
    ladder = load_ladder(folder / "ladder.py")
    counts = {"images": 0, "same_bytes": 0, "same_pixels": 0}
    if ladder.images is None:
        return counts
    for row in kept_rows(name):
        for file, image in zip(image_names(row), ladder.images(row), strict=True):
            kept = (folder / file).read_bytes()
            shown = [Image.open(io.BytesIO(one)).tobytes() for one in (image, kept)]
            counts["images"] += 1
            counts["same_bytes"] += image == kept
            counts["same_pixels"] += shown[0] == shown[1]
    return counts


def hash_other_seed() -> str:
    """Return a hash of two items of each rung of every ladder for another seed, and of the repositories of that seed."""
    root = builtin_folder()
    # What an image shows is in the row's scene.
    drawn: list[Any] = [
        replace(load_ladder(file), images=None).rows(seed=OTHER_SEED, per_rung=2)
        for file in sorted(root.glob("*/*/ladder.py"))
    ]
    drawn.append(generate_rows(root / "coding" / "repo_change" / "rows.py", {"seed": OTHER_SEED}, None)[1])
    return sha256(canonical_json(drawn))


def main() -> int:
    """Compare, and keep the counts."""
    root = builtin_folder()
    texts = {
        name: render(name) == (root / name / "samples.jsonl").read_text("utf-8") for name in find_ladders()
    }
    images = [compare_images(name) for name in texts]
    entry = {
        "pillow": PIL.__version__,
        "zlib": features.version("zlib"),
        "files_of_rows": len(texts),
        "files_of_rows_that_differ": [name for name, same in texts.items() if not same],
        **{key: sum(one[key] for one in images) for key in images[0]},
        f"sha256_of_seed_{OTHER_SEED}": hash_other_seed(),
    }
    found = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    found[platform.python_version()] = entry
    RESULT.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")
    print(platform.python_version(), entry)
    same = entry["same_bytes"] == entry["images"] and not entry["files_of_rows_that_differ"]
    return 0 if same and len({one[f"sha256_of_seed_{OTHER_SEED}"] for one in found.values()}) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
