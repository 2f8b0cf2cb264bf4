"""Shards of a plan are joined into a run that reads as if it had never been split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from gapbench.errors import InputError, ResultsError
from gapbench.report.results import load_results
from gapbench.store import read_attempts, read_manifest, read_payload
from gapbench.store.batch_journal import BatchAttempt, BatchJournal, batches_out
from gapbench.store.shard_merge import find_shard_runs, merge_shards
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, Plan, build_plan
from gapbench.suite.shards import shard_of, split_plan
from gapbench.values import Params
from tests.gapbench.execution.test_run import ANSWERS, go
from tests.makers import ScriptedRunner, model, sample, task

WRONG = {**ANSWERS, "What is 0 + 1?": ["Answer: 7"], "What is 3 + 1?": ["Answer: 7"]}
MODELS = (model("open"), model("closed", weights="closed"))
SCRIPTS = {"open": WRONG, "closed": ANSWERS}


def plan_of(tasks: Sequence[str] = ("sums", "more"), count: int = 12, suite_sha256: str = "h") -> Plan:
    """Two models, two tasks and one load: four shards."""
    samples = tuple(sample(number) for number in range(count))
    return build_plan(
        suite="s", suite_sha256=suite_sha256, seed=7, repeats=1, margin_points=1.7, defaults=Params(max_tokens=32),
        models=MODELS, tasks=[task(name=name, samples=samples) for name in tasks], loads=[Load("concurrency", 4)],
    )  # fmt: skip


def run_shards(folder: Path, made: Plan, numbers: Sequence[int] | None = None) -> list[Path]:
    """Run shards of a plan as `bench run --shard` does, each in the folder of its name."""
    folders = []
    for shard in split_plan(made):
        assert shard.shard is not None
        if numbers is not None and shard.shard.number not in numbers:
            continue
        name = shard.models[0].id
        where = folder / shard.shard.run_id("s")
        go(where, shard, {name: ScriptedRunner(shard.models[0], SCRIPTS[name])})
        folders.append(where)
    return folders


def test_a_merged_run_has_the_rows_and_the_gap_of_an_unsharded_one(tmp_path: Path) -> None:
    """48 requests in four shards: the same scores, the same accuracy gap with the same interval."""
    run_shards(tmp_path / "shards", plan_of())
    runners = {each.id: ScriptedRunner(each, SCRIPTS[each.id]) for each in MODELS}
    go(tmp_path / "whole", plan_of(), runners)
    merged, notes = merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path / "results")

    def rows(folder: Path) -> list[Any]:
        columns = ["cell_id", "sample_id", "outcome", "score", "final", "phase"]
        return sorted(map(tuple, read_attempts([folder], columns).astype(str).to_numpy().tolist()))

    def gap(folder: Path) -> pd.DataFrame:
        found = load_results([folder]).compute().gap.frame
        return found[found["metric"] == "accuracy"].reset_index(drop=True)

    assert [] == notes
    assert [] == [issue for issue in verify_run(merged) if issue.kind == "damage"]
    assert rows(tmp_path / "whole") == rows(merged)
    assert 48 == len(rows(merged)) == len(read_payload([merged]))
    assert {merged.name} == set(read_attempts([merged], ["run_id"])["run_id"])
    assert len(gap(merged)) > 0
    pd.testing.assert_frame_equal(gap(tmp_path / "whole"), gap(merged))


def test_the_manifest_names_the_shards(tmp_path: Path) -> None:
    """It is complete, has every cell once, and says where each shard ran."""
    run_shards(tmp_path / "shards", plan_of())
    merged, _ = merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path)
    manifest = read_manifest(merged)

    assert "complete" == manifest.state
    assert [cell.cell_id for cell in plan_of().cells] == [cell.cell_id for cell in manifest.cells]
    assert ["open", "closed"] == [entry.id for entry in manifest.models]
    assert ["sums", "more"] == [entry.name for entry in manifest.tasks]
    assert [0, 1, 2, 3] == [shard["number"] for shard in manifest.shards]
    assert manifest.shard is None


def test_missing_shards_are_named(tmp_path: Path) -> None:
    """Two of four are there; with --allow-missing the run is marked as stopped."""
    run_shards(tmp_path / "shards", plan_of(), [0, 3])
    shards = find_shard_runs([tmp_path / "shards"])

    with pytest.raises(ResultsError, match=r"2 of 4 .* 1 \(open\|more\|c4\), 2 \(closed\|sums\|c4\)"):
        merge_shards(shards, tmp_path)
    merged, notes = merge_shards(shards, tmp_path, allow_missing=True)
    assert ("stopped", 2) == (read_manifest(merged).state, len(notes))


def test_a_shard_that_is_not_complete_is_missing(tmp_path: Path) -> None:
    """It was stopped after some of its requests."""
    *_, last = run_shards(tmp_path / "shards", plan_of())
    manifest = orjson.loads((last / "run.json").read_bytes())
    (last / "run.json").write_bytes(orjson.dumps({**manifest, "state": "interrupted"}))

    with pytest.raises(ResultsError, match=r"1 of 4 .* 3 \(closed\|more\|c4, interrupted\)"):
        merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path)


def test_batches_that_are_out_are_out_in_the_merged_run_too(tmp_path: Path) -> None:
    """Of two shards that are not complete, each has a batch at its vendor: a resumed merged run must not pay for them again."""
    *_, one, two = run_shards(tmp_path / "shards", plan_of())
    for folder in (one, two):
        manifest = orjson.loads((folder / "run.json").read_bytes())
        (folder / "run.json").write_bytes(orjson.dumps({**manifest, "state": "stopped"}))
        attempts = {"id": BatchAttempt("closed|sums|c4", "q0", 0, 1)}
        BatchJournal.open(folder).intend(f"label-{folder.name[-4:]}", "closed", attempts, "hash", None)
    with (two / "batches.jsonl").open("ab") as file:
        file.write(b'{"event": "created", "lab')  # its process was killed within a line
    merged, _ = merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path, allow_missing=True)

    assert ["label-0002", "label-0003"] == [record.label for record in batches_out(merged)]


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (plan_of(suite_sha256="other"), "a suite with other content"),
        (plan_of(count=11), "other models, tasks, limits or data"),
    ],
    ids=["suite", "data"],
)
def test_shards_of_two_plans_are_refused(tmp_path: Path, other: Plan, problem: str) -> None:
    """Both folders are named."""
    run_shards(tmp_path / "shards", plan_of(), [0, 1, 2])
    run_shards(tmp_path / "shards", other, [3])

    with pytest.raises(ResultsError, match=problem):
        merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path)


def test_a_shard_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """It was run on two machines."""
    run_shards(tmp_path / "a", plan_of())
    run_shards(tmp_path / "b", plan_of(), [2])

    with pytest.raises(ResultsError, match="shard 2 is there twice"):
        merge_shards(find_shard_runs([tmp_path / "a", tmp_path / "b"]), tmp_path)


def test_shards_of_two_versions_are_refused(tmp_path: Path) -> None:
    """Unless they are accepted; then a note says so."""
    folders = run_shards(tmp_path / "shards", plan_of())
    manifest = orjson.loads((folders[2] / "run.json").read_bytes())
    manifest["versions"]["gapbench"] = "0.1.9"
    (folders[2] / "run.json").write_bytes(orjson.dumps(manifest))
    shards = find_shard_runs(folders)

    with pytest.raises(ResultsError, match=r"different versions of gapbench: .* 0\.1\.9 \(shard 2\)"):
        merge_shards(shards, tmp_path)
    _, notes = merge_shards(shards, tmp_path, accept_versions=True)
    assert ["versions of gapbench differ"] == [note.split(":")[0] for note in notes]


def test_other_runs_are_no_shards(tmp_path: Path) -> None:
    """The message says what to give."""
    go(tmp_path / "run", plan_of(), {m.id: ScriptedRunner(m, ANSWERS) for m in MODELS})

    with pytest.raises(ResultsError, match="has no run of a shard"):
        find_shard_runs([tmp_path])


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    """Nothing is left behind."""
    first, *_ = run_shards(tmp_path / "shards", plan_of())
    part = next(first.glob("attempts-*.parquet"))
    part.write_bytes(part.read_bytes()[:100])

    with pytest.raises(ResultsError, match="cannot be read"):
        merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path / "results")
    assert [] == [path for path in (tmp_path / "results").iterdir() if not path.name.startswith(".")]


def test_shards_are_numbered_model_by_model() -> None:
    """Each has one cell, and the requests that the whole plan has for it."""
    made = plan_of()
    shards = split_plan(made)

    assert ["open|sums|c4", "open|more|c4", "closed|sums|c4", "closed|more|c4"] == [
        shard.shard.cell_id for shard in shards if shard.shard is not None
    ]
    assert [cell.requests for cell in made.cells] == [shard.cells[0].requests for shard in shards]


def test_a_number_that_is_not_there_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(InputError, match="4 shards, 0 to 3"):
        shard_of(plan_of(), 4)


def test_the_merged_run_trusts_the_weakest_machine_and_keeps_what_was_changed(tmp_path: Path) -> None:
    """Shard 0's machine is trusted to 512 streams and shard 1's to 64; both were resumed with a change."""
    folders = run_shards(tmp_path / "shards", plan_of())
    for folder, streams in zip(folders, (512, 64), strict=False):
        manifest = orjson.loads((folder / "run.json").read_bytes())
        manifest["calibration"] = {"trusted_streams": streams, "levels": []}
        manifest["changes"] = [{"at": "2026-11-30T00:00:00Z", "key": "timeouts", "old": streams, "new": 1}]
        (folder / "run.json").write_bytes(orjson.dumps(manifest))
    merged, _ = merge_shards(find_shard_runs(folders), tmp_path)
    manifest = read_manifest(merged)

    assert manifest.calibration is not None
    assert 64 == manifest.calibration["trusted_streams"]
    assert [512, 64] == [change["old"] for change in manifest.changes]
