"""The static folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.view.cache import ViewCache
from gapbench.view.export import BLOCK_ITEMS, export_view
from gapbench.view.page_files import page_script
from tests.gapbench.view.test_samples import write_texts_run
from tests.run_folders import make_answers, make_attempt, write_run

HOSTILE = "</script><script>alert(1)</script>\u2028<!--"


def data(folder: Path, name: str) -> Any:
    """Return what a data file hands to the page."""
    text = (folder / "data" / f"{name}.js").read_text(encoding="utf-8")
    given = re.fullmatch(r'gapbenchData\("([^"]+)", (".*")\);\n', text)
    assert given is not None
    assert name == given[1]
    return json.loads(json.loads(given[2]))


def test_every_run_is_exported(tmp_path: Path) -> None:
    """With figures, samples and texts in blocks."""
    count = BLOCK_ITEMS + 1
    write_texts_run(
        tmp_path / "results" / "run-1", make_answers("closed-a", 1, count), [f"t{n}" for n in range(count)]
    )
    written = export_view(
        [tmp_path / "results"], "title", tmp_path / "site", 1000, ViewCache(tmp_path / "cache")
    )

    assert 1 == written
    assert 1 / count == pytest.approx(
        data(tmp_path / "site", "runs")["runs"][0]["figures"]["models"][0]["accuracy"]
    )
    assert count == len(data(tmp_path / "site", "run-0000")["samples"]["rows"])
    (last,) = data(tmp_path / "site", "run-0000-block-1")
    assert f"t{BLOCK_ITEMS}" == last["answers"][0]["reply"]


def test_no_more_samples_than_asked_for(tmp_path: Path) -> None:
    """The page says how many there are."""
    write_run(tmp_path / "results" / "run-1", make_answers("closed-a", 1, 5))
    export_view([tmp_path / "results"], "title", tmp_path / "site", 2, ViewCache(tmp_path / "cache"))
    samples = data(tmp_path / "site", "run-0000")["samples"]

    assert (2, 5) == (len(samples["rows"]), samples["of"])


def test_a_hostile_answer_cannot_end_the_script(tmp_path: Path) -> None:
    """Markup and line separators are escaped, and come back as they were."""
    write_texts_run(tmp_path / "results" / "run-1", [make_attempt()], [HOSTILE])
    export_view([tmp_path / "results"], HOSTILE, tmp_path / "site", 10, ViewCache(tmp_path / "cache"))

    for path in (tmp_path / "site" / "data").iterdir():
        assert "<" not in path.read_text(encoding="utf-8")
    assert HOSTILE == data(tmp_path / "site", "run-0000-block-0")[0]["answers"][0]["reply"]


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    """Nothing of the reader's is replaced."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine").write_text("keep")

    with pytest.raises(InputError, match="not empty"):
        export_view([tmp_path], "title", tmp_path / "site", 10, ViewCache(tmp_path / "cache"))


def test_the_script_has_every_module_and_no_import() -> None:
    """Each module of the page but those that import nothing else is in it once."""
    static = Path(__file__).parents[3] / "harness" / "gapbench" / "view" / "static"
    script = page_script(exported=True)

    for path in static.glob("*.js"):
        assert 1 == script.count(f"// {path.name}\n"), path.name
    assert re.search(r"^(import|export) ", script, re.MULTILINE) is None
