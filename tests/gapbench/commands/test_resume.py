"""`bench run --resume` goes on in the folder that was found, and with what that folder says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.execution.run_suite import execute_run
from gapbench.execution.setup import Selection, build_run_setup
from gapbench.store import read_attempts, read_manifest
from gapbench.store.verify import verify_run
from tests.gapbench.execution.test_run import Watch
from tests.two_models import SUITE, command_output


@pytest.fixture
def run(here: Path) -> Path:
    """A finished run of two models over two questions."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "2"])
    return next((here / "results").iterdir())


def unfinished(run: Path) -> Path:
    """Take the second model's rows away, as if the run had been killed before them."""
    for kind in ("attempts", "payload"):
        (run / f"{kind}-00001.parquet").unlink()
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "state": "interrupted"}))
    return run


def test_a_run_given_by_its_path_goes_on_where_it_lies(run: Path, here: Path) -> None:
    """Not in results/, where there is none of its name."""
    moved = shutil.move(unfinished(run), here / run.name)
    assert 0 == invoke(["run", "--resume", str(moved), "--yes", "--quiet"])

    assert [] == list((here / "results").iterdir())
    assert 4 == read_attempts([Path(moved)])["final"].sum()


def test_a_run_goes_on_from_within_its_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--resume .` has no name of its own."""
    suite = run.parent.parent / "suite.yaml"
    monkeypatch.chdir(unfinished(run))
    assert 0 == invoke(["run", str(suite), "--resume", ".", "--yes", "--quiet"])

    assert 4 == read_attempts([run])["final"].sum()


def test_a_copy_by_another_name_is_refused(run: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was restarted in the first one's folder; its rows name that run."""
    shutil.copytree(run, here / "copy")
    before = sorted(path.name for path in run.iterdir())

    assert f"copy contains run '{run.name}' under another name" in command_output(
        capsys, "run", "--resume", "copy", "--yes", code=2
    )
    assert before == sorted(path.name for path in run.iterdir())


def test_a_run_id_that_leads_elsewhere_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever made the folder chose it."""
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "run_id": "../../escape"}))

    assert "run_id: found '../../escape'" in command_output(
        capsys, "run", "--resume", run.name, "--yes", code=2
    )
    assert not (run.parents[2] / "escape").exists()


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_lost_manifest_is_made_anew_from_suite_and_rows(
    run: Path, capsys: pytest.CaptureFixture[str], *, is_gone: bool
) -> None:
    """As the message says; nothing is asked twice, and what was left of it is kept."""
    before = read_manifest(run)
    (run / "run.json").unlink()
    if not is_gone:
        (run / "run.json").write_text("{half")
    assert f"`bench run SUITE --resume results/{run.name}` rebuilds it" in command_output(
        capsys, "run", "--resume", run.name, "--yes", code=2
    )
    assert 0 == invoke(["run", "suite.yaml", "--resume", run.name, "--limit", "2", "--yes", "--quiet"])
    after = read_manifest(run)

    assert "complete" == after.state
    assert before.models[0].options == after.models[0].options
    for then, now in zip(before.cells, after.cells, strict=True):
        assert (then.cell_id, then.planned) == (now.cell_id, now.planned)
        assert now.wall_s == pytest.approx(then.wall_s, abs=0.2)
    assert 4 == len(read_attempts([run]))
    assert [] == verify_run(run)
    assert is_gone != (run / "damaged" / "run.json").exists()


@pytest.mark.parametrize(
    ("suite", "options", "word"),
    [
        (SUITE, ["--limit", "1"], "which is not selected; give --model, --task and --limit as they were"),
        (SUITE + "seed: 9\n", ["--limit", "2"], "belong to a suite with different content"),
    ],
)
def test_a_manifest_is_not_made_anew_from_another_suite(
    run: Path, capsys: pytest.CaptureFixture[str], suite: str, options: list[str], word: str
) -> None:
    """What was left of it stays where it is."""
    (run / "run.json").write_text("{half")
    Path("suite.yaml").write_text(suite)

    assert word in command_output(
        capsys, "run", "suite.yaml", "--resume", run.name, "--yes", "--quiet", *options, code=2
    )
    assert "{half" == (run / "run.json").read_text()


def test_a_run_that_does_not_say_its_suite_wants_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As one that was imported."""
    manifest = json.loads((run / "run.json").read_text())
    del manifest["selection"]
    (run / "run.json").write_text(json.dumps(manifest))

    assert "does not say which suite was run; give the suite" in command_output(
        capsys, "run", "--resume", run.name, code=2
    )


def test_the_manifest_is_read_under_the_lock(run: Path) -> None:
    """Another process left the run after its setup was built: what it wrote is kept."""
    unfinished(run)
    setup = build_run_setup(Selection("suite.yaml", limit=2))
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "another": "was here"}))

    assert "complete" == execute_run(setup, run, Watch(), is_resumed=True).state
    assert "was here" == read_manifest(run).as_json()["another"]


def test_a_run_whose_suite_moved_keeps_the_one_that_is_given(here: Path) -> None:
    """Stopped once more, it says how to go on, and the next --resume needs no suite. An older one names no scorers."""
    assert 1 == invoke(
        ["run", "suite.yaml", "--yes", "--quiet", "--model", "closed", "--max-usd", "0.000001"]
    )
    run = next((here / "results").iterdir())
    manifest = json.loads((run / "run.json").read_text())
    manifest["selection"]["suite"] = "gone.yaml"
    for task in manifest["tasks"]:
        task.pop("scorer")
    (run / "run.json").write_text(json.dumps(manifest))
    again = ["run", "suite.yaml", "--resume", run.name, "--yes", "--quiet", "--max-usd", "0.000001"]

    assert 1 == invoke(again)
    assert "suite.yaml" == read_manifest(run).selection["suite"]


def test_a_run_that_lost_its_selection_stops_in_good_order(here: Path) -> None:
    """What it had picked is what is given now, and is kept."""
    assert 1 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--max-usd", "0.000001"])
    run = next((here / "results").iterdir())
    manifest = json.loads((run / "run.json").read_text())
    del manifest["selection"]
    (run / "run.json").write_text(json.dumps(manifest))

    assert 1 == invoke(
        ["run", "suite.yaml", "--resume", run.name, "--yes", "--quiet", "--max-usd", "0.000001"]
    )
    assert "suite.yaml" == read_manifest(run).selection["suite"]
