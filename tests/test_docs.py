"""What can drift is generated, and held against what it tells of."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from gapbench.cli import invoke

ROOT = Path(__file__).parents[1]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_fresh() -> None:
    """`make docs` writes them anew."""
    made = generator()
    texts = [document.read_text(encoding="utf-8") for document in made.DOCUMENTS]

    stale = [path.name for path, text in zip(made.DOCUMENTS, texts, strict=True) if made.fresh(text) != text]
    assert stale == [], "run `make docs`"
    assert set(made.PARTS) == set(re.findall(r"<!-- generated: (\S+) -->", "".join(texts)))


def test_links_within_the_documents_lead_somewhere() -> None:
    """Files and pictures that are named exist."""
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.parametrize("name", ["README.md", "docs/design.md", "CHANGELOG.md"])
def test_targets_named_in_the_documents_exist(name: str) -> None:
    """`make x` in a document is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")

    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_every_floor_of_the_design_is_a_module() -> None:
    """docs/design.md names what there is."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:harness|runners)/[a-z_/]+(?:\.py)?)`", text):
        assert (ROOT / name).exists(), name


def test_the_readme_tries_a_sample_of_its_own_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its row, its suite and the id of its `bench try` fit together."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row, suite = (re.findall(rf"```{kind}\n(.+?)```", text, re.DOTALL)[0] for kind in ("json", "yaml"))
    monkeypatch.chdir(tmp_path)
    Path("tickets.jsonl").write_text(row, encoding="utf-8")
    Path("my.yaml").write_text(suite, encoding="utf-8")
    found = re.search(r"`bench (try my\.yaml --sample \S+)", text)
    assert found is not None

    assert invoke(found[1].split()) == 0, capsys.readouterr()
    assert "charged twice" in capsys.readouterr().out


def test_nothing_committed_names_this_machine() -> None:
    """No absolute path of a work place, no registry's host, in what is text and ours."""
    hosts = re.compile(r"files\.pythonhosted|pypi\.org/simple|download\.pytorch|registry\.npmjs|file:///")
    for path in [
        *ROOT.glob("*.*"),
        *ROOT.glob("requirements/*"),
        *ROOT.glob("scripts/*"),
        *ROOT.glob("docs/*.md"),
    ]:
        if path.is_file():
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path
