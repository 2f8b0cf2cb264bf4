"""Other harnesses' logs become rows: their scores and tokens, no times, and nothing made up."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts, read_manifest, read_payload
from tests.gapbench.suite.lm_eval.conftest import REPLIES, TASKS
from tests.gapbench.suite.lm_eval.stub import Stub
from tests.gapbench.suite.lm_eval.test_same_metric import by_lm_eval

LOGS = Path(__file__).parent / "logs"
INSPECT = LOGS / "inspect" / "capitals.json"
HELM = LOGS / "helm" / "per_instance_stats.json"
TIMES = ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "first_answer_s", "last_token_s", "done_s")


def imported(out: Path, *arguments: str) -> Path:
    """Import into a folder and return the run."""
    assert 0 == invoke(["import", *arguments, "--out", str(out)])
    (folder,) = (path.parent for path in out.glob("*/run.json"))
    return folder


def refused(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> str:
    """Import and return the one line that was said."""
    assert 2 == invoke(["import", *arguments, "--out", str(out)])
    said = capsys.readouterr().err
    assert 1 == said.count("\n"), said
    return said


def rows_of(folder: Path) -> pd.DataFrame:
    return read_attempts([folder]).sort_values("sample_id", ignore_index=True)


def log_of_lm_eval(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let lm-eval itself ask the stub and write its log, and return the results file."""
    monkeypatch.chdir(TASKS)
    with Stub(REPLIES) as stub:
        by_lm_eval(name, stub.url, chat=name not in {"choices", "cloze"}, log_to=folder)
    (results,) = folder.glob("**/results_*.json")
    return results


def test_lm_evals_own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row for each document though the log has one for each filter; the first filter's verdict is the score."""
    results = log_of_lm_eval("filters", tmp_path / "log", monkeypatch)
    folder = imported(tmp_path / "out", str(results), "--weights", "open")
    rows, payload = rows_of(folder), read_payload([folder])

    assert ["correct", "wrong", "unparsed"] * 3 == list(rows["outcome"])
    assert {"lm-eval: exact_match, strict-match"} == set(rows["scorer"])
    assert {"import:lm-eval"} == set(rows["runner"])
    assert {"stub"} == set(rows["model_id"])
    assert rows["input_tokens"].isna().all()
    assert "Question: What is 17 + 5?\nAnswer:" == json.loads(payload["messages"][0])[0]["parts"][0]["text"]


def test_lm_evals_prompt_is_the_one_we_would_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an imported model and one that `bench run` asked are known to have been asked alike."""
    results = log_of_lm_eval("shots", tmp_path / "log", monkeypatch)
    folder = imported(tmp_path / "out", str(results), "--weights", "open")
    suite = tmp_path / "suite.yaml"
    with Stub(REPLIES) as stub:
        model = {"id": "m", "runner": "vllm", "weights": "open", "base_url": f"{stub.url}/v1"}
        suite.write_text(
            json.dumps({"name": "s", "models": [model], "tasks": [{"lm_eval": str(TASKS / "shots.yaml")}]})
        )
        assert 0 == invoke(["run", str(suite), "--yes", "--quiet", "--out", str(tmp_path / "ours")])
    (ours,) = (path.parent for path in (tmp_path / "ours").glob("*/run.json"))

    assert list(rows_of(ours)["prompt_sha256"]) == list(rows_of(folder)["prompt_sha256"])


def test_lm_evals_multiple_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document is one row, scored by its first metric that is a share; its choices' figures are the reply."""
    results = log_of_lm_eval("choices", tmp_path / "log", monkeypatch)
    folder = imported(tmp_path / "out", str(results), "--weights", "open")
    figures = json.loads(results.read_text())["results"]["choices"]
    rows = rows_of(folder)

    assert 5 == len(rows)
    assert figures["acc,none"] == pytest.approx(rows["score"].mean())
    assert {"lm-eval: acc, none"} == set(rows["scorer"])


