"""Images of the built-in tasks on real vLLM, through the OpenAI, Anthropic and vLLM runners.

The google runner is left out: LiteLLM, the only Gemini-speaking server that can be had here, reads `inline_data`
where Google's client sends `inlineData`, and drops every image without a word.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gapbench.store import read_attempts, read_payload
from tests.vllm.real import ROOT

pytestmark = pytest.mark.vllm
CLIENTS = ("through-anthropic", "through-openai", "through-vllm")
LIMITS = {"spatial": 9, "compare": 5}
# Four image tokens (tests/vllm/make_vision_model.py) between <fake_token_around_image><global-img> and
# <fake_token_around_image>.
TOKENS_OF_ONE_IMAGE = 4 + 3


def first_samples(name: str, where: Path) -> Path:
    """Copy a built-in task with only its first samples, so that each question is asked over several images."""
    folder = where / name
    shutil.copytree(ROOT / "tasks" / "multimodal" / name, folder)
    lines = (folder / "samples.jsonl").read_text().splitlines(keepends=True)
    (folder / "samples.jsonl").write_text("".join(lines[: LIMITS[name]]))
    return folder


def twins(name: str, where: Path) -> list[dict[str, object]]:
    """Return a task, and the same task without its images."""
    folder = first_samples(name, where)
    task = yaml.safe_load((folder / "task.yaml").read_text())
    task["data"] = str(folder / "samples.jsonl")
    kept = {key: task[key] for key in ("category", "id", "prompt", "target", "scorer", "data")}
    return [
        {**kept, "name": f"multimodal/{name}", "images": task["images"]},
        {**kept, "name": f"{name}-blind"},
    ]


@pytest.fixture(scope="module")
def run_folder(vision_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two built-in tasks and their blind twins over three clients of one server."""
    folder = tmp_path_factory.mktemp("run")
    attached = {"model": "tiny", "weights": "open", "params": {"max_tokens": 16}}
    suite = {
        "name": "images",
        "params": {"temperature": 0},
        "models": [
            {"id": "through-openai", "runner": "openai", "base_url": f"{vision_url}/v1", **attached},
            {"id": "through-anthropic", "runner": "anthropic", "base_url": vision_url, **attached},
            {"id": "through-vllm", "runner": "vllm", "base_url": f"{vision_url}/v1", **attached},
        ],
        "tasks": [
            *(task for name in LIMITS for task in twins(name, folder)),
        ],
        "loads": [{"concurrency": 2}],
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    command = [
        sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes", "--quiet", "--out", "results",
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / ended.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def attempts(run_folder: Path) -> pd.DataFrame:
    """The final attempts, each with its answer's text."""
    frame = read_attempts([run_folder])
    keys = ["cell_id", "sample_id", "repeat", "attempt"]
    texts = read_payload([run_folder])[[*keys, "reply", "messages"]]
    return frame[frame["final"]].astype({"task": str, "model_id": str}).merge(texts, on=keys)


@pytest.fixture(scope="module")
def seen(attempts: pd.DataFrame) -> pd.DataFrame:
    """The attempts that showed images."""
    return attempts[~attempts["task"].str.endswith("-blind")]


def test_every_client_answers_every_item(attempts: pd.DataFrame) -> None:
    """3 clients x 2 x (9 + 5) items, none lost to infrastructure."""
    answered = attempts[attempts["outcome"] != "infra"].groupby("model_id").size()

    assert dict.fromkeys(CLIENTS, 2 * sum(LIMITS.values())) == dict(answered)


@pytest.mark.parametrize(
    "column", ["reply", "input_tokens", "output_tokens", "prompt_sha256", "image_count", "image_bytes"]
)
def test_all_clients_agree(attempts: pd.DataFrame, column: str) -> None:
    """Same prompt and images sent, same tokens counted, same text back at temperature 0."""
    values = attempts.groupby(["task", "sample_id"])[column]

    assert (values.count() == len(CLIENTS)).all()
    assert (values.nunique() == 1).all(), attempts[["task", "sample_id", "model_id", column]]


def test_image_tokens_are_counted(attempts: pd.DataFrame) -> None:
    """A prompt with n images is 7 n tokens longer than its blind twin, whoever asks."""
    asked = attempts.assign(
        item=attempts["task"].str.extract(r"(spatial|compare)")[0] + attempts["sample_id"]
    )
    shown = asked["image_count"] > 0
    tokens = asked[shown].set_index(["model_id", "item"]).sort_index()
    blind = asked[~shown].set_index(["model_id", "item"]).sort_index()

    assert {1, 2} == set(tokens["image_count"])
    assert (
        (TOKENS_OF_ONE_IMAGE * tokens["image_count"]).to_dict()
        == (tokens["input_tokens"] - blind["input_tokens"]).to_dict()
    )  # fmt: skip


def test_image_bytes_are_those_of_the_files(seen: pd.DataFrame) -> None:
    """The rows tell the size of the files as they lie in the task's folder."""
    expected = {}
    for name, limit in LIMITS.items():
        folder = ROOT / "tasks" / "multimodal" / name
        for line in (folder / "samples.jsonl").read_text().splitlines()[:limit]:
            row = json.loads(line)
            sizes = [(folder / file).stat().st_size for file in row["images"]]
            expected[f"multimodal/{name}", row["id"]] = sum(sizes)
    recorded = seen.groupby(["task", "sample_id"])["image_bytes"].first()

    assert expected == recorded.to_dict()


def test_the_model_sees_the_images(seen: pd.DataFrame) -> None:
    """The same question over other images gets another answer, from each client."""
    asked = seen.assign(
        question=seen["messages"].map(
            lambda text: "".join(part.get("text", "") for turn in json.loads(text) for part in turn["parts"])
        )
    )
    answers = asked.groupby(["model_id", "question"])["reply"].agg(["size", "nunique"])
    repeated = answers[answers["size"] > 1]

    # Per client: five pairs with one question, and maps with one question.
    assert len(CLIENTS) * 2 <= len(repeated)
    assert (repeated["nunique"] > 1).all(), repeated
