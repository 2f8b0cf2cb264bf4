"""What the scripts that draw images share: a picture question, its row, and the files made of many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tasks.multimodal.canvas import HEIGHT, WIDTH, Canvas


class Picture(NamedTuple):
    """One or more drawn images with a question, its answer, a near miss, and how hard it is."""

    canvases: tuple[Canvas, ...]
    question: str
    answer: str | int
    slip: str | int
    tier: str


PictureKind = Callable[[Random, int], Picture]


def generate_pictures(
    task: str, kinds: tuple[PictureKind, ...], per_kind: int
) -> Iterator[tuple[str, str, Picture]]:
    """Yield (id, kind, picture) of every sample, each drawn from a generator of its own."""
    for kind in kinds:
        name = kind.__name__
        for number in range(per_kind):
            yield f"{name}-{number + 1:02}", name, kind(Random(f"{task}/{name}/{number}/1"), number)


def image_names(sample_id: str, picture: Picture) -> list[str]:
    """Return the names of a sample's images, in order."""
    many = len(picture.canvases) > 1
    return [f"images/{sample_id}{'abc'[k] if many else ''}.png" for k in range(len(picture.canvases))]


def picture_row(sample_id: str, kind: str, picture: Picture) -> str:
    """Return one line of samples.jsonl."""
    if str(picture.answer) == str(picture.slip):
        raise SystemExit(f"{sample_id}: the slip is the answer, {picture.answer}")
    names = image_names(sample_id, picture)
    # A sample of two images says "" for the third: a template names the same columns in every row.
    several = dict(zip(("image_a", "image_b", "image_c"), [*names, ""], strict=False))
    images: dict[str, Any] = {"image": names[0]} if len(names) == 1 else several
    line = {
        "id": sample_id,
        "kind": kind,
        "tier": picture.tier,
        **images,
        "width": WIDTH,
        "height": HEIGHT,
        "question": picture.question,
        "answer": picture.answer,
        "slip": picture.slip,
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


def write_picture_samples(folder: Path, task: str, kinds: tuple[PictureKind, ...], per_kind: int) -> None:
    """Write the images and samples.jsonl."""
    (folder / "images").mkdir(exist_ok=True)
    lines, count = [], 0
    for sample_id, kind, picture in generate_pictures(task, kinds, per_kind):
        for name, canvas in zip(image_names(sample_id, picture), picture.canvases, strict=True):
            canvas.save(folder / name)
            count += 1
        lines.append(picture_row(sample_id, kind, picture))
    (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {len(lines)} items over {count} images of {WIDTH} x {HEIGHT}")
