"""What one request of lm-eval leaves in the results: a row with a time, tokens, and a score of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pandas as pd
import pytest

from gapbench.cli import invoke
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.execution.setup import Selection, build_run_setup
from gapbench.store import RunManifest, RunWriter, read_attempts, read_manifest, read_payload
from tests.harness.lm_eval.conftest import TASKS, Bench
from tests.harness.lm_eval.stub import BROKEN, Stub
from tests.harness.test_run import Watch


def rows_of(folder: Path) -> pd.DataFrame:
    return read_attempts([folder]).sort_values(["sample_id", "repeat"], ignore_index=True)


def test_each_request_is_a_row_with_times_and_tokens(bench: Bench) -> None:
    """Nine documents, nine rows; the first filter's answer is judged, and one not found is `unparsed`."""
    rows = rows_of(bench("filters"))

    assert ["0", "1", "2", "3", "4", "5", "6", "7", "8"] == list(rows["sample_id"])
    assert ["correct", "wrong", "unparsed"] * 3 == list(rows["outcome"])
    assert ["22", "43"] == list(rows["answer"][:2])
    assert pd.isna(rows["answer"][2])
    assert rows["first_token_s"].notna().all()
    assert (rows["input_tokens"] == 7).all()
    assert {"lm_eval"} == set(rows["scorer"])


def test_the_parameters_are_the_tasks_generation_kwargs(bench: Bench, stub: Stub) -> None:
    """`until` is the stop list, `max_gen_toks` the budget, `do_sample` says nothing to a server."""
    rows = rows_of(bench("filters", entry={"limit": 1}))
    asked = {"max_tokens": 64, "temperature": 0.0, "stop": ["Question:", "</s>"]}

    assert asked == json.loads(rows["params_asked"][0])
    assert asked.items() <= stub.asked[0].items()


def test_few_shot_examples_are_turns(bench: Bench) -> None:
    """Description as system, examples as turns, the prefix as the last assistant turn: lm-eval's own chat form."""
    payload = read_payload([bench("shots", entry={"limit": 1})])
    turns = [(turn["role"], turn["parts"][0]["text"]) for turn in json.loads(payload["messages"][0])]

    assert [
        ("system", "You add numbers."),
        ("user", "What is 1 + 2?"),
        ("assistant", "The sum is 3"),
        ("user", "What is 4 + 4?"),
        ("assistant", "The sum is 8"),
        ("user", "What is 17 + 5?"),
        ("assistant", "The sum is"),
    ] == turns


def test_the_number_of_examples_can_be_set(bench: Bench) -> None:
    """`num_fewshot: 1` leaves one example: system, user, assistant, and the question."""
    payload = read_payload([bench("drawn", entry={"limit": 1, "num_fewshot": 1})])

    assert ["user", "assistant", "user"] == [turn["role"] for turn in json.loads(payload["messages"][0])]


def test_the_choices_of_a_document_share_one_score(bench: Bench) -> None:
    """Five documents of four choices, asked with and without their question: 40 rows, five of them scored."""
    folder = bench("choices")
    rows = rows_of(folder)
    scored = rows[rows["score"].notna()]
    (graded,) = read_manifest(folder).graded

    assert 5 * 8 == len(rows)
    assert ["0", "1", "2", "3", "4"] == sorted(scored["cluster_id"])
    assert graded["results"]["choices"]["acc,none"] == pytest.approx(scored["score"].mean())
    assert {"unscored"} == set(rows[rows["score"].isna()]["outcome"])


def test_a_weighed_row_holds_its_log_probability(bench: Bench) -> None:
    """Context and continuation are the messages, the answer is the sum; the server's tokens are counted."""
    folder = bench("cloze", entry={"limit": 1})
    payload, rows = read_payload([folder]), rows_of(folder)
    reply = json.loads(payload["reply"][0])
    turns = [(turn["role"], turn["parts"][0]["text"]) for turn in json.loads(payload["messages"][0])]

    assert [
        ("user", "The lamp was out, so Mia felt along the wall for the switch and turned on the"),
        ("assistant", " lamp"),
    ] == turns
    assert reply["logprob"] < 0
    assert {"max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True} == json.loads(
        rows["params_sent"][0]
    )
    assert 18 + 1 == rows["input_tokens"][0]  # words and a comma


def test_repeats_are_rows_of_one_sample(bench: Bench) -> None:
    """Three tries at each of nine sums; each is scored alone, lm-eval's vote is in `graded`."""
    folder = bench("majority")
    rows = rows_of(folder)
    (graded,) = read_manifest(folder).graded

    assert [0, 1, 2] * 9 == list(rows["repeat"])
    assert ["correct", "wrong", "correct"] == list(rows["outcome"][:3])
    assert graded["results"]["majority"]["exact_match,voted"] == pytest.approx(3 / 9)


def test_the_suites_repeats_are_passes(bench: Bench) -> None:
    """`repeats: 2` asks all documents twice, and lm-eval's figures are made of each time apart."""
    graded = read_manifest(bench("words", repeats=2)).graded

    assert [0, 1] == [figures["pass"] for figures in graded]
    assert graded[0]["results"] == graded[1]["results"]


def test_a_metric_of_all_replies_scores_no_row(bench: Bench) -> None:
    """BLEU is no mean of sentences: rows are `unscored`, and say where the figure is."""
    folder = bench("translation")

    assert {"unscored"} == set(rows_of(folder)["outcome"])
    assert "see `graded` in run.json" in read_payload([folder])["reason"][0]


def test_filter_and_metric_can_be_chosen(bench: Bench) -> None:
    """The flexible filter finds the number that the strict one misses."""
    rows = rows_of(bench("filters", entry={"filter": "flexible-extract"}))

    assert ["correct", "wrong", "correct"] * 3 == list(rows["outcome"])


