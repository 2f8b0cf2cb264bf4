"""vLLM's engine in the process of `bench run`: what it answers and counts is what a served model does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gapbench.store import read_attempts, read_manifest, read_payload
from tests.vllm.real import MODEL, bench_beside_vllm
from tests.vllm.test_four_clients import ITEMS, write_samples

pytestmark = pytest.mark.vllm
ENGINE = {"dtype": "float32", "enforce_eager": True}
SUMS = {
    "name": "items", "category": "reasoning", "data": "items.jsonl", "id": "{id}",
    "prompt": "{question}", "target": "{answer}", "scorer": "exact",
}  # fmt: skip
PICTURES = {"task": "multimodal/compare", "limit": 3}


def run(
    folder: Path, command: list[str], environment: Mapping[str, str] | None, tasks: Any, model: dict[str, Any]
) -> Path:
    """Run a suite of one model and return its run folder."""
    suite = {
        "name": "engine", "params": {"temperature": 0}, "tasks": tasks, "loads": [{"concurrency": 4}],
        "models": [{"runner": "vllm", "weights": "open", **model}],
    }  # fmt: skip
    path = folder / f"{model['id']}.yaml"
    path.write_text(yaml.safe_dump(suite))
    ended = subprocess.run(
        [*command, "run", str(path), "--yes", "--quiet", "--out", str(folder / model["id"])],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [ended.stdout.strip()] == ended.stdout.splitlines(), (
        "only the run's folder goes to standard output"
    )
    return Path(ended.stdout.strip())


@pytest.fixture(scope="module")
def runs(
    vllm_url: str, vision_url: str, vision_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Four finished runs: two models, each in process and served."""
    folder = tmp_path_factory.mktemp("engine")
    write_samples(folder / "items.jsonl")
    beside, environment = bench_beside_vllm(folder)
    ours = [sys.executable, "-m", "gapbench.cli"]
    # No budget for the sums: both sides must go on to the end of the text or of the context.
    text = {"max_model_len": 512, **ENGINE}
    seeing = {"max_model_len": 1024, **ENGINE}
    budget = {"max_tokens": 16}
    models: list[tuple[list[str], Any, Any, dict[str, Any]]] = [
        (ours, None, SUMS, {"id": "text-served", "model": "tiny", "base_url": f"{vllm_url}/v1"}),
        (
            ours, None, PICTURES,
            {"id": "images-served", "model": "tiny", "base_url": f"{vision_url}/v1", "params": budget},
        ),
        (beside, environment, SUMS, {"id": "text-engine", "model": str(MODEL), "engine": {"args": text}}),
        (
            beside, environment, PICTURES,
            {
                "id": "images-engine", "model": str(vision_model), "engine": {"args": seeing},
                "params": budget,
            },
        ),
    ]  # fmt: skip
    return {model["id"]: run(folder, command, env, [task], model) for command, env, task, model in models}


def answers(folder: Path) -> pd.DataFrame:
    """Return a run's final attempts by sample, each with its answer's text."""
    frame = read_attempts([folder])
    texts = read_payload([folder])[["sample_id", "attempt", "reply"]]
    return frame[frame["final"]].merge(texts, on=["sample_id", "attempt"]).set_index("sample_id").sort_index()


@pytest.mark.parametrize(("kind", "items"), [("text", ITEMS), ("images", 3)])
def test_every_item_is_answered(runs: dict[str, Path], kind: str, items: int) -> None:
    """None is lost to infrastructure."""
    outcomes = answers(runs[f"{kind}-engine"])["outcome"]

    assert items == len(outcomes[outcomes != "infra"])


@pytest.mark.parametrize("kind", ["text", "images"])
@pytest.mark.parametrize(
    "column", ["reply", "score", "input_tokens", "output_tokens", "finish_reason", "prompt_sha256"]
)
def test_the_engine_answers_as_the_server_does(runs: dict[str, Path], kind: str, column: str) -> None:
    """Same text, score, token counts and end at temperature 0, item by item."""
    served, engine = answers(runs[f"{kind}-served"]), answers(runs[f"{kind}-engine"])

    assert served[column].to_dict() == engine[column].to_dict()


def test_times_are_in_order(runs: dict[str, Path]) -> None:
    """Scheduled, sent, first chunk, first token, done."""
    order = answers(runs["text-engine"])[
        ["scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "done_s"]
    ]

    assert (order.diff(axis=1).iloc[:, 1:] >= 0).all().all()


def test_each_chunk_tells_how_many_tokens_there_were(runs: dict[str, Path]) -> None:
    """The count at the last chunk of text is the answer's, but for an end mark."""
    rows = answers(runs["text-engine"])
    last = rows["chunk_tokens"].map(lambda counts: counts[-1])

    assert set(rows["output_tokens"] - last) <= {0, 1}


def test_the_manifest_tells_of_the_engine(runs: dict[str, Path]) -> None:
    """Version, arguments and the way it was run stand in run.json."""
    (model,) = read_manifest(runs["text-engine"]).models

    assert model.facts["in_process"] is True
    assert model.facts["vllm"][0].isdigit()
    assert {"max_model_len": 512, **ENGINE} == model.facts["args"]


def test_its_log_is_kept_with_the_run(runs: dict[str, Path]) -> None:
    """What vLLM says goes to the run's log and not to the terminal."""
    log = (runs["text-engine"] / "logs" / "text-engine" / "vllm.log").read_text()

    assert "EngineCore INFO Initializing" in log
    assert f"model={str(MODEL)!r}" in log
