"""Text recognition with rules: it reads the pictures' words, its rules are right about words, and pictures are more."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks.ocr_baseline import READING, RESULT, RULES, Word, recognize, rows_of
from scripts.make_ladders import kept_rows
from tests.tasks.ladders.scenes import texts
from tests.tasks.written import ROOT

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs tesseract")


@pytest.mark.parametrize("name", ["multimodal/documents", "multimodal/compare", "multimodal/dashboards"])
def test_rules_answer_from_the_words_as_printed(name: str) -> None:
    """On the first two rungs, all that tesseract could do wrong is to misread."""
    for row in [row for row in kept_rows(name) if row["rung"] <= 2]:
        pages = [
            [Word(part, text.x, text.y) for text in texts(row, page=page) for part in text.words.split()]
            for page in range(len(row["scene"]))
        ]
        assert RULES[name](row["question"], pages) == row["answer"], row["id"]


@needs_tesseract
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_tesseract_reads_the_number_that_is_asked_for(place: int) -> None:
    """A document of the first rung shows its order's units to a program that sees only pixels, at each resolution."""
    name = "multimodal/documents"
    row = rows_of(name)[place]
    image = (ROOT / name / row["images"][0]).read_bytes()
    words = recognize(image, row["scale"], *READING[name])

    assert str(row["answer"]) in [word.words for word in words], row["scale"]


@needs_tesseract
def test_tesseract_sees_no_bars() -> None:
    """A chart of the last rung has no answer in its words."""
    name = "multimodal/charts"
    row = rows_of(name)[-1]
    image = (ROOT / name / row["images"][0]).read_bytes()
    words = recognize(image, row["scale"], *READING[name])

    assert RULES[name](row["question"], [words]) != row["answer"]


@pytest.mark.parametrize("name", RULES)
def test_each_ladder_is_measured(name: str) -> None:
    """Over three committed items or more of each rung, in benchmarks/results/ocr_baseline.json."""
    measured = json.loads(RESULT.read_text())[name]

    assert measured["items"] >= 3 * len({row["rung"] for row in rows_of(name)})
    assert len(measured["right_by_rung"]) == len({row["rung"] for row in rows_of(name)})


@pytest.mark.parametrize("name", RULES)
def test_the_measured_share_on_the_upper_half_is_below_60_percent(name: str) -> None:
    """In each ladder."""
    assert json.loads(RESULT.read_text())[name]["share_right_on_the_upper_half"] < 0.6
