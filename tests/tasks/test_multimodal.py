"""The multimodal tasks: enough images, small, the same pixels again, and answers that hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from gapbench.suite.tasks.loader import builtin_tasks
from tests.tasks.written import ROOT, script, task

NAMES = [name for name in builtin_tasks() if name.startswith("multimodal/")]
DRAWN = [
    name for name in NAMES if name != "multimodal/charts"
]  # charts has its own test beside the first tasks


def test_there_are_200_images_below_3_mb() -> None:
    """Over charts and plots, documents, diagrams, places and comparisons; none above 12 kB."""
    sizes = [file.stat().st_size for name in NAMES for file in (ROOT / name / "images").iterdir()]

    assert {"charts", "plots", "documents", "diagrams", "spatial", "compare"} == {
        n.partition("/")[2] for n in NAMES
    }
    assert len(sizes) >= 200
    assert sum(sizes) < 3_000_000
    assert max(sizes) < 12_000


@pytest.mark.parametrize("name", DRAWN)
def test_script_gives_the_committed_pixels_and_rows(name: str) -> None:
    """Drawing again gives every image to the pixel and samples.jsonl to the byte; no image is left over."""
    from tasks.multimodal import pictures

    lines, files = [], set()
    for sample_id, kind, picture in script(name)["items"]():
        lines.append(pictures.picture_row(sample_id, kind, picture))
        for file, canvas in zip(pictures.image_names(sample_id, picture), picture.canvases, strict=True):
            files.add(Path(file).name)
            with Image.open(ROOT / name / file) as image:
                drawn = canvas.palette().convert("RGB")
                assert ImageChops.difference(image.convert("RGB"), drawn).getbbox() is None, file
    assert "".join(lines) == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")
    assert files == {file.name for file in (ROOT / name / "images").iterdir()}


def test_questions_over_several_images_carry_them_in_order() -> None:
    """Two or three images, as bytes of the files named."""
    folder = ROOT / "multimodal/compare"
    rows = {row["id"]: row for row in map(json.loads, (folder / "samples.jsonl").read_text().splitlines())}
    for sample in task("multimodal/compare").samples:
        row = rows[sample.sample_id]
        named = [row[key] for key in ("image_a", "image_b", "image_c") if row[key]]
        assert len(named) >= 2
        assert [(folder / name).read_bytes() for name in named] == [
            image.data for image in sample.messages[-1].images
        ]
