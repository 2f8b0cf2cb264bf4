"""What DuckDB returns of runs agrees with rows that Arrow reads and pandas computes, whatever the runs look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.paid_attempts import PaidModel
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.request_reader import RequestsByModel
from gapbench.analysis.quality.summary import summarize
from gapbench.errors import ResultsError
from gapbench.store import attempt_sources, read_attempts
from gapbench.store.attempt_frame import read_frame
from gapbench.store.part_files import numbered_files
from gapbench.store.schema import SCHEMA_VERSION
from gapbench.store.score_overlay import write_scores
from gapbench.values import Attempt
from tests.run_folders import journal_line, make_attempt, make_episode, write_run

MODELS = {"closed-a": 0.7, "open-a": 0.6, "open-b": 0.5}
TASKS = ("reasoning/sums", 'coding/it\'s "quoted"; DROP TABLE attempts')
PRICES: Mapping[str, Any] = {
    "closed_a": {
        "cost": {"input_usd_per_mtok": 3, "cached_input_usd_per_mtok": 0.3, "output_usd_per_mtok": 15}
    },
    "open_a": {"cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 2}},
    "open_b": {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
}


def random_rows(seed: int) -> list[Attempt]:
    """Return the attempts of two models with retries, clusters, failures and unknown values."""
    rng = np.random.default_rng(seed)
    rows: list[Attempt] = []

    def maybe(value: float, share: float = 0.9) -> Any:
        return value if rng.random() < share else None

    for model, skill in MODELS.items():
        for task in TASKS:
            for sample in rng.permutation(12).tolist():
                for repeat in range(2):
                    given: dict[str, Any] = {
                        "model_id": model, "task": task, "category": task[:6], "sample_id": str(sample),
                        "cluster_id": f"source {sample // 3}", "repeat": repeat, "load_value": float(rng.choice([4, 8])),
                        "scheduled_s": maybe(float(sample), 0.95), "from_cache": bool(rng.random() < 0.05),
                        "phase": "warmup" if rng.random() < 0.1 else "measure", "service_tier": maybe(1, 0.5) and "default",
                    }  # fmt: skip
                    attempt = 1
                    while rng.random() < 0.15:
                        rows.append(make_attempt(**given, outcome="infra", final=False, attempt=attempt))
                        attempt += 1
                    outcome = str(rng.choice(["infra", "unscored", "unparsed", "truncated"])) if rng.random() < 0.2 else (
                        "correct" if rng.random() < skill else "wrong"
                    )  # fmt: skip
                    score = {"correct": 1.0, "wrong": float(rng.choice([0, 0.25]))}.get(outcome)
                    counts: dict[str, Any] = {} if outcome == "infra" else {
                        "input_tokens": maybe(int(rng.integers(1, 900))), "output_tokens": int(rng.integers(1, 90)),
                        "cached_input_tokens": maybe(int(rng.integers(0, 500)), 0.5), "reasoning_tokens": maybe(7, 0.3),
                    }  # fmt: skip
                    rows.append(
                        make_attempt(
                            **given, **counts, outcome=outcome, attempt=attempt,
                            score=None if outcome in {"infra", "unscored"} else score or 0.0,
                            sent_s=sample + 0.1, done_s=maybe(sample + float(rng.lognormal()) + 0.2), output_chars=int(rng.integers(0, 99)),
                        )
                    )  # fmt: skip
    episodes = (make_episode(2, model_id=model, task="agents/trips", sample_id="7") for model in MODELS)
    return [*rows, *(row for episode in episodes for row in episode)]


def make_runs(folder: Path, seed: int) -> list[Path]:
    """Write two runs, of which the second was scored again."""
    runs = [
        write_run(folder / f"it's run {number}", random_rows(10 * seed + number), **PRICES)
        for number in (1, 2)
    ]
    again = [row for row in random_rows(10 * seed + 2) if row.final and row.outcome == "wrong"][:9]
    key = ("cell_id", "sample_id", "repeat", "attempt")
    write_scores(
        runs[1],
        [
            {
                **{name: getattr(row, name) for name in key}, "run_id": runs[1].name, "scorer": "numeric",
                "outcome": "correct" if place % 2 else "unscored", "score": 1.0 if place % 2 else None, "answer": None,
                "isolation": None, "reason": "", "judge_model": None, "judge_sha256": None,
            }
            for place, row in enumerate(again)
        ],
    )  # fmt: skip
    return runs


@pytest.fixture(params=range(3))
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    """Two random runs."""
    return load_runs(make_runs(tmp_path, request.param))


def stored_rows(runs: Runs) -> pd.DataFrame:
    """Return the rows as Arrow reads them, with texts as plain objects."""
    return read_attempts(runs.folders)


def floats(column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def test_stored_columns_are_those_that_arrow_reads(runs: Runs) -> None:
    """Each value in the order written, with the newest scores."""
    expected = stored_rows(runs)

    for name in runs.frame.columns.intersection(expected.columns):
        known = expected[name].notna().to_numpy()
        assert list(known) == list(runs.frame[name].notna()), name
        if name != "params_changes":  # lines of one text
            assert list(expected[name][known]) == list(runs.frame[name][known]), name


def test_derived_columns_agree_with_pandas(runs: Runs) -> None:
    """Times, speeds and marks, those of episodes included."""
    rows, found = stored_rows(runs), runs.frame
    within = ~rows["final"] & rows["turn"].notna() & (rows["outcome"] != "infra")
    latency = np.where(rows["from_cache"], np.nan, floats(rows["done_s"]) - floats(rows["sent_s"]))
    response = floats(rows["done_s"]) - floats(rows["scheduled_s"])
    response[np.isnan(latency)] = np.nan
    chars = floats(rows["output_chars"])
    speed = np.where((latency > 0) & (chars > 0), chars / latency, np.nan)
    # Both episodes of a model take 2.5 + 1.5 + 2.5 s, and their model 2 + 2 s for 400 + 400 characters.
    ends = (rows["final"] & rows["turn"].notna()).to_numpy()
    response[ends], speed[ends] = 6.5, 800 / 4

    np.testing.assert_allclose(floats(found["latency_s"]), latency, rtol=1e-12)
    np.testing.assert_allclose(floats(found["response_s"]), response, rtol=1e-12)
    np.testing.assert_allclose(floats(found["answer_chars_per_s"]), speed, rtol=1e-12)
    np.testing.assert_allclose(
        floats(found["ttft_s"]), floats(rows["first_token_s"]) - floats(rows["sent_s"]), rtol=1e-12
    )
    assert list((rows["phase"] == "measure") & (rows["final"] | within)) == list(found["timed"])
    assert list(~rows["final"] & ~within) == list(found["retried"])
    scored = rows["final"] & (rows["phase"] == "measure") & ~rows["outcome"].isin(["infra", "unscored"])
    assert list(scored & rows["score"].notna()) == list(found["scored"])
    assert [cell.rsplit("|", 1)[-1] for cell in rows["cell_id"]] == list(found["load"])


def test_the_tally_counts_every_attempt_once(runs: Runs) -> None:
    """Counts and sums by model, phase and outcome."""
    by = ["model_id", "phase", "outcome"]
    rows = stored_rows(runs).astype(dict.fromkeys(by, str))
    expected = rows.groupby(by).agg(n=("final", "size"), tokens=("reasoning_tokens", "sum"))
    found = runs.tally.groupby(by).agg(n=("n", "sum"), tokens=("reasoning_tokens", "sum"))

    assert dict(expected["n"]) == dict(found["n"])
    assert dict(expected["tokens"]) == dict(found["tokens"])


def test_requests_of_a_model_agree_with_the_rows(runs: Runs) -> None:
    """Scores, times and dollars of each request, and which requests are of one sample and of one source."""
    account = bill(runs)
    frame = runs.frame.assign(usd=usd_per_answer(runs.frame, account.usd))
    frame = frame[(frame["final"] & (frame["phase"] == "measure")).to_numpy()]
    requests = RequestsByModel(runs, account)
    for model in MODELS:
        part, found = frame[(frame["model_id"] == model).to_numpy()], requests[model]
        score = np.where(part["scored"], floats(part["score"]), np.nan)
        answered = (part["outcome"] != "infra").to_numpy()
        expected = {
            "score": score,
            "usd": floats(part["usd"]),
            **{name: np.where(answered, floats(part[name]), np.nan) for name in ("response_s", "answer_chars_per_s")},
        }  # fmt: skip
        for name, values in expected.items():
            np.testing.assert_allclose(np.sort(found.columns[name]), np.sort(values), rtol=1e-12)
        for name, columns in (("cluster", ["task", "cluster_id"]), ("sample", ["task", "sample_id", "load"])):
            sizes = part.groupby(columns, observed=True).size()
            assert sorted(sizes) == sorted(np.unique(getattr(found, name), return_counts=True)[1])
        assert len(part) == len(np.unique(found.item))


def test_exact_lines_sum_the_tokens_of_the_priced_attempts(runs: Runs) -> None:
    """An attempt of unknown cost has no dollars, and its line says so."""
    account = bill(runs)
    lines = [line for model in MODELS for line in PaidModel(runs, account, model).lines]
    priced = (runs.frame["model_id"] != "open-a").to_numpy()
    usd = account.usd[priced]

    assert int(priced.sum()) == sum(line.attempts for line in lines)
    known = sum(line.usd for line in lines if line.usd is not None)
    assert np.nansum(usd) == pytest.approx(float(known), rel=1e-9)
    assert int(np.isnan(usd).sum()) == sum(line.attempts for line in lines if line.usd is None)


def numbers(value: Any, path: str = "") -> dict[str, Any]:
    """Return the plain values of a document by their path."""
    if isinstance(value, Mapping):
        return {
            key: one for name, part in value.items() for key, one in numbers(part, f"{path}.{name}").items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {key: one for k, part in enumerate(value) for key, one in numbers(part, f"{path}.{k}").items()}
    return {path: value}


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    """Accuracy, times, dollars and their intervals. Below 1,500 pairs the times' draws number sources as they are written."""
    rng = np.random.default_rng(5)
    rows = [
        make_attempt(
            model_id=model, sample_id=str(k), cluster_id=str(k // 2), done_s=2.5 + float(rng.random()),
            outcome="correct" if rng.random() < skill else "wrong",
        )
        for model, skill in list(MODELS.items())[:2]
        for k in range(1_500)
    ]  # fmt: skip
    run = write_run(tmp_path / "run", rows, **PRICES)
    before = numbers(gap([run]).to_json()) | numbers(summarize([run]).to_json())
    for path in run.glob("attempts-*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.take(rng.permutation(table.num_rows)), path)
    after = numbers(gap([run]).to_json()) | numbers(summarize([run]).to_json())

    assert before.keys() == after.keys()
    for name, value in before.items():
        assert value == (pytest.approx(after[name], rel=1e-9) if isinstance(value, float) else after[name]), (
            name
        )


def test_a_part_of_an_older_version_lacks_columns(tmp_path: Path) -> None:
    """They are null there, and as stored in the other part."""
    run = write_run(tmp_path / "run", [make_attempt(sample_id=str(k), partial=0.5) for k in range(3)])
    newer = run / "attempts-00001.parquet"
    pq.write_table(
        pq.read_table(newer).drop_columns(["partial", "turn", "rung"]), run / "attempts-00002.parquet"
    )

    frame = load_runs([run]).frame

    assert [0.5] * 3 == list(frame["partial"][:3])
    assert frame["partial"][3:].isna().all()
    assert frame["turn"].isna().all()


def test_a_part_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """Its columns may mean something else."""
    run = write_run(tmp_path / "run", [make_attempt()])
    path = run / "attempts-00001.parquet"
    pq.write_table(
        pq.read_table(path).replace_schema_metadata({"gapbench.schema": str(SCHEMA_VERSION + 1)}), path
    )

    with pytest.raises(ResultsError, match=f"has schema {SCHEMA_VERSION + 1}, this gapbench reads up to"):
        load_runs([run])


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    """A flipped bit of a page is found by its checksum."""
    run = write_run(tmp_path / "run", [make_attempt(sample_id=str(k)) for k in range(500)])
    path = run / "attempts-00001.parquet"
    data = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(0).column(5).data_page_offset + 60
    data[place] ^= 1
    path.write_bytes(data)

    with pytest.raises(ResultsError, match=r"attempts-00001\.parquet cannot be read .*--resume"):
        _ = load_runs([run]).frame


def test_a_column_of_another_type_is_said(tmp_path: Path) -> None:
    """A file from elsewhere whose scores are words."""
    run = write_run(tmp_path / "run", [make_attempt()])
    path = run / "attempts-00001.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("done_s")
    pq.write_table(table.set_column(place, "done_s", pa.array(["soon"] * table.num_rows)), path)

    with pytest.raises(ResultsError, match=r"attempts-00001\.parquet cannot be read"):
        _ = load_runs([run]).frame


def split_by_cell(run: Path) -> None:
    """Cut the part of a run wherever the cell or the phase changes, so that all rows of a part have the same labels."""
    (path,) = numbered_files(run, "attempts").values()
    rows = pq.read_table(path)
    names = rows["cell_id"].to_pandas().astype(str) + rows["phase"].to_pandas().astype(str)
    starts = np.flatnonzero(names.ne(names.shift()))
    path.unlink()
    for number, (start, stop) in enumerate(pairwise([*starts.tolist(), rows.num_rows]), 1):
        pq.write_table(rows.slice(start, stop - start), run / f"attempts-{number:06d}.parquet")


@pytest.mark.parametrize("seed", range(3))
def test_labels_in_footers_and_in_rows_give_the_same_tables(tmp_path: Path, seed: int) -> None:
    """The same rows in one part and in parts of one cell: gap and summary are equal."""
    mixed = make_runs(tmp_path / "mixed", seed)
    apart = make_runs(tmp_path / "apart", seed)
    for run in apart:
        split_by_cell(run)
    one, other = load_runs(mixed), load_runs(apart)

    def figures(runs: Runs) -> dict[str, Any]:
        return numbers([gap(runs).to_json(), summarize(runs).to_json()])

    expected, found = figures(one), figures(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert value == (pytest.approx(found[name], rel=1e-9) if isinstance(value, float) else found[name]), (
            name
        )


@pytest.mark.parametrize("seed", range(3))
def test_frames_of_models_have_the_labels_of_the_rows(tmp_path: Path, seed: int) -> None:
    """Labels from footers stand at their rows."""
    for run in (found := make_runs(tmp_path, seed)):
        split_by_cell(run)
    frame = load_runs(found).model_frame("open-a")
    rows = stored_rows(load_runs(found))
    rows = rows[rows["model_id"].astype(str) == "open-a"].reset_index(drop=True)

    for name in ("run_id", "cell_id", "task", "outcome", "phase", "service_tier", "sample_id"):
        assert list(rows[name].astype(object).where(rows[name].notna(), None)) == list(
            frame[name].astype(object).where(frame[name].notna(), None)
        ), name
    # A hash stands for one source, and a source has one hash.
    assert list(pd.factorize(rows["cluster_id"])[0]) == list(pd.factorize(frame["cluster_id"])[0])


def test_a_frame_of_a_model_gets_further_columns_when_they_are_asked_for(runs: Runs) -> None:
    """At the same rows as if they had been asked for at first."""
    runs.model_frame("open-a")
    later = runs.model_frame("open-a", ["sent_s", "output_chars"])
    first = load_runs(list(runs.folders)).model_frame("open-a", ["sent_s", "output_chars"])

    for name in ("sent_s", "output_chars"):
        assert np.array_equal(later[name], first[name], equal_nan=True)


@pytest.mark.parametrize("group_rows", [1, 3, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_the_parts_near_some_attempts_have_these_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, group_rows: int
) -> None:
    """A few attempts of many parts and of a journal, the figures of episodes included: as in the frame of all parts.

    Of parts with more rows than a row group only stretches are read.
    """
    monkeypatch.setattr(attempt_sources, "GROUP_ROWS", group_rows)
    found = make_runs(tmp_path, seed)
    for run in found:
        split_by_cell(run)
    (found[1] / "journal-00999.jsonl").write_bytes(journal_line(make_attempt(run_id=found[1].name)))
    attempts = load_runs(found).attempts
    columns = ["ord", "cell_id", "sample_id", "response_s", "answer_chars_per_s", "score"]
    everything = read_frame(attempts, columns)
    rng = np.random.default_rng(seed)
    last = len(everything) - 1
    rows = [*sorted(rng.choice(last, 7, replace=False).tolist()), last]
    chosen = everything.iloc[rows].reset_index(drop=True)
    numbers = chosen["ord"].to_numpy(np.int64)

    near = attempts.near(numbers)
    few = read_frame(near, columns, where="a.ord IN (SELECT unnest($n))", values={"n": numbers.tolist()})

    assert near.rows < attempts.rows
    pd.testing.assert_frame_equal(
        chosen.astype({"cell_id": str}), few.astype({"cell_id": str}), check_dtype=False
    )


def test_labels_are_in_the_order_of_their_first_row(runs: Runs) -> None:
    """In the frame of all rows, whatever DuckDB returns first."""
    for name in ("cell_id", "outcome", "model_id", "task"):
        column = runs.frame[name]
        assert list(column.cat.categories) == list(column.dropna().astype(str).unique())
