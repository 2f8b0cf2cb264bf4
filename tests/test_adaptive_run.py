"""An adaptive run end to end: simulated models with known thresholds, what is asked, resume, and what the reports say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.cli import invoke
from gapbench.store import read_manifest

SUITE: dict[str, Any] = {
    "name": "ladder",
    "models": [
        {"id": f"{weights}-model", "runner": "sim", "weights": weights,
         "cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
         "sim": {"protocol": protocol, "seed": seed, "half_at_rung": half, "rung_slope": 2, "ttft_s": 0.001, "gap_s": 0}}
        for weights, protocol, seed, half in (("open", "vllm", 1, 4.5), ("closed", "anthropic", 2, 9.5))
    ],
    "tasks": [{"task": "reasoning/arithmetic", "adaptive": {"items": 60}}],
    "loads": [{"concurrency": 4}],
}  # fmt: skip


def write_suite(folder: Path, **changes: Any) -> Path:
    """Write the suite and return its path."""
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({**SUITE, **changes}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the suite once and return the run's folder."""
    folder = tmp_path_factory.mktemp("adaptive")
    assert (
        invoke(["run", str(write_suite(folder)), "--out", str(folder / "results"), "--yes", "--quiet"]) == 0
    )
    return next((folder / "results").iterdir())


def test_the_intervals_hold_the_thresholds(run: Path) -> None:
    """Half right at 4.5 and at 9.5, so a gap of five rungs."""
    ladder = gap(run).ladders[0]
    opened, closed = (ladder.model(f"{side}-model").threshold for side in ("open", "closed"))

    assert (opened.low or 0) < 4.5 < (opened.high or 0)
    assert (closed.low or 0) < 9.5 < (closed.high or 0)
    assert ladder.main_gap is not None
    assert ladder.main_gap.verdict == "closed ahead"
    assert ladder.main_gap.gap.rungs == pytest.approx(5, abs=1.5)


def test_few_questions_are_asked_and_most_near_the_threshold(run: Path) -> None:
    """At most 60 of the 600 that the ladder has; half of them within two rungs of the threshold."""
    rows = load_runs(run).frame
    for model, half in (("open-model", 4.5), ("closed-model", 9.5)):
        rungs = rows[rows["model_id"] == model]["rung"]

        assert 12 <= len(rungs) <= 60
        assert (rungs - half).abs().le(2).mean() > 0.5


def test_a_rung_is_asked_in_one_order(run: Path) -> None:
    """The items of a rung that both models met are the first ones, so that they are the same."""
    rows = load_runs(run).frame
    for (_, rung), part in rows.groupby(["model_id", "rung"], observed=True):
        expected = {
            f"r{int(str(rung).partition('.')[0]):02}-{number:04}" for number in range(1, len(part) + 1)
        }
        assert expected == set(part["sample_id"])


def test_the_run_is_complete_with_what_was_asked(run: Path) -> None:
    """What was not asked has left the plan."""
    manifest = read_manifest(run)
    asked = Counter(load_runs(run).frame["cell_id"].astype(str))

    assert manifest.state == "complete"
    assert {cell.cell_id: cell.planned for cell in manifest.cells} == dict(asked)
    assert invoke(["runs", "verify", str(run)]) == 0


def test_no_accuracy_is_made_of_questions_that_were_picked(run: Path) -> None:
    """Not in the gap, not in the summary, and no dollars per right answer."""
    table = gap(run).frame.set_index("metric")

    assert table.loc["accuracy", "n_pairs"] == 0
    assert summarize(run).level("model")["accuracy"].isna().all()
    assert table["closed_value"].isna()["usd_per_correct"]


