"""The gate from the command line: exit codes, JUnit, Markdown, baselines."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gapbench.cli import invoke
from gapbench.store.baselines import read_baselines, set_baseline
from tests.run_folders import make_answers, write_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with a good run, one just as good, one much worse, one stopped, and one that failed at once."""
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    write_run(results / "good", make_answers("open-a", 190, 200))
    write_run(results / "again", make_answers("open-a", 189, 200))
    write_run(results / "worse", make_answers("open-a", 120, 200))
    stopped = write_run(results / "stopped", make_answers("open-a", 190, 200))
    manifest = json.loads((stopped / "run.json").read_text())
    (stopped / "run.json").write_text(json.dumps({**manifest, "state": "stopped"}))
    (results / "empty").mkdir()
    (results / "empty" / "run.json").write_text(
        json.dumps({**manifest, "run_id": "empty", "state": "failed"})
    )
    return results


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> Any:
    capsys.readouterr()
    assert code == invoke(list(arguments)), capsys.readouterr()
    output = capsys.readouterr()
    return output.err if code == 2 else output.out


@pytest.mark.parametrize(
    ("new", "code", "verdict"),
    [("again", 0, "pass"), ("worse", 3, "regression"), ("stopped", 1, "broken"), ("empty", 1, "broken")],
)
def test_the_exit_code_is_the_verdict(
    runs: Path, capsys: pytest.CaptureFixture[str], new: str, code: int, verdict: str
) -> None:
    """0 pass, 3 regression, 1 for a run that is not complete, be it without one row."""
    output = said(capsys, "compare", "good", new, "--fail-on", "accuracy<-2pp", "--json", code=code)

    assert verdict == json.loads(output)["verdict"]


def test_bad_input_is_exit_2_and_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that is none, and a run that is not there."""
    assert "write a metric" in said(capsys, "compare", "good", "again", "--fail-on", "worse", code=2)
    output = said(capsys, "compare", "good", "nowhere", code=2)
    assert "'nowhere' is neither a run folder nor a run id" in output
    assert 1 == len(output.strip().splitlines())


def test_junit_and_markdown_say_the_same(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One case for each model and rule; the failed one says by how much; the summary is appended to."""
    Path("summary.md").write_text("before\n")
    options = ("--fail-on", "accuracy<-2pp", "--fail-on", "coverage<-1pp")
    said(capsys, "compare", "good", "worse", *options, "--junit", "gate.xml", "--md", "summary.md", code=3)
    suite = ET.fromstring(Path("gate.xml").read_text())
    assert "accuracy<-2pp" in [
        case.get("name") for case in suite.iter("testcase")
    ]  # finding 41: escaped once
    assert "&amp;" not in Path("gate.xml").read_text()
    summary = Path("summary.md").read_text()

    assert ("2", "1", "0") == (suite.get("tests"), suite.get("failures"), suite.get("errors"))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "-35.0 pp" in str(failure.get("message"))
    assert summary.startswith("before\n## Regression: open-a accuracy")


