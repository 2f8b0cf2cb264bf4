"""The multimodal tasks: enough images, small, the same pixels again, and answers that hold."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

import tasks
from harness.scoring import make
from harness.task import Task, builtin_tasks, find_builtin, load_task, read_task

ROOT = Path(tasks.__path__[0])
NAMES = [name for name in builtin_tasks() if name.startswith("multimodal/")]
DRAWN = [
    name for name in NAMES if name != "multimodal/charts"
]  # charts has its own test beside the first tasks


def task(name: str) -> Task:
    document, source = read_task(find_builtin(name))
    return load_task(document, source, None)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / name / "make_samples.py"))


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
def test_references_score_1_and_decoys_0(name: str) -> None:
    """By the task's own scorer; a decoy is wrong, not unparsed."""
    found = task(name)
    assert found.scorer_name is not None
    scorer = make(found.scorer_name, found.scorer_options)

    assert [] == [s.sample_id for s in found.samples if scorer(s.reference or "", s).value != 1]
    assert [] == [
        s.sample_id
        for s in found.samples
        if (x := scorer(s.decoy or "", s)).value != 0 or x.outcome != "wrong"
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_tiers_clusters_and_licence(name: str) -> None:
    """Three tiers of a sixth or more, three kinds or more, Apache-2.0."""
    found = task(name)
    tiers = Counter(sample.tags[0] for sample in found.samples)

    assert {"easy", "medium", "hard"} == set(tiers)
    assert min(tiers.values()) * 6 >= len(found.samples)
    assert len({sample.cluster_id for sample in found.samples}) >= 3
    assert "Apache-2.0" == found.license


@pytest.mark.parametrize("name", DRAWN)
def test_script_gives_the_committed_pixels_and_rows(name: str) -> None:
    """Drawing again gives every image to the pixel and samples.jsonl to the byte; no image is left over."""
    from tasks.multimodal import pictures

    lines, files = [], set()
    for sample_id, kind, picture in script(name)["items"]():
        lines.append(pictures.row(sample_id, kind, picture))
        for file, canvas in zip(pictures.file_names(sample_id, picture), picture.canvases, strict=True):
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
