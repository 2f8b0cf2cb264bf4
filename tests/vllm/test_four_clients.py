"""One real model behind real vLLM gives the same answers through all four clients."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gapbench.store import read_attempts, read_manifest, read_payload
from tests.vllm.real import MODEL, SERVE_ARGS, SERVE_ENV, VLLM_PYTHON

pytestmark = pytest.mark.vllm
ITEMS = 60


def write_samples(path: Path) -> None:
    """Write sums and multiple-choice questions of the forms that the model was trained on."""
    draw = random.Random(5)
    with path.open("w") as file:
        for number in range(ITEMS):
            if number % 2:
                left, right = draw.randrange(100), draw.randrange(100)
                row = {"kind": "sum", "question": f"What is {left} + {right}?", "answer": str(left + right)}
            else:
                options = draw.sample(range(100), 4)
                listed = "\n".join(
                    f"{letter}) {value}" for letter, value in zip("ABCD", options, strict=True)
                )
                row = {
                    "kind": "choice",
                    "question": f"Which is largest?\n{listed}",
                    "answer": "ABCD"[options.index(max(options))],
                }
            file.write(json.dumps({"id": f"{row['kind']}-{number}", **row}) + "\n")


@pytest.fixture(scope="module")
def run_folder(vllm_url: str, litellm_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one suite over the four clients; the vllm runner owns a server of its own."""
    folder = tmp_path_factory.mktemp("run")
    write_samples(folder / "items.jsonl")
    serve = {"python": str(VLLM_PYTHON), "args": list(SERVE_ARGS), "env": SERVE_ENV, "ready_timeout_s": 240}
    attached = {"model": "tiny", "weights": "open"}
    suite = {
        "name": "four-clients",
        "params": {"temperature": 0, "max_tokens": 8},
        "models": [
            {"id": "through-openai", "runner": "openai", "base_url": f"{vllm_url}/v1", **attached},
            {"id": "through-anthropic", "runner": "anthropic", "base_url": vllm_url, **attached},
            {
                "id": "through-google", "runner": "google", "base_url": litellm_url, **attached,
                "key_env": "LITELLM_KEY",
            },
            {
                "id": "owned", "runner": "vllm", "model": str(MODEL), "weights": "open", "serve": serve,
            },
        ],
        "tasks": [
            {
                "name": "items", "category": "reasoning", "data": "items.jsonl", "id": "{id}",
                "prompt": "{question}", "target": "{answer}", "scorer": "exact",
            }
        ],
        "loads": [{"concurrency": 4}],
    }  # fmt: skip
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    environment = {**os.environ, "LITELLM_KEY": "sk-local"}
    command = [
        sys.executable,
        "-m",
        "gapbench.cli",
        "run",
        "suite.yaml",
        "--yes",
        "--quiet",
        "--allow-code",
        "--out",
        "results",
    ]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / ended.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def attempts(run_folder: Path) -> pd.DataFrame:
    """The final attempts of that run."""
    frame = read_attempts([run_folder])
    return frame[frame["final"]]


def test_every_client_answers_every_item(attempts: pd.DataFrame) -> None:
    """4 clients x 60 items, none lost to infrastructure."""
    answered = attempts[attempts["outcome"] != "infra"].groupby("model_id", observed=True).size()

    assert dict.fromkeys(("owned", "through-anthropic", "through-google", "through-openai"), ITEMS) == dict(
        answered
    )


def test_answers_are_the_same_item_by_item(attempts: pd.DataFrame, run_folder: Path) -> None:
    """At temperature 0 the four clients bring the same text for each item."""
    payload = read_payload([run_folder])
    replies = payload.pivot_table(
        index="sample_id", columns="cell_id", values="reply", aggfunc="last", observed=True
    )

    assert len(replies) == ITEMS
    assert (replies.nunique(axis=1) == 1).all(), replies[replies.nunique(axis=1) > 1]


def test_the_model_is_as_good_as_its_card_says(attempts: pd.DataFrame) -> None:
    """The card was measured on 300 held-out items each; 60 items may differ by three standard errors."""
    card = json.loads((MODEL / "card.json").read_text())
    expected = (card["held_out_addition"] + card["multiple_choice"]) / 2
    error = (expected * (1 - expected) / ITEMS) ** 0.5
    measured = attempts[attempts["model_id"] == "owned"]["score"].mean()

    assert abs(measured - expected) <= 3 * error + 1 / ITEMS


def test_prompt_hashes_are_the_same(attempts: pd.DataFrame) -> None:
    """All clients were asked the same thing."""
    assert (attempts.groupby("sample_id", observed=True)["prompt_sha256"].nunique() == 1).all()


@pytest.mark.parametrize("column", ["input_tokens", "output_tokens"])
def test_token_counts_agree_between_clients(attempts: pd.DataFrame, column: str) -> None:
    """Four protocols count the same prompt and the same answer alike."""
    counts = attempts.pivot_table(index="sample_id", columns="model_id", values=column, observed=True)

    assert (counts.nunique(axis=1) == 1).all(), counts[counts.nunique(axis=1) > 1]


def test_token_counts_agree_with_the_servers_own(attempts: pd.DataFrame, run_folder: Path) -> None:
    """The owned server's counters grew by what the rows say."""
    cell = next(cell for cell in read_manifest(run_folder).cells if cell.model_id == "owned")
    before, after = cell.counters_before or {}, cell.counters_after or {}
    grown = {name: after[name] - before[name] for name in after}
    owned = attempts[attempts["model_id"] == "owned"]

    assert owned["input_tokens"].sum() == grown["vllm:prompt_tokens_total"]
    assert owned["output_tokens"].sum() == grown["vllm:generation_tokens_total"]


def test_times_are_in_order(attempts: pd.DataFrame) -> None:
    """Scheduled, sent, first byte, first token, done."""
    order = attempts[["scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "done_s"]]

    assert (order.diff(axis=1).iloc[:, 1:] >= 0).all().all()


def test_the_owned_server_is_told_in_the_manifest(run_folder: Path) -> None:
    """Version, arguments and command of the owned server stand in run.json."""
    model = next(model for model in read_manifest(run_folder).models if model.id == "owned")

    assert model.facts["vllm"]
    assert "--served-model-name" in model.facts["owned"]["command"]
    assert model.facts["max_model_len"] == 512


def test_the_owned_server_is_gone(run_folder: Path) -> None:
    """No process of the owned server outlives the run."""
    model = next(model for model in read_manifest(run_folder).models if model.id == "owned")

    assert not Path(f"/proc/{model.facts['owned']['pid']}").exists()
