"""Importers of other packages: the example in docs/extending, and entry points that are at fault."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.store.importers.registry import find_importer, iter_importers, read_logs

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "extending" / "importer.md"
EXAMPLE = ROOT / "docs" / "extending" / "examples" / "bench-csvlog"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, on sys.path for the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("bench_csvlog", None)


def install(site: Path, entry_points: dict[str, str]) -> None:
    """Install the example as an installer does, with other entry points if given."""
    (site / "bench_csvlog.py").write_text((EXAMPLE / "bench_csvlog.py").read_text(encoding="utf-8"))
    info = site / "bench_csvlog-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-csvlog\nVersion: 1\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[bench.importers]\n{lines}")


def test_the_page_shows_the_example() -> None:
    """Each file of the example is on the page, unchanged."""
    page = PAGE.read_text(encoding="utf-8")
    for file in ("pyproject.toml", "bench_csvlog.py"):
        assert (EXAMPLE / file).read_text(encoding="utf-8").strip() in page


def test_the_example_reads_a_log(site: Path, tmp_path: Path) -> None:
    """Two models of one file, found in a folder by its pattern."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(site, project["entry-points"]["bench.importers"])
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.csvlog").write_text(
        "model,task,id,prompt,reply,score\nm,sums,1,1 + 1?,2,1\nm,sums,2,1 + 2?,4,0\nn,sums,1,1 + 1?,2,1\n"
    )

    assert [("m", ["correct", "wrong"]), ("n", ["correct"])] == [
        (log.model, [item.outcome for item in log.items]) for log in read_logs(logs, None, None)
    ]


def test_built_in_importers_are_found_by_their_place() -> None:
    """One module of formats/ each."""
    assert {"helm", "inspect", "lm-eval"} <= {importer.name for importer in iter_importers()}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:IMPORTER", "cannot import no_such_module:IMPORTER: ModuleNotFoundError"),
        ("bench_csvlog:read_csv_log", "is function; it must be a .*LogImporter"),
    ],
)
def test_an_importer_that_cannot_be_used_names_its_package(
    site: Path, tmp_path: Path, value: str, said: str
) -> None:
    """A file that a built-in importer knows is still read."""
    install(site, {"csvlog": value})
    with pytest.raises(SetupError, match=f"importer 'csvlog' of package bench-csvlog: .*{said}"):
        list(iter_importers())
    assert "lm-eval" == find_importer(tmp_path / "samples_x.jsonl").name


def test_an_unknown_file_is_told_the_importers(tmp_path: Path) -> None:
    """With the files that each reads."""
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"no importer knows this file; there are: helm \(per_inst.*lm-eval"):
        find_importer(tmp_path / "a.json")