def test_samples_alone_need_the_models_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of samples does not say who answered."""
    results = log_of_lm_eval("words", tmp_path / "log", monkeypatch)
    (samples,) = results.parent.glob("samples_*.jsonl")
    alone = shutil.copy(samples, tmp_path)
    capsys.readouterr()

    assert "name it with --model" in refused(capsys, tmp_path / "out", str(alone), "--weights", "open")
    folder = imported(tmp_path / "out", str(alone), "--weights", "open", "--model", "someone")
    assert {"someone"} == set(rows_of(folder)["model_id"])


@pytest.mark.parametrize("suffix", ["json", "eval"])
def test_inspects_log(suffix: str, tmp_path: Path) -> None:
    """Letters are scores, the cut answer is right all the same, and input tokens include what a cache held."""
    folder = imported(tmp_path, str(INSPECT.with_suffix(f".{suffix}")), "--weights", "closed")
    rows, payload = rows_of(folder), read_payload([folder])
    turns = [turn["role"] for turn in json.loads(payload["messages"][0])]

    assert ["4", "fr", "it", "pe"] == list(rows["sample_id"])
    assert ["correct", "correct", "wrong", "correct"] == list(rows["outcome"])
    assert ["stop", "stop", "stop", "length"] == list(rows["finish_reason"])
    assert {21 + 4} == set(rows["input_tokens"])
    assert {4} == set(rows["cached_input_tokens"])
    assert {2} == set(rows["reasoning_tokens"])
    assert ["system", "user"] == turns
    assert "2026-11-24T22:2" in rows["started_at"][0].isoformat()
    assert "2" == read_manifest(folder).tasks[0].version


def test_helms_log(tmp_path: Path) -> None:
    """The first known statistic is the score, perturbed copies are left out, and choices are mapped back."""
    folder = imported(tmp_path, str(HELM), "--weights", "closed")
    rows = rows_of(folder)

    assert ["id1", "id2", "id3"] == list(rows["sample_id"])
    assert ["correct", "truncated", "correct"] == list(rows["outcome"])
    assert ["Iron", "Stone", "Owl"] == list(rows["answer"])
    assert [40, 41, 42] == list(rows["input_tokens"])
    assert ["demo/model-a"] * 3 == list(rows["model_id"])
    assert {"demo:subject=science"} == set(rows["task"])
    assert {"helm: exact_match"} == set(rows["scorer"])


def test_times_stay_unknown(tmp_path: Path) -> None:
    """No log's clock is ours: not one instant, and no latency in the summary."""
    folder = imported(tmp_path, str(HELM), "--weights", "open")

    assert rows_of(folder)[list(TIMES)].isna().all(axis=None)


def test_an_unknown_prompt_is_nobody_elses(tmp_path: Path) -> None:
    """Without scenario_state.json two models' prompts are not known to be alike."""
    prompts: list[set[str]] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        spec = json.loads((LOGS / "helm" / "run_spec.json").read_text())
        spec["adapter_spec"]["model"] = name
        (tmp_path / name / "run_spec.json").write_text(json.dumps(spec))
        shutil.copy(HELM, tmp_path / name)
        folder = imported(tmp_path / f"out-{name}", str(tmp_path / name), "--weights", "open")
        prompts.append(set(rows_of(folder)["prompt_sha256"]))

    assert not prompts[0] & prompts[1]


def test_a_gap_between_two_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two models' logs of one task in one run: paired sample by sample, 100 against 75 of four."""
    other = json.loads(INSPECT.read_text())
    other["eval"]["model"] = "mine"
    for sample in other["samples"]:
        sample["scores"]["includes"]["value"] = "C"
    (tmp_path / "other.json").write_text(json.dumps(other))
    told = ("--weights", "mine=closed", "--weights", "mockllm/model=open")
    folder = imported(tmp_path / "out", str(INSPECT), str(tmp_path / "other.json"), *told)
    capsys.readouterr()

    assert 0 == invoke(["gap", str(folder), "--json"])
    gap = json.loads(capsys.readouterr().out)
    accuracy: list[dict[str, Any]] = [row for row in gap["rows"] if row["metric"] == "accuracy"]
    assert {(4, 25.0)} == {(row["n_pairs"], row["gap_points"]) for row in accuracy}
    assert 0 == invoke(["report", str(folder), "--html", str(tmp_path / "page.html")])
    assert 0 == invoke(["report", str(folder)])
    assert 0 == invoke(["cost", str(folder)])