def test_the_answer_comes_first_and_in_rungs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`bench gap` begins with it, and the table, JSON and page have the same figures."""
    assert invoke(["gap", str(run)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert invoke(["gap", str(run), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = document["ladders"][0]["gaps"][0]["gap"]

    assert first.startswith(f"Quality closed ahead: {found['rungs']:+.1f} rungs of 15")
    assert document["answer"]["ladders"][0]["gap_rungs"] == found["rungs"]
    page = (run / "report.html").read_text()
    assert "Accuracy by rung" in page
    assert f"{found['rungs']:+.1f} rungs" in page


@pytest.mark.parametrize(
    "command",
    [["trend"], ["cost"], ["diff", "RUN"], ["report", "--plots", "PLOTS"], ["report", "--brief", "BRIEF"], ["runs", "verify"]],
)  # fmt: skip
def test_commands_read_a_run_without_an_accuracy(run: Path, tmp_path: Path, command: list[str]) -> None:
    """All of its questions were picked: nothing is counted in percent, and nothing fails."""
    names = {"RUN": str(run), "PLOTS": str(tmp_path / "plots"), "BRIEF": str(tmp_path / "brief.html")}
    given = [names.get(word, word) for word in command]
    first = given[:2] if command[0] == "runs" else given[:1]
    target = run.parent if command[0] == "trend" else run

    assert invoke([*first, str(target), *given[len(first) :]]) == 0


def test_the_chart_of_a_ladder_is_a_file(run: Path, tmp_path: Path) -> None:
    """With the other plots, as SVG and PNG, under the name of the task."""
    assert invoke(["report", str(run), "--plots", str(tmp_path)]) == 0

    names = {path.name for path in tmp_path.iterdir()}
    assert {"rungs_reasoning_arithmetic.svg", "rungs_reasoning_arithmetic.png"} <= names


def test_an_interrupted_run_goes_on_from_its_answers(run: Path, tmp_path: Path) -> None:
    """Stopped by its budget and resumed without one, it asks the same questions as in one piece."""
    suite = write_suite(tmp_path)
    out = tmp_path / "results"
    invoke(["run", str(suite), "--out", str(out), "--yes", "--quiet", "--max-usd", "0.004"])
    folder = next(out.iterdir())
    assert read_manifest(folder).state == "stopped"
    before = len(load_runs(folder).frame)
    assert invoke(["run", "--resume", str(folder), "--yes", "--quiet"]) == 0

    rows, whole = load_runs(folder).frame, load_runs(run).frame
    assert before < len(rows)
    assert not rows.duplicated(["cell_id", "sample_id"]).any()
    assert gap(folder).ladders[0].main_gap is not None
    assert len(rows) == pytest.approx(len(whole), rel=0.4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repeats": 2}, "each sample is asked 2 times; set repeats: 1"),
        (
            {"loads": [{"rate_rps": 2, "duration_s": 5}]},
            "load 'r2' follows a schedule; use loads with a concurrency",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    """Before anything is sent: exit code 2 and one line."""
    code = invoke(["run", str(write_suite(tmp_path, **changes)), "--out", str(tmp_path / "results"), "--yes"])
    printed = capsys.readouterr().err.strip()

    assert code == 2
    assert len(printed.splitlines()) == 1
    assert "task 'reasoning/arithmetic' is adaptive" in printed
    assert said in printed


def test_until_sure_and_adaptive_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rule needs the same samples of both sides."""
    suite = write_suite(tmp_path)
    code = invoke(["run", str(suite), "--out", str(tmp_path / "results"), "--yes", "--until-sure"])

    assert code == 2
    assert "is adaptive; run it without --until-sure" in capsys.readouterr().err


def test_the_plan_counts_what_may_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At most 60 requests of each model, not the 600 of the pool."""
    assert invoke(["plan", str(write_suite(tmp_path)), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert {cell["requests"] for cell in document["cells"]} == {60}


def test_a_fixed_run_of_a_ladder_has_both_figures(tmp_path: Path) -> None:
    """Accuracy in percent, and the thresholds."""
    suite = write_suite(tmp_path, tasks=[{"task": "reasoning/arithmetic", "per_rung": 3}])
    assert invoke(["run", str(suite), "--out", str(tmp_path / "results"), "--yes", "--quiet"]) == 0
    table = gap(next((tmp_path / "results").iterdir()))

    assert table.frame.set_index("metric").loc["accuracy", "n_pairs"] == 45
    assert table.ladders[0].main_gap is not None
    assert table.ladders[0].main_gap.gap.shared == 45
    assert not table.ladders[0].is_adaptive
