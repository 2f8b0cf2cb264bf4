"""What a disk, a hand or somebody else does to a run folder is said in one line, and nothing is lost or overwritten."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapbench.errors import LostManifestError, ResultsError
from gapbench.execution.carry_over import carry_over_rows
from gapbench.store import RunFollower, RunWriter, read_attempts, read_manifest, read_payload
from gapbench.store.schema import SCORE_SCHEMA
from gapbench.store.score_overlay import write_scores
from gapbench.store.verify import repair_run, verify_run
from tests.makers import ATTEMPT, attempt, payload, plan
from tests.run_folders import empty_manifest, make_answers, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A whole run of 20 requests."""
    return write_run(tmp_path / "results" / "run", make_answers("open-a", 15, 20))


def changed(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((run / "run.json").read_text())
    change(manifest)
    (run / "run.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run["cells"][0].pop("planned"), r"cells\[0\]\.planned: is missing"),
        (
            lambda run: run["cells"][0].update(planned="12"),
            r"cells\[0\]\.planned: found '12'; expected a whole number",
        ),
        (lambda run: run["models"].clear(), r"cells\[0\]\.model_id: 'open-a' is not among the models"),
        (
            lambda run: run.update(run_id="../../escape"),
            "run_id: found '../../escape'; expected a plain name",
        ),
        (lambda run: run.update(started_at="yesterday"), "started_at: found 'yesterday'; expected a time"),
        (lambda run: run.update(models={}), "models: found {}; expected a list"),
        (lambda run: run.update(selection=[]), r"selection: found \[\]; expected a mapping"),
        (
            lambda run: run["cells"][0].update(workers=[{}]),
            r"cells\[0\]\.workers\[0\]\.cpu_share: is missing",
        ),
        (
            lambda run: run["models"][0].update(cost={"input_usd_per_mtok": "dear"}),
            r"models\[0\]\.cost\.input_usd_per_mtok: found 'dear'; expected a number",
        ),
        (lambda run: run.pop("schema"), "schema: is missing"),
    ],
)
def test_a_manifest_of_another_shape_is_said_by_its_key(
    run: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    """File, key, what was found, and what would do."""
    changed(run, change)

    with pytest.raises(
        LostManifestError, match=rf"run\.json .*{said}.*; its rows may be whole: .*--resume"
    ) as caught:
        read_manifest(run)
    assert "\n" not in str(caught.value)


def test_a_lost_manifest_is_told_from_no_run(run: Path) -> None:
    """A folder with rows and no run.json is a run that lost it."""
    (run / "run.json").unlink()

    with pytest.raises(LostManifestError, match=r"run\.json is gone; its rows may be whole"):
        read_manifest(run)


def test_what_is_given_in_place_of_a_run_is_said(run: Path) -> None:
    """A file, a folder of runs, and nothing at all."""
    for given, said in (
        (run / "run.json", "is a file; give a run folder"),
        (run.parent, r"is no run folder, it holds 1; give one of them, such as .*results/run"),
        (run / ("long" * 100), "there is no run folder"),
        (run / "nothing", "there is no run folder .*nothing; `bench runs list`"),
    ):
        with pytest.raises(ResultsError, match=said):
            read_manifest(given)


def broken_lines() -> list[bytes]:
    row = orjson.loads(orjson.dumps(ATTEMPT))
    texts = orjson.loads(orjson.dumps(payload(ATTEMPT)))
    misspelt = {"finaL" if name == "final" else name: value for name, value in row.items()}
    return [
        orjson.dumps(line) + b"\n"
        for line in (
            5,
            [{}, texts],
            [{**row, "started_at": "noon"}, texts],
            [{**row, "repeat": 2**40}, texts],
            [{**row, "chunk_s": ["a"]}, texts],
            [misspelt, texts],
            [row, {**texts, "reply": None}],
            [row, texts, texts],
        )
    ]


@pytest.fixture
def interrupted(run: Path) -> Path:
    """The run with a journal of one row, and a broken line of each kind around it."""
    row = attempt(sample_id="in the journal")
    good = orjson.dumps((row, payload(row))) + b"\n"
    lines = broken_lines()
    (run / "journal-00002.jsonl").write_bytes(b"".join([lines[0], good, *lines[1:]]))
    return run


def test_lines_that_are_no_rows_hide_no_other(interrupted: Path) -> None:
    """JSON of another shape is left out by every reader."""
    assert 21 == len(read_attempts([interrupted])) == len(read_payload([interrupted]))
    assert 21 == len(list(RunFollower(interrupted).read_new()))


def test_who_goes_on_with_a_damaged_journal_is_told(interrupted: Path) -> None:
    """A line for the user: which file, and where its lines are now."""
    with RunWriter(interrupted) as writer:
        said = writer.damage_found

    assert [
        "journal-00002.jsonl has lines that are no rows: they lie in damaged/journal-00002.jsonl, and are asked again"
    ] == said


def test_lines_that_are_no_rows_are_damage_and_are_kept(interrupted: Path) -> None:
    """The next writer, of a repair or of --resume, moves them to damaged/ as they were."""
    found = {row.said: row.kind for row in verify_run(interrupted) if row.file.startswith("journal")}
    assert "damage" == found["8 of 9 lines are no rows"]

    repair_run(interrupted)
    assert 21 == len(read_attempts([interrupted]))
    assert b"".join(broken_lines()) == (interrupted / "damaged" / "journal-00002.jsonl").read_bytes()


def test_damage_by_the_same_name_is_kept_beside_the_first(run: Path) -> None:
    """A number is given again once its part is gone."""
    for content in (b"first", b"second"):
        (run / "attempts-00002.parquet").write_bytes(content)
        repair_run(run)

    kept = sorted((run / "damaged").glob("attempts-00002.parquet*"))
    assert [b"first", b"second"] == [path.read_bytes() for path in kept]


def test_a_part_without_its_columns_is_damage(run: Path) -> None:
    """A name that broke is a column that lacks and one that nobody knows; an older part only lacks some."""
    part = run / "attempts-00001.parquet"
    table = pq.read_table(part)
    pq.write_table(table.drop_columns(["partial"]), part)
    assert [] == verify_run(run)

    names = ["partiaL" if name == "partial" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), part)
    assert any("lacks column 'partial', and has 'partiaL'" in row.said for row in verify_run(run))

    pq.write_table(table.set_column(9, "repeat", pa.array(["0"] * 20)), part)
    assert any("column 'repeat' is string; expected int32" in row.said for row in verify_run(run))


