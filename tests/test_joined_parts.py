"""A run whose parts were joined reads like the run before: every command, the app and the importer of traffic."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapbench.cli import invoke
from gapbench.store import numbered_files, read_trajectories
from gapbench.store.part_files import file_name
from gapbench.store.part_joining import join_parts
from gapbench.store.run_folder import write_table
from gapbench.store.schema import ROW_SCHEMAS
from gapbench.store.shard_merge import find_shard_runs, merge_shards
from gapbench.store.verify import verify_run
from gapbench.traffic.importer import ImportOptions, import_traffic
from gapbench.values import ATTEMPT_KEY_IN_RUN
from gapbench.view.cache import ViewCache
from gapbench.view.samples import SampleFilter, list_samples, read_samples
from gapbench.view.samples_table import samples_table
from gapbench.view.text_search import write_texts
from tests.episode_runs import write_episode_run
from tests.gapbench.store.test_shard_merge import plan_of, run_shards

REFERENCE = next((Path(__file__).parents[1] / "results" / "reference").glob("*/run.json")).parent
PARTS = 24


def split(run: Path, to: Path) -> Path:
    """Copy a run with its rows in 24 parts or more, as a writer of small parts leaves it before it joins them."""
    shutil.copytree(run, to)
    tables = {
        kind: pa.concat_tables(map(pq.read_table, numbered_files(run, kind).values()))
        for kind in ROW_SCHEMAS
        if kind in ("attempts", "payload", "trajectories") and numbered_files(run, kind)
    }
    for kind in tables:
        for path in numbered_files(to, kind).values():
            path.unlink()
    rows = -(-tables["attempts"].num_rows // PARTS)
    for number, start in enumerate(range(0, tables["attempts"].num_rows, rows), 1):
        part = tables["attempts"].slice(start, rows)
        keys = set(zip(*(part[name].to_pylist() for name in ATTEMPT_KEY_IN_RUN), strict=True))
        for kind, table in tables.items():
            mine = [
                key in keys
                for key in zip(*(table[name].to_pylist() for name in ATTEMPT_KEY_IN_RUN), strict=True)
            ]
            if any(mine):
                write_table(to / file_name(kind, number), table.filter(pa.array(mine)).combine_chunks())
    return to


@pytest.fixture(scope="module", params=["reference", "episodes"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run in small parts and joined, in folders of the same name."""
    folder = tmp_path_factory.mktemp("joined")
    source = REFERENCE if request.param == "reference" else write_episode_run(folder / "episodes")
    small = split(source, folder / "small" / source.name)
    joined = folder / "joined" / source.name
    shutil.copytree(small, joined)
    join_parts(joined, min_parts=2)
    return small, joined


def test_there_are_fewer_files(runs: tuple[Path, Path]) -> None:
    small, joined = (numbered_files(run, "attempts") for run in runs)

    assert len(small) > len(joined)


@pytest.mark.parametrize(
    "command",
    [
        ("gap", "--json"),
        ("report", "--json"),
        ("cost", "--json"),
        ("runs", "verify"),
    ],
    ids=" ".join,
)
def test_a_command_prints_the_same(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    printed = []
    for run in runs:
        assert 0 == invoke([*command, str(run)])
        printed.append(capsys.readouterr().out.replace(str(run.parent), "FOLDER"))

    assert printed[0] == printed[1]


def read_view(run: Path, folder: Path) -> list[Any]:
    """Return what the app shows: the list, all samples with texts and turns, and the texts that are searched."""
    table = samples_table(run, ViewCache(folder))
    listed = list_samples(table, SampleFilter(), 0, 10_000)["rows"]
    shown = read_samples(table, [row["item"] for row in listed], 10_000)
    texts = write_texts(run, ViewCache(folder)).path.with_name("texts")
    searched = sorted(map(str, pq.read_table(texts, columns=["item", "model", "text"]).to_pylist()))
    return [listed, shown, searched]


def read_traffic(run: Path, folder: Path) -> list[Any]:
    """Return the traffic table of a run."""
    import_traffic([str(run)], folder / "traffic.parquet", ImportOptions(hash_key_env="HASH_KEY"))
    rows = pq.read_table(folder / "traffic.parquet").drop_columns(["file", "line"]).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=str))


def read_episodes(run: Path, folder: Path) -> list[Any]:
    """Return the trajectories of a run."""
    return sorted(map(str, read_trajectories([run]).drop(columns="run_id").to_dict("records")))


@pytest.mark.parametrize("read", [read_view, read_traffic, read_episodes], ids=lambda read: read.__name__)
def test_a_reader_finds_the_same(
    runs: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[Path, Path], list[Any]],
) -> None:
    monkeypatch.setenv("HASH_KEY", "a key of at least some length")
    (tmp_path / "small").mkdir()
    (tmp_path / "joined").mkdir()

    assert read(runs[0], tmp_path / "small") == read(runs[1], tmp_path / "joined")


def test_shards_with_joined_parts_are_merged(tmp_path: Path) -> None:
    """Four shards of 12 requests: one has its rows in 12 joined parts, and the merged run is whole."""
    first, *_ = run_shards(tmp_path / "shards", plan_of())
    small = split(first, tmp_path / "split")
    shutil.rmtree(first)
    shutil.copytree(small, first)
    join_parts(first, min_parts=2)
    merged, _ = merge_shards(find_shard_runs([tmp_path / "shards"]), tmp_path / "results")

    assert [] == verify_run(merged)
    assert 48 == sum(pq.read_metadata(path).num_rows for path in numbered_files(merged, "payload").values())
