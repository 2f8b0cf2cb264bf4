"""What can drift is generated, and compared with what it describes."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from pydantic import BaseModel

from gapbench.cli import invoke
from gapbench.errors import FailureKind
from gapbench.store.look_entries import SequentialEntry
from gapbench.store.machine_entry import MachineEntry
from gapbench.store.manifest import (
    CellEntry,
    ModelEntry,
    RunManifest,
    SearchEntry,
    TaskEntry,
)
from gapbench.store.replay_entry import ReplayEntry
from gapbench.values.failure_kinds import FAILURE_KINDS
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.vllm.run_batch import KEYS as RUN_BATCH_KEYS
from gapbench_runners.vllm.runner import SERVE_KEYS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_fresh() -> None:
    """`make docs` writes them."""
    made = generator()
    texts = [document.read_text(encoding="utf-8") for document in made.DOCUMENTS]

    stale = [path.name for path, text in zip(made.DOCUMENTS, texts, strict=True) if made.fresh(text) != text]
    assert stale == [], "run `make docs`"
    assert set(made.PARTS) == set(re.findall(r"<!-- generated: (\S+) -->", "".join(texts)))


def test_links_within_the_documents_lead_somewhere() -> None:
    """Files and pictures that are named exist."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        for link in [*links, *re.findall(r"^\[\w+\]: (\S+)$", text, re.MULTILINE)]:
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_links_in_an_included_file_lead_somewhere_from_the_page_too() -> None:
    """A page made of the changelog lies in another folder than the changelog; `make docs-site` refuses what is dead there."""
    for page in (ROOT / "docs").rglob("*.md"):
        for included in re.findall(r'^--8<-- "([^":]+)', page.read_text(encoding="utf-8"), re.MULTILINE):
            text = (ROOT / included).read_text(encoding="utf-8")
            for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
                assert (page.parent / link).exists(), f"{included} in {page.name}: {link}"


def test_targets_named_in_the_documents_exist() -> None:
    """`make x` in a document is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in [ROOT / "CHANGELOG.md", *DOCUMENTS]:
        named = set(re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8")))
        assert named <= targets, path


def test_every_module_named_in_the_documents_exists() -> None:
    """`gapbench.x.y` and `gapbench_runners.x.y` are modules, or names in one."""
    roots = {"gapbench": ROOT / "harness", "gapbench_runners": ROOT / "runners"}
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"(?:`|::: )((?:gapbench|gapbench_runners)(?:\.[a-z_]+)+)", text):
            file = roots[name.partition(".")[0]] / name.replace(".", "/")
            module = file.parent / "__init__.py"
            is_name = module.exists() and re.search(rf"\b{file.name}\b", module.read_text(encoding="utf-8"))
            assert file.is_dir() or file.with_suffix(".py").exists() or is_name, f"{path.name}: {name}"


def test_every_page_is_in_the_navigation() -> None:
    """mkdocs.yml names each page of docs/."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert [] == [page for path in PAGES if (page := path.relative_to(ROOT / "docs").as_posix()) not in nav]


def test_the_readme_is_short() -> None:
    """At most 200 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of a reference page."""
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    lines = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize(
    ("heading", "entry"),
    [
        ("Top level", RunManifest),
        ("Looks", SequentialEntry),
        ("Models", ModelEntry),
        ("Tasks", TaskEntry),
        ("Cells", CellEntry),
        ("Replay of a cell", ReplayEntry),
        ("Machines of a cell", MachineEntry),
        ("Searches", SearchEntry),
    ],
)
def test_the_keys_of_run_json_are_documented(heading: str, entry: type[BaseModel]) -> None:
    """Each table of docs/reference/run-json.md has the keys of its class: none is left out, and none is gone."""
    keys = {field.alias or name for name, field in entry.model_fields.items()}

    assert keys == {row[0] for row in rows_of("run-json.md", heading)}


def test_every_runner_setting_is_documented() -> None:
    """The keys of `serve`, `run_batch` and `sim`, which no schema lists."""
    serve = {row[0] for row in rows_of("suite.md", "`serve`: let bench start a vLLM server")}
    sim = {row[0] for row in rows_of("suite.md", "`sim`: a simulated model")}

    run_batch = {row[0] for row in rows_of("suite.md", "`run_batch`: answer batches offline with vLLM")}

    assert serve == SERVE_KEYS
    assert run_batch == RUN_BATCH_KEYS
    assert sim == {"protocol"} | {field.name for field in dataclasses.fields(Persona)}


def test_every_failure_kind_is_documented() -> None:
    """With whether it is retried and whether it counts towards the circuit breaker."""
    rows = rows_of("failures.md", "Failure kinds")

    assert set(get_args(FailureKind)) == {row[0] for row in rows}
    assert {kind for kind, traits in FAILURE_KINDS.items() if traits.is_retryable} == {
        row[0] for row in rows if row[2] == "yes"
    }
    assert {kind for kind, traits in FAILURE_KINDS.items() if traits.trips_breaker} == {
        row[0] for row in rows if row[3].startswith("yes")
    }


def test_the_readme_tries_a_sample_of_its_own_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its row, its suite and the id of its `bench try` fit together."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row, suite = (re.findall(rf"```{kind}\n(.+?)```", text, re.DOTALL)[0] for kind in ("json", "yaml"))
    monkeypatch.chdir(tmp_path)
    Path("tickets.jsonl").write_text(row, encoding="utf-8")
    Path("my.yaml").write_text(suite, encoding="utf-8")
    found = re.search(r"`bench (try my\.yaml --sample [^\s`]+)", text)
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
        *PAGES,
    ]:
        if path.is_file():
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path