@pytest.mark.parametrize(
    ("new", "errors", "words"),
    [
        ("stopped", 1, "Broken: the new run: it is stopped, not complete"),
        ("empty", 3, "Broken: the new run: it is failed, not complete (and 2 more)"),
        ("partial", 1, "Broken: open-a math/others c8: the new run has no request of this task and load"),
    ],
)
def test_broken_is_said_wherever_the_verdict_is(
    runs: Path, capsys: pytest.CaptureFixture[str], new: str, errors: int, words: str
) -> None:
    """The exit code, the headline, JUnit's errors, the summary and JSON are of one mind."""
    write_run(runs / "partial", make_answers("open-a", 190, 200))
    both = [*make_answers("open-a", 190, 200), *make_answers("open-a", 90, 100, task="math/others")]
    base = str(write_run(runs / "both", both)) if new == "partial" else "good"
    options = ("--junit", "gate.xml", "--md", "gate.md")
    shown = " ".join(said(capsys, "compare", base, new, *options, code=1).split())
    found = json.loads(said(capsys, "compare", base, new, "--json", code=1))
    suite = ET.fromstring(Path("gate.xml").read_text())

    assert shown.startswith(words)
    assert Path("gate.md").read_text().replace("\\", "").startswith(f"## {words}")
    assert str(errors) == suite.get("errors")
    assert errors == len(suite.findall("testcase/error")) == len(found["faults"])
    assert found["faults"][0]["reason"] in words
    assert "No regression" not in shown


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_no_word_is_broken_however_narrow_the_terminal(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Each figure is whole, and no line is too long."""
    monkeypatch.setenv("COLUMNS", str(columns))
    write_run(runs / "long", make_answers("nightly-vl-3b-instruct", 190, 200))
    rules = ("--fail-on", "accuracy<-2pp", "--fail-on", "cost_per_correct>+10%")
    shown = said(capsys, "compare", "long", "long", *rules, code=0)

    assert all(len(line) <= columns for line in shown.splitlines())
    words = {word.strip("(),:;") for word in shown.split()}
    assert {"nightly-vl-3b-instruct", "pass", "200", "-1.6"} <= words
    assert "95.0" in words or {"Left", "base", "new"} <= words
    assert "cost_per_correct>+10%" in shown


def test_rules_and_sources_fit_a_terminal_of_80_columns_as_a_table(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change, bounds, pairs and verdict of each rule in one row, under its model; only both values give way."""
    monkeypatch.setenv("COLUMNS", "80")
    rows = make_answers("nightly-vl-3b-instruct", 190, 200)
    write_run(
        runs / "long", [dataclasses.replace(row, cluster_id=str(int(row.sample_id) % 20)) for row in rows]
    )
    rules = ("--fail-on", "accuracy<-2pp", "--fail-on", "cost_per_correct>+10%", "--md", "gate.md")
    lines = said(capsys, "compare", "long", "long", *rules, code=0).splitlines()

    place = lines.index("nightly-vl-3b-instruct")
    assert re.fullmatch(r"accuracy<-2pp +\+0\.0 pp +-\S+ to \+\S+ +200 +pass *", lines[place + 1])
    assert "(20 sources)" in lines[place + 2]
    assert lines[place + 3].startswith("cost_per_correct>+10%")
    assert "200 (20 sources)" in Path("gate.md").read_text()


def test_a_baseline_is_set_shown_and_compared_with(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the name `nightly` unless another is given."""
    said(capsys, "baseline", "set", "good", code=0)
    said(capsys, "baseline", "set", "worse", "--name", "old", code=0)

    assert {"nightly": {"run": "good", "suite": "unit"}} == json.loads(
        said(capsys, "baseline", "show", "--name", "nightly", "--json", code=0)
    )
    assert ["nightly", "old"] == [
        line.split()[0] for line in said(capsys, "baseline", "show", code=0).splitlines()
    ]
    assert said(capsys, "baseline", "show", "old", code=0).startswith("old  ")
    said(capsys, "compare", "nightly", "worse", code=3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("baseline", "set", "stopped"), "is stopped; only a complete run"),
        (("baseline", "set"), "Missing argument 'RUN'"),
        (("baseline", "show", "--name", "none"), "no baseline 'none'"),
        (("baseline", "show", "none"), "no baseline 'none'"),
        (("baseline", "show", "one", "--name", "other"), "two names, 'one' and --name 'other'"),
        (("compare", "none", "good"), "no baseline 'none'"),
    ],
)
def test_a_baseline_that_cannot_be_is_said(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Each with what would do."""
    assert words in said(capsys, *arguments, code=2)


def test_a_damaged_baseline_file_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what would do: setting one anew reads the file too, and keeps the names that are in it."""
    (runs / "baselines.json").write_text('{"nightly": 3}')

    for arguments in (("compare", "nightly", "good"), ("baseline", "set", "good")):
        told = said(capsys, *arguments, code=2)
        assert "baselines.json is damaged (expected names, each with a run and a suite)" in told
        assert "remove it and set its baselines again" in told


def _set_many(results: Path, who: int, start: Any) -> None:
    start.wait()
    for n in range(25):
        set_baseline(results, f"b{who}-{n:02}", results / "good", "unit")


def test_baselines_set_at_once_are_all_kept(runs: Path) -> None:
    """Four processes that begin together, each with 25 names of its own."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    setters = [context.Process(target=_set_many, args=(runs, who, start)) for who in range(4)]
    for setter in setters:
        setter.start()
    for setter in setters:
        setter.join()

    assert [f"b{who}-{n:02}" for who in range(4) for n in range(25)] == sorted(read_baselines(runs))


def test_hostile_names_are_escaped(
    runs: Path, capsys: pytest.CaptureFixture[str], make_hostile: Callable[[str], None]
) -> None:
    """A model id from somebody's suite acts neither in XML nor in Markdown."""
    make_hostile("<script>alert(1)</script>|\x1b[31m")
    said(capsys, "compare", "hostile", "hostile", "--junit", "gate.xml", "--md", "gate.md", code=0)

    assert 2 == len(ET.fromstring(Path("gate.xml").read_text()).findall("testcase"))
    text = Path("gate.xml").read_text() + Path("gate.md").read_text()
    assert "<script>" not in text
    assert "\x1b" not in text


@pytest.fixture
def make_hostile(runs: Path) -> Callable[[str], None]:
    """Return a maker of a run whose model has a given id."""

    def make(name: str) -> None:
        write_run(runs / "hostile", make_answers(name, 190, 200))

    return make


def test_every_output_says_which_fall_the_gate_could_find(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 42: an identical night passes, and says how large a fall would not have passed."""
    options = ("--fail-on", "accuracy<-2pp", "--junit", "gate.xml", "--md", "gate.md")
    shown = " ".join(said(capsys, "compare", "good", "good", *options, code=0).split())
    (row,) = json.loads(said(capsys, "compare", "good", "good", *options, "--json", code=0))["rows"]
    words = f"-{row['detectable']:.1f} pp"

    assert 2 < row["detectable"] < 10
    assert f"find with 80 % probability: accuracy {words}" in shown
    assert words in Path("gate.md").read_text()
    assert f"would find {words} with 80 % probability" in Path("gate.xml").read_text()


def test_with_few_sources_nothing_is_promised(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """200 requests of 4 documents: the spread between documents is only a guess."""
    rows = [
        dataclasses.replace(row, cluster_id=str(number % 4))
        for number, row in enumerate(make_answers("open-a", 190, 200))
    ]
    write_run(runs / "few", rows)
    (row, _) = json.loads(said(capsys, "compare", "few", "few", "--json", code=0))["rows"]

    assert row["detectable"] is None
