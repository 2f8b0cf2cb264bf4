"""Mock servers of other projects answer the same over every protocol that they speak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.servers.conftest import ANSWERS
from tests.servers.suites import run_models

pytestmark = pytest.mark.servers
ITEMS = [
    {"id": f"q{number}", "question": question, "answer": answer}
    for number, (question, answer) in enumerate(ANSWERS.items())
]


def models_at(url: str, anthropic: str, google: str, *, vllm: bool) -> list[dict[str, Any]]:
    """Return a model for each client.

    Args:
        url: The server; OpenAI's paths begin at ``/v1``.
        anthropic: Path before ``/v1/messages``.
        google: Path before ``/v1beta``.
        vllm: Whether the server answers vLLM's client.
    """
    openai: dict[str, Any] = {"model": "gpt-4o", "base_url": f"{url}/v1"}
    models: list[dict[str, Any]] = [
        {"id": "chat", "runner": "openai", **openai},
        {"id": "responses", "runner": "openai", "api": "responses", **openai},
        {"id": "messages", "runner": "anthropic", "model": "claude-sonnet-4-5", "base_url": url + anthropic},
        {"id": "gemini", "runner": "google", "model": "gemini-2.5-flash", "base_url": url + google},
    ]
    return [*models, {"id": "vllm", "runner": "vllm", **openai}] if vllm else models


def test_aimock_answers_alike_through_five_clients(aimock_url: str, tmp_path: Path) -> None:
    """20 questions each, all right."""
    answers = run_models(tmp_path, ITEMS, models_at(aimock_url, "", "", vllm=True))

    assert {("chat", 20), ("responses", 20), ("messages", 20), ("gemini", 20), ("vllm", 20)} == set(
        answers[answers["outcome"] == "correct"].groupby("model_id", observed=True).size().items()
    )
    assert {"stop"} == set(answers["finish_reason"])


def test_llmock_answers_alike_through_four_clients(llmock_url: str, tmp_path: Path) -> None:
    """It repeats the prompt: every text, and through each protocol the same one."""
    prompt = "{id} {question}\nThe answer is {answer}"
    answers = run_models(tmp_path, ITEMS, models_at(llmock_url, "/anthropic", "/gemini", vllm=False), prompt)
    replies = answers.pivot_table(
        index="sample_id", columns="model_id", values="reply", aggfunc="last", observed=True
    )

    assert {("chat", 20), ("responses", 20), ("messages", 20), ("gemini", 20)} == set(
        answers[answers["outcome"] == "correct"].groupby("model_id", observed=True).size().items()
    )
    assert (replies.nunique(axis=1) == 1).all()
    assert (answers["input_tokens"].notna() & answers["output_tokens"].notna()).all()
