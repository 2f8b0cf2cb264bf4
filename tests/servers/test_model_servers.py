"""One real model behind two real servers: the same answers and counts through every protocol that each speaks."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.servers.suites import run_models
from tests.vllm.real import MODEL
from tests.vllm.test_four_clients import write_samples

pytestmark = pytest.mark.servers
ITEMS = 20


@pytest.fixture(scope="module")
def answers(
    transformers_url: str, llama_cpp_url: str, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """The final attempts of one suite over both servers: seven models that are one."""
    folder = tmp_path_factory.mktemp("run")
    write_samples(folder / "samples.jsonl")
    items = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()[:ITEMS]]
    transformers = {"model": str(MODEL), "base_url": f"{transformers_url}/v1"}
    llama = {"model": "tiny", "base_url": f"{llama_cpp_url}/v1"}
    models = [
        {"id": "transformers-chat", "runner": "openai", **transformers},
        {"id": "transformers-responses", "runner": "openai", "api": "responses", **transformers},
        {"id": "transformers-vllm", "runner": "vllm", **transformers},
        {"id": "llama-chat", "runner": "openai", **llama},
        {"id": "llama-responses", "runner": "openai", "api": "responses", **llama},
        {"id": "llama-anthropic", "runner": "anthropic", "model": "tiny", "base_url": llama_cpp_url},
        {"id": "llama-vllm", "runner": "vllm", **llama},
    ]  # fmt: skip
    return run_models(folder, items, models)


def test_every_client_answers_every_item(answers: pd.DataFrame) -> None:
    """7 clients x 20 items, none lost to infrastructure."""
    answered = answers[answers["outcome"] != "infra"].groupby("model_id", observed=True).size()

    assert 7 == len(answered)
    assert {ITEMS} == set(answered), answers.groupby("model_id", observed=True)["error"].first()


def test_answers_are_the_same_item_by_item(answers: pd.DataFrame) -> None:
    """At temperature 0 all protocols of both servers bring the same text."""
    replies = answers.pivot_table(
        index="sample_id", columns="model_id", values="reply", aggfunc="last", observed=True
    )

    assert (replies.nunique(axis=1) == 1).all(), replies[replies.nunique(axis=1) > 1]


def test_the_model_is_as_good_as_its_card_says(answers: pd.DataFrame) -> None:
    """The card was measured on 300 held-out items each; 20 items may differ by three standard errors."""
    card = json.loads((MODEL / "card.json").read_text())
    expected = (card["held_out_addition"] + card["multiple_choice"]) / 2
    error = (expected * (1 - expected) / ITEMS) ** 0.5
    measured = answers[answers["model_id"] == "llama-chat"]["score"].mean()

    assert abs(measured - expected) <= 3 * error + 1 / ITEMS


@pytest.mark.parametrize("column", ["input_tokens", "output_tokens"])
def test_token_counts_agree(answers: pd.DataFrame, column: str) -> None:
    """Two servers and four protocols count the same prompt and the same answer alike."""
    counts = answers.pivot_table(index="sample_id", columns="model_id", values=column, observed=True)

    assert (counts.nunique(axis=1) == 1).all(), counts[counts.nunique(axis=1) > 1]
    assert counts.notna().all(axis=None)


def test_a_finish_reason_comes_with_every_answer(answers: pd.DataFrame) -> None:
    """All answers are shorter than the budget."""
    assert {"stop"} == set(answers["finish_reason"])