def test_no_flipped_bit_changes_a_value_unseen(run: Path) -> None:
    """Every page has a checksum: a flip is found, or lies where no value is."""
    part = run / "attempts-00001.parquet"
    whole = part.read_bytes()
    before = read_attempts([run])
    draw = random.Random(3)
    found = 0
    for _ in range(60):
        broken = bytearray(whole)
        broken[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        part.write_bytes(broken)
        if verify_run(run):
            found += 1
        else:
            assert before.equals(read_attempts([run]))
    assert found > 20


def test_copies_beside_the_parts_are_no_parts(run: Path) -> None:
    """As a file manager names them."""
    for name in ("attempts-00001 (copy).parquet", "journal-old.jsonl", "attempts-x.parquet"):
        (run / name).write_bytes(b"anything")

    assert 20 == len(read_attempts([run])) == len(list(RunFollower(run).read_new()))
    assert [] == verify_run(run)
    RunWriter(run).close()


@pytest.mark.parametrize("name", ["run.lock", "report.html", "attempts-00002.tmp", "logs", "media"])
def test_a_run_is_not_written_through_a_link(run: Path, tmp_path: Path, name: str) -> None:
    """A folder of somebody else's could lead to any file of ours."""
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(mine)

    with pytest.raises(ResultsError, match=f"{name} is a symbolic link"):
        RunWriter(run)
    assert "precious" == mine.read_text()


def test_later_scores_are_not_written_through_a_link(run: Path, tmp_path: Path) -> None:
    """They are written beside the rows without the writer."""
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (run / "scores-00001.parquet.tmp").symlink_to(mine)
    row = dict.fromkeys(SCORE_SCHEMA.names, "a") | {"repeat": 0, "attempt": 1, "score": 1.0}
    write_scores(run, [row])

    assert "precious" == mine.read_text()
    assert (run / "scores-00001.parquet").is_file()
    assert not (run / "scores-00001.parquet").is_symlink()


def test_a_pipe_for_a_lock_is_not_waited_for(run: Path) -> None:
    """Opening one for reading waits for a writer that never comes."""
    (run / "run.lock").unlink()
    os.mkfifo(run / "run.lock")

    assert [] == verify_run(run)


def test_a_new_name_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is synced after each file that was renamed in it, and once for a journal."""
    synced: list[str] = []
    sync = os.fsync

    def seen(number: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)  # noqa: PTH115 - no file of its own
        sync(number)

    with RunWriter(tmp_path / "run") as writer:
        monkeypatch.setattr(os, "fsync", seen)
        writer.write_manifest(empty_manifest())
        assert ["run.json.tmp", "run"] == synced
        synced.clear()
        writer.add(ATTEMPT, payload(ATTEMPT))
        writer.sync()
        assert ["run", "journal-00001.jsonl"] == synced
        synced.clear()
    assert ["payload-00001.parquet.tmp", "run", "attempts-00001.parquet.tmp", "run"] == synced


def test_images_are_not_carried_over_through_a_link(run: Path, tmp_path: Path) -> None:
    """The old run may be somebody else's: its links could name any file of ours."""
    (tmp_path / "mine").write_text("precious")
    (run / "media").mkdir()
    (run / "media" / ("0" * 64)).symlink_to(tmp_path / "mine")
    with RunWriter(tmp_path / "results" / "new") as writer:
        carry_over_rows(run, plan(), writer, empty_manifest())

    assert not (tmp_path / "results" / "new" / "media").exists()
