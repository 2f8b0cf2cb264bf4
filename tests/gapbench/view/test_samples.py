"""The table of requests: what counts as one, how it is filtered, and what its texts are."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import orjson
import pytest

from gapbench.analysis.samples import collect_samples
from gapbench.errors import ResultsError
from gapbench.store import RunWriter
from gapbench.store.score_overlay import write_scores
from gapbench.values import Attempt, Payload
from gapbench.view.cache import ViewCache
from gapbench.view.samples import (
    SampleFilter,
    find_item,
    list_samples,
    read_messages,
    read_sample,
    read_samples,
    read_text,
)
from gapbench.view.samples_table import samples_table
from tests.episode_runs import write_episode_run
from tests.run_folders import make_answers, make_attempt, manifest, write_run

REFERENCE = next((Path(__file__).parents[3] / "results" / "reference").glob("*/run.json")).parent


def write_texts_run(folder: Path, rows: list[Attempt], texts: list[str], prompt: str = "[]") -> Path:
    """Write a run in which each row has a reply of its own."""
    with RunWriter(folder) as writer:
        listed = [dataclasses.replace(row, run_id=folder.name) for row in rows]
        writer.write_manifest(manifest(listed))
        for row, text in zip(listed, texts, strict=True):
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                row,
                Payload(
                    *key, messages=prompt, reply=text, reasoning=None, target='"4"', reason="", error=None
                ),
            )
    return folder


def ids(run: Path, cache: ViewCache, chosen: SampleFilter) -> list[str]:
    """Return the ids of the requests that a filter keeps."""
    return [row["sample_id"] for row in list_samples(samples_table(run, cache), chosen)["rows"]]


@pytest.fixture
def cache(tmp_path: Path) -> ViewCache:
    return ViewCache(tmp_path / "cache")


def test_the_table_has_what_the_sample_browser_has(cache: ViewCache) -> None:
    """The same requests in the same order, and the same outcome of each model."""
    expected = collect_samples([REFERENCE])
    table = samples_table(REFERENCE, cache)
    page = list_samples(table, SampleFilter(), 0, 10_000)

    assert len(expected.items) == page["of"]
    items = expected.items
    named = zip(items["task"], items["sample_id"], items["repeat"], items["load"], strict=True)
    assert [tuple(map(str, key)) for key in named] == [
        tuple(str(row[name]) for name in ("task", "sample_id", "repeat", "load")) for row in page["rows"]
    ]
    outcomes = {
        (int(row["item"]), str(row["model_id"])): str(row["outcome"])
        for row in expected.answers.to_dict(orient="records")
    }
    assert outcomes == {
        (place, model): outcome
        for place, row in enumerate(page["rows"])
        for model, outcome in zip(table.models, row["outcomes"], strict=True)
        if outcome is not None
    }


def test_warm_up_retries_and_probes_are_not_requests(tmp_path: Path, cache: ViewCache) -> None:
    """One measured final attempt is one request; the others are not compared."""
    rows = [
        make_attempt(sample_id="warm", phase="warmup"),
        make_attempt(sample_id="1", final=False, outcome="infra"),
        make_attempt(sample_id="1", attempt=2),
        make_attempt(sample_id="probe", load_kind="search", load_value=2.0),
    ]

    assert ["1"] == ids(write_run(tmp_path / "run-1", rows), cache, SampleFilter())


def test_a_run_of_probes_alone_shows_them(tmp_path: Path, cache: ViewCache) -> None:
    """As in the analysis."""
    run = write_run(tmp_path / "run-1", [make_attempt(sample_id="probe", load_kind="search")])

    assert ["probe"] == ids(run, cache, SampleFilter())


def test_rows_of_an_open_journal_are_there(tmp_path: Path, cache: ViewCache) -> None:
    """A run under way: its answers are listed and read before any part is closed."""
    rows = make_answers("closed-a", 1, 2)
    with RunWriter(tmp_path / "run-1") as writer:
        writer.write_manifest(manifest(rows))
        for row in rows:
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                row,
                Payload(
                    *key, messages="[]", reply="so far", reasoning=None, target=None, reason="", error=None
                ),
            )
        writer.sync()
        copy = shutil.copytree(tmp_path / "run-1", tmp_path / "seen" / "run-1")
    assert not list(copy.glob("*.parquet"))
    table = samples_table(copy, cache)

    assert ["correct", "wrong"] == [row["outcomes"][0] for row in list_samples(table, SampleFilter())["rows"]]
    assert "so far" == read_sample(table, 0)["answers"][0]["reply"]


def test_a_later_score_replaces_the_first_one(tmp_path: Path, cache: ViewCache) -> None:
    """Outcome, score and extracted answer are those of `bench score`, and the table is made again."""
    run = write_run(tmp_path / "run-1", make_answers("closed-a", 2, 2))
    before = list_samples(samples_table(run, cache), SampleFilter())["rows"][0]
    row = {
        "run_id": "run-1", "cell_id": "closed-a|reasoning/sums|c8", "sample_id": "0", "repeat": 0, "attempt": 1,
        "scorer": "exact", "outcome": "wrong", "score": 0.0, "answer": "5", "isolation": None, "reason": "it is 4",
        "judge_model": None, "judge_sha256": None,
    }  # fmt: skip
    write_scores(run, [row])
    table = samples_table(run, cache)
    answer = read_sample(table, 0)["answers"][0]

    assert ["correct"] == before["outcomes"]
    assert ["wrong"] == list_samples(table, SampleFilter())["rows"][0]["outcomes"]
    assert ("wrong", "5", "it is 4") == (answer["outcome"], answer["answer"], answer["reason"])


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (SampleFilter(), ["0", "1", "2", "3"]),
        (SampleFilter(only_different=True), ["1", "2"]),
        (SampleFilter(outcome="wrong", models=("closed-a",)), ["3"]),
        (SampleFilter(outcome="wrong"), ["1", "2", "3"]),
        (SampleFilter(sort="hardest"), ["3", "1", "2", "0"]),
        (SampleFilter(sort="easiest"), ["0", "1", "2", "3"]),
        (SampleFilter(task="reasoning/none"), []),
        (SampleFilter(category="reasoning", items=(0, 3, 99)), ["0", "3"]),
        (SampleFilter(items=()), []),
    ],
)
def test_filters_and_orders(
    tmp_path: Path, cache: ViewCache, chosen: SampleFilter, expected: list[str]
) -> None:
    """Of four samples closed-a has the first three right, open-b the first one."""
    run = write_run(tmp_path / "run-1", [*make_answers("closed-a", 3, 4), *make_answers("open-b", 1, 4)])

    assert expected == ids(run, cache, chosen)


def test_a_failure_is_neither_right_nor_wrong(tmp_path: Path, cache: ViewCache) -> None:
    """One model right and the other without an answer is no difference."""
    rows = [make_attempt(), make_attempt(model_id="open-b", outcome="infra")]

    assert [] == ids(write_run(tmp_path / "run-1", rows), cache, SampleFilter(only_different=True))


def test_pages_follow_each_other(tmp_path: Path, cache: ViewCache) -> None:
    """Offset and limit."""
    table = samples_table(write_run(tmp_path / "run-1", make_answers("closed-a", 5, 5)), cache)
    page = list_samples(table, SampleFilter(), 2, 2)

    assert (["2", "3"], 5) == ([row["sample_id"] for row in page["rows"]], page["total"])


def test_names_are_never_taken_for_sql(tmp_path: Path, cache: ViewCache) -> None:
    """Quotes, semicolons and question marks in models, tasks and ids."""
    odd = "o'; DROP TABLE x; -- ?"
    run = write_run(
        tmp_path / "run-1",
        [make_attempt(model_id=odd, sample_id=odd, task=f"reasoning/{odd}", weights="open")],
    )
    table = samples_table(run, cache)

    assert 0 == find_item(table, f"reasoning/{odd}", odd, 0, "c8")
    assert odd == read_sample(table, 0)["answers"][0]["model"]
    assert [odd] == ids(run, cache, SampleFilter(models=(odd,), outcome="correct"))


def test_a_folder_with_pattern_characters_is_one_folder(tmp_path: Path, cache: ViewCache) -> None:
    """`[1]` and `*` in a path name that folder and no other."""
    write_run(tmp_path / "1" / "run-1", make_answers("closed-a", 1, 3))
    run = write_run(tmp_path / "[1]*" / "run-1", make_answers("closed-a", 1, 1))

    assert ["0"] == ids(run, cache, SampleFilter())


def test_a_long_text_is_cut_and_can_be_had_whole(tmp_path: Path, cache: ViewCache) -> None:
    """5 MB: the first 10 characters with the length, then all."""
    text = "word " * 1_000_000
    table = samples_table(write_texts_run(tmp_path / "run-1", [make_attempt()], [text]), cache)
    answer = read_sample(table, 0, max_chars=10)["answers"][0]

    assert ("word word ", {"reply": 5_000_000}) == (answer["reply"], answer["cut"])
    assert text == read_text(table, 0, "closed-a", "reply")


def test_several_samples_are_read_at_once(tmp_path: Path, cache: ViewCache) -> None:
    """Each with its own text; one that is not there is left out."""
    run = write_texts_run(tmp_path / "run-1", make_answers("closed-a", 3, 3), ["a", "b", "c"])
    found = read_samples(samples_table(run, cache), [2, 0, 7])

    assert [("0", "a"), ("2", "c")] == [(row["sample_id"], row["answers"][0]["reply"]) for row in found]


@pytest.mark.parametrize(
    "stored", ["not JSON", '{"a": 1}', '[{"role": "user"}]', "[1]", '[{"role": "u", "parts": [1]}]']
)
def test_a_prompt_of_another_shape_is_shown_as_it_is(stored: str) -> None:
    """An imported log may have any text there."""
    assert [{"role": "prompt", "parts": [{"text": stored}]}] == read_messages(stored)


def test_a_prompt_has_texts_and_images() -> None:
    """As the run stores them."""
    stored = orjson.dumps(
        [{"role": "user", "parts": [{"text": "What?"}, {"image_sha256": "ab", "media_type": "image/png"}]}]
    )

    assert [{"role": "user", "parts": [{"text": "What?"}, {"image": "ab"}]}] == read_messages(stored.decode())


def test_a_damaged_part_is_one_line(tmp_path: Path, cache: ViewCache) -> None:
    """It names the run and the command that finds the file."""
    run = write_run(tmp_path / "run-1", make_answers("closed-a", 1, 1))
    (run / "attempts-00001.parquet").write_bytes(b"PAR1 nonsense")

    with pytest.raises(ResultsError, match=r"run-1: its rows cannot be read.*bench runs verify"):
        samples_table(run, cache)


def test_the_cache_is_outside_of_the_results(tmp_path: Path, cache: ViewCache) -> None:
    """Looking at a run leaves no file in it."""
    run = write_run(tmp_path / "run-1", make_answers("closed-a", 1, 1))
    before = sorted(path.name for path in run.iterdir())
    table = samples_table(run, cache)

    assert before == sorted(path.name for path in run.iterdir())
    assert table.path.is_relative_to(tmp_path / "cache")


def test_a_table_that_is_there_is_not_made_again(tmp_path: Path, cache: ViewCache) -> None:
    """The file of the second call is that of the first."""
    run = write_run(tmp_path / "run-1", make_answers("closed-a", 1, 1))
    first = samples_table(run, cache).path.stat()
    second = samples_table(run, cache).path.stat()

    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)


def test_an_episode_is_shown_by_turns(tmp_path: Path, cache: ViewCache) -> None:
    """The prompt is the first one; a turn has its calls and times: 2.5 - 0.5 = 2 s of the model, 0.5 s of the tool."""
    shown = read_sample(samples_table(write_episode_run(tmp_path / "run"), cache), 0)

    first, last = shown["answers"][0]["episode"]["turns"]
    assert ["system", "user"] == [turn["role"] for turn in shown["messages"]]
    assert ("find", "no such xylophone") == (first["calls"][0]["name"], first["calls"][0]["result"])
    assert {"model": 2.0, "tool": 0.5, "user": 0.0, "queue": 0.5} == first["times"]
    assert (["Try again, quokka."], "It is gone.") == (last["said"], last["text"])
    assert "done: nothing to add" == shown["answers"][0]["episode"]["end"]


def test_a_long_result_loses_its_middle(tmp_path: Path, cache: ViewCache) -> None:
    """Of 100,000 characters 20,000 are kept: 80,000 are left out."""
    run = write_episode_run(tmp_path / "run", result="a" * 100_000)

    result = read_sample(samples_table(run, cache), 0)["answers"][0]["episode"]["turns"][0]["calls"][0][
        "result"
    ]

    assert "[… 80,000 characters left out …]" in result
    assert 20_100 > len(result)