def test_weights_must_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No log says whether weights are open, and a gap is nothing without."""
    assert "give --weights 'mockllm/model=open'" in refused(capsys, tmp_path, str(INSPECT))
    assert "expected open, closed, or MODEL=open" in refused(
        capsys, tmp_path, str(INSPECT), "--weights", "free"
    )
    assert "names 'x', which no log has" in refused(capsys, tmp_path, str(INSPECT), "--weights", "x=open")


def test_the_metric_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """HELM's statistics are many; an unknown one is told with those that are there."""
    folder = imported(tmp_path / "out", str(HELM), "--weights", "open", "--metric", "quasi_exact_match")
    capsys.readouterr()

    assert {"helm: quasi_exact_match"} == set(rows_of(folder)["scorer"])
    said = refused(capsys, tmp_path, str(HELM), "--weights", "open", "--metric", "bleu")
    assert "no statistic 'bleu'; name one with --metric: exact_match, inference_runtime" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{}", "no importer knows this file; there are: helm"),
        ("a.json", b"{", "is not JSON"),
        ("a.json", b'{"eval": {"task": "t", "model": "m"}}', "contains no samples, only a header"),
        ("a.json", b'[{"instance_id": 1, "stats": 5}]', "per_instance_stats.json: no run_spec.json"),
        (
            "results_x.json",
            b'{"results": {}, "configs": {}, "n-shot": {}}',
            "there are no samples_*_x.jsonl in its folder",
        ),
        ("samples_t_x.jsonl", b'{"a": 1}\n', "samples_t_x.jsonl:1: is not a sample of lm-eval"),
        ("samples_t_x.jsonl", b"", "is empty"),
        ("a.eval", b"PK", "is not a finished Inspect log"),
        ("a.txt", b"x", "is not JSON"),
        ("a.json", b'{"eval": {"task": "t", "model": "m"}, "samples": [5]}', "writes it: "),
        ("samples_t_x.jsonl", b'{"doc_id": 1, "resps": 5}\n', "writes it: "),
    ],
)
def test_what_is_no_log_is_told(
    name: str, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, the file's name in it, and nothing written."""
    file = tmp_path / ("per_instance_stats.json" if b"instance_id" in content else name)
    file.write_bytes(content)
    model = ("--model", "m") if name.startswith("samples") else ()

    assert said in refused(capsys, tmp_path / "out", str(file), "--weights", "open", *model)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, "it holds 'messages'"),
        ({"id": 1, "input": [], "output": {}, "traceId": "t"}, "it holds 'id', 'input', 'output', 'traceId'"),
    ],
)
def test_a_file_of_chats_is_told_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: dict[str, Any], held: str
) -> None:
    """Finding 29: nobody is sent to look for --model first."""
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps(line) + "\n")
    said = refused(capsys, tmp_path / "out", str(file), "--weights", "closed")

    assert f"chats.jsonl:1: is not a sample of lm-eval: {held}" in said
    assert (
        "reads scored logs of lm-eval, Inspect and HELM, and these are conversations without scores" in said
    )
    assert "--model" not in said


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A header may lie about its size, but no more than is promised is unpacked."""
    file = tmp_path / "bomb.eval"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("header.json", "w") as member,
    ):
        for _ in range(600):
            member.write(bytes(2**20))

    assert "unpacks to more than" in refused(capsys, tmp_path / "out", str(file), "--weights", "open")