def test_a_document_without_reply_is_left_out_and_counted(stub: Stub, bench: Bench) -> None:
    """One of six requests fails: an `infra` row, and lm-eval's figures are over the other five."""
    stub.replies = {**stub.replies, "What is the capital of Italy?": [BROKEN]}
    suite_rows = bench("words", retries={"attempts": 1})
    (graded,) = read_manifest(suite_rows).graded

    assert 1 == (rows_of(suite_rows)["outcome"] == "infra").sum()
    assert {"words": 1} == graded["documents_without_reply"]
    assert graded["results"]["words"]["exact_match,bare"] == pytest.approx(3 / 5)


@pytest.mark.parametrize("name", ["choices", "majority"])
def test_a_resumed_run_has_the_same_figures(name: str, stub: Stub, bench: Bench, tmp_path: Path) -> None:
    """Stopped within a document and gone on with: what was there is not asked again, and counts."""
    whole = read_manifest(bench(name))
    assembly = build_run_setup(Selection(str(tmp_path / "suite.yaml")))
    folder = tmp_path / "again"

    def go(after: int | None, resumed: RunManifest | None) -> RunManifest:
        async def main() -> RunManifest:
            halt = StopSignal()
            with RunWriter(folder) as writer:
                return await run(
                    assembly.plan,
                    assembly.runners,
                    writer,
                    RunSettings(),
                    Watch(halt, after),
                    halt,
                    resumed_manifest=resumed,
                )

        return asyncio.run(main())

    stub.forget()
    first = go(11, None)
    asked = len(stub.asked)
    last = go(None, first)

    assert 11 <= asked < len(stub.asked) == sum(cell.planned for cell in last.cells)
    assert whole.graded == last.graded
    scored = [
        rows[rows["score"].notna()]
        for rows in (rows_of(folder), rows_of(tmp_path / "results" / whole.run_id))
    ]
    assert len(scored[0]) == len(scored[1])


def test_the_figures_are_shown(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`bench report` prints lm-eval's own numbers under the tables, and the page holds them."""
    monkeypatch.setenv("COLUMNS", "140")
    folder = bench("words")
    capsys.readouterr()

    assert 0 == invoke(["report", str(folder)])
    assert "exact_match,bare  0.6667 ± 0.2108" in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert "exact_match,bare" in page
    assert "0.6667 ± 0.2108" in page


def test_a_task_is_named_by_its_own_name_or_its_entrys(bench: Bench) -> None:
    """`--task words` picks one task of a group."""
    folder = bench("everything", options=("--task", "words"))

    assert ["words"] == [task.name for task in read_manifest(folder).tasks]
    (graded,) = read_manifest(folder).graded
    assert {} == graded["groups"]


def test_the_tasks_hash_does_not_hold_this_machines_paths(bench: Bench, tmp_path: Path) -> None:
    """The same YAML and data elsewhere are the same task."""
    (task,) = read_manifest(bench("words")).tasks
    (tmp_path / "words.yaml").write_text((TASKS / "words.yaml").read_text())
    (tmp_path / "capitals.jsonl").write_text((TASKS / "capitals.jsonl").read_text())
    document = json.loads((tmp_path / "suite.yaml").read_text()) | {"tasks": [{"lm_eval": "words.yaml"}]}
    (tmp_path / "suite.yaml").write_text(json.dumps(document))

    assert task.sha256 == build_run_setup(Selection(str(tmp_path / "suite.yaml"))).plan.tasks[0].sha256


def test_worker_processes_send_and_the_run_judges(bench: Bench) -> None:
    """Two processes send the choices; their requests travel, lm-eval's objects stay."""
    folder = bench("choices", loads=[{"concurrency": 4, "workers": 2}])
    rows = rows_of(folder)
    (graded,) = read_manifest(folder).graded

    assert {0, 1} == set(rows["worker"])
    assert graded["results"]["choices"]["acc,none"] == pytest.approx(rows["score"].mean())


def test_one_sample_can_be_tried(
    stub: Stub, bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bench try` shows the reply and what lm-eval makes of it."""
    bench("filters", entry={"limit": 2})
    stub.forget()
    capsys.readouterr()

    assert 0 == invoke(["try", str(tmp_path / "suite.yaml"), "--model", "m", "--sample", "0"])
    assert "lm-eval exact_match, strict-match: 1" in " ".join(capsys.readouterr().out.split())


def test_stored_answers_are_not_scored_again_without_lm_eval(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bench score` has one reply at a time; another scorer can be named."""
    folder = bench("words")
    capsys.readouterr()

    assert 2 == invoke(["score", str(folder)])
    assert "the suite has no scorer for words; name one with --scorer" in capsys.readouterr().err
    assert 0 == invoke(["score", str(folder), "--scorer", "exact"])


def test_open_and_closed_models_make_a_gap(
    stub: Stub, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same prompts to both sides: nine pairs, and the same answers make a gap of 0."""
    answers = {question: replies[:1] for question, replies in stub.replies.items()}
    stub.replies = answers
    common = {"runner": "openai", "model": "stub", "base_url": f"{stub.url}/v1"}
    models = [{"id": "o", "weights": "open", **common}, {"id": "c", "weights": "closed", **common}]
    folder = bench("filters", models=models)
    capsys.readouterr()

    assert 0 == invoke(["gap", str(folder), "--json"])
    rows = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["metric"] == "accuracy"]
    assert {(9, 0.0)} == {(row["n_pairs"], row["gap_points"]) for row in rows}
    assert ["c", "o"] == sorted(figures["model_id"] for figures in read_manifest(folder).graded)
