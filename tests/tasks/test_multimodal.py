"""The picture ladders: enough images at three resolutions, the same bytes again, and pictures that show their scene."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.image_reader import read_image
from gapbench.suite.tasks.ladder_file import load_ladder
from scripts.make_ladders import image_names, kept_rows
from tests.tasks.ladders.audit import ladder_names
from tests.tasks.written import ROOT, task

NAMES = [name for name in ladder_names() if name.startswith("multimodal/")]
KINDS = {"charts", "plots", "documents", "diagrams", "spatial", "compare", "forms", "dashboards"}
SAME_ZLIBS = ("1.2.13", "1.3.2")
"""Versions of zlib that were measured to pack the pixels into the committed bytes; another one may pack them otherwise."""


def committed(name: str) -> list[dict[str, Any]]:
    """Return the rows of a task's samples.jsonl."""
    return [json.loads(line) for line in (ROOT / name / "samples.jsonl").read_text().splitlines()]


def ladder_of(name: str) -> Any:
    return load_ladder(builtin_folder() / name / "ladder.py")


def canvas() -> Any:
    """Return the module that draws, as the ladders import it."""
    import gapbench.builtin_tasks.multimodal.canvas as module  # type: ignore[import-not-found]

    return module


def test_there_are_400_images_below_12_mb() -> None:
    """Eight ladders; all images together are small enough to be kept in the repository."""
    sizes = [file.stat().st_size for name in NAMES for file in (ROOT / name / "images").iterdir()]

    assert {name.partition("/")[2] for name in NAMES} == KINDS
    assert len(sizes) >= 400
    assert sum(sizes) < 12_000_000
    assert max(sizes) < 120_000


@pytest.mark.parametrize("name", NAMES)
def test_images_have_three_resolutions(name: str) -> None:
    """Each ladder draws a share of a fifth or more at 1, 2 and 3 pixels a unit."""
    scales = [row["scale"] for row in committed(name)]

    assert set(scales) == {1, 2, 3}
    assert min(scales.count(scale) for scale in (1, 2, 3)) * 5 >= len(scales)


@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_named_once(name: str) -> None:
    """No image is left over, none is missing, and rows do not repeat the scene."""
    rows = committed(name)
    named = [file for row in rows for file in row["images"]]

    assert sorted(named) == sorted(f"images/{file.name}" for file in (ROOT / name / "images").iterdir())
    assert [row["id"] for row in rows if "scene" in row] == []


@pytest.mark.parametrize("name", NAMES)
def test_drawing_again_gives_the_committed_images(name: str) -> None:
    """To the byte, one item of each rung; ``scripts/make_ladders.py`` draws them all again."""
    ladder = ladder_of(name)
    for row in {row["rung"]: row for row in kept_rows(name)}.values():
        for file, image in zip(image_names(row), ladder.images(row), strict=True):
            kept = (ROOT / name / file).read_bytes()
            if features.version("zlib") in SAME_ZLIBS:
                assert image == kept, file
            assert Image.open(io.BytesIO(image)).tobytes() == Image.open(io.BytesIO(kept)).tobytes(), file


def test_the_oldest_and_the_newest_python_draw_the_committed_bytes() -> None:
    """All rows and images, and the same items of another seed: benchmarks/results/ladder_bytes.json."""
    measured = json.loads((ROOT.parent / "benchmarks/results/ladder_bytes.json").read_text("utf-8"))
    images = sum(1 for name in NAMES for _ in (ROOT / name / "images").iterdir())

    assert {"3.11", "3.14"} <= {version.rpartition(".")[0] for version in measured}
    for entry in measured.values():
        assert (images, images) == (entry["images"], entry["same_bytes"])
        assert [] == entry["files_of_rows_that_differ"]
    assert 1 == len({entry["sha256_of_seed_2027"] for entry in measured.values()})
    assert set(SAME_ZLIBS) >= {entry["zlib"] for entry in measured.values()}


@pytest.mark.parametrize("name", NAMES)
def test_an_item_of_another_seed_holds_its_images(name: str) -> None:
    """As data URIs, of the size of the page times the scale."""
    (row,) = ladder_of(name).rows(seed=2027, rungs=[3], per_rung=1)

    for page, uri in zip(row["scene"], row["images"], strict=True):
        kind, data = read_image(uri, ROOT)
        assert kind == "image/png"
        size = (page["width"] * row["scale"], page["height"] * row["scale"])
        assert Image.open(io.BytesIO(data)).size == size


@pytest.mark.parametrize("name", NAMES)
def test_prompts_carry_the_images_in_order(name: str) -> None:
    """As bytes of the files named."""
    rows = {row["id"]: row for row in committed(name)}
    for sample in task(name).samples[::7]:
        files = rows[sample.sample_id]["images"]
        sent = [image.data for image in sample.messages[-1].images]
        assert [(ROOT / name / file).read_bytes() for file in files] == sent


def pages(name: str) -> list[tuple[int, dict[str, Any], Any]]:
    """Return scale, page and pixels of an item of three rungs."""
    ladder = replace(ladder_of(name), images=None)
    rows = ladder.rows(seed=31, rungs=[1, 7, len(ladder.rungs)], per_rung=1)
    drawn = [(row["scale"], page) for row in rows for page in row["scene"]]
    return [(scale, page, np.asarray(canvas().draw_page(page, scale))) for scale, page in drawn]


@pytest.mark.parametrize("name", NAMES)
def test_all_words_can_be_read(name: str) -> None:
    """Each pixel of printed words shows: nothing is drawn over them, and no words touch other words."""
    for scale, page, pixels in pages(name):
        boxes = []
        for _, x, y, words, size, color, anchor in (mark for mark in page["marks"] if mark[0] == "text"):
            left, top = canvas().text_corner(x, y, size, scale)
            ink = np.asarray(canvas().text_mask(words, size * scale, anchor)) > 0
            shown = pixels[top : top + ink.shape[0], left : left + ink.shape[1]]
            assert shown.shape == ink.shape, words
            assert (shown[ink] == list(canvas().COLORS).index(color)).all(), words
            boxes.append((x, y - 4 * size, x + 6 * size * len(words), y + 4 * size))
        for a, b in combinations(boxes, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("name", NAMES)
def test_all_areas_show_their_color(name: str) -> None:
    """A box, disc or shape shows its color on a third of its frame or more, and is inside the page."""
    for scale, page, pixels in pages(name):
        for mark in page["marks"]:
            if mark[0] == "box":
                x0, y0, x1, y1, fill = mark[1:6]
            elif mark[0] == "disc":
                x, y, radius, fill = mark[1:5]
                x0, y0, x1, y1 = x - radius, y - radius, x + radius, y + radius
            elif mark[0] == "shape":
                points, fill = mark[1:3]
                x0, y0, x1, y1 = min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
            else:
                continue
            assert x0 >= 0
            assert y0 >= 0
            assert x1 < page["width"]
            assert y1 < page["height"]
            inside = pixels[y0 * scale + 1 : y1 * scale, x0 * scale + 1 : x1 * scale]
            if inside.size:
                assert (inside == list(canvas().COLORS).index(fill)).mean() > 0.3, mark


def reach(points: list[int]) -> int:
    """Return how wide or high a line is; a mark may hide a short tick."""
    return max(max(points[::2]) - min(points[::2]), max(points[1::2]) - min(points[1::2]))


@pytest.mark.parametrize("name", NAMES)
def test_lines_and_ink_show(name: str) -> None:
    """Half of the points of a line or more show its color, those behind bars apart; written strokes stay on the page."""
    from gapbench.builtin_tasks.multimodal.handwriting import strokes  # type: ignore[import-not-found]

    for scale, page, pixels in pages(name):
        for mark in page["marks"]:
            if mark[0] == "ink":
                _, x, y, words, size, seed, color = mark
                lines = strokes(x * scale, y * scale, words, size * scale, seed)
                points = [point for line in lines for point in line]
            elif mark[0] == "line" and mark[2] not in ("gray", "light") and reach(mark[1]) > 10:
                color, ends = mark[2], [part * scale for part in mark[1]]
                pairs = list(zip(ends[::2], ends[1::2], strict=True))
                points = [
                    (round(a[0] + (b[0] - a[0]) * k / 8), round(a[1] + (b[1] - a[1]) * k / 8))
                    for a, b in pairwise(pairs)
                    for k in range(1, 8)
                ]
            else:
                continue
            index = list(canvas().COLORS).index(color)
            near = [pixels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] == index for x, y in points]
            assert sum(bool(part.any()) for part in near) * 2 > len(near), mark
