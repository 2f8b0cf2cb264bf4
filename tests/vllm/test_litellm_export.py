"""The configuration of `bench tiers --guarantee --export`, loaded by a real LiteLLM in front of the simulated provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.run_folders import make_answers, write_run
from tests.vllm.real import LITELLM, free_port, stop, wait_until_ready

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not LITELLM.exists(), reason="no .venv-litellm; `make test-vllm` makes it"),
]
KEY = "sk-of-the-provider"
MASTER_KEY = "sk-of-the-proxy"


def export(folder: Path, provider: str) -> Path:
    """Export the rule of a run in which the open model is as good in coding and right in half of reasoning."""
    rows = [
        *make_answers("open-a", 500, 500, task="coding/f"), *make_answers("closed-a", 500, 500, task="coding/f"),
        *make_answers("open-a", 250, 500), *make_answers("closed-a", 500, 500),
    ]  # fmt: skip
    models = {
        name: {
            "runner": runner, "name": served, "base_url": f"{provider}/v1",
            "cost": {"input_usd_per_mtok": price, "output_usd_per_mtok": price},
        }
        for name, runner, served, price in (("open_a", "vllm", "open-1", 1), ("closed_a", "openai", "closed-1", 10))
    }  # fmt: skip
    run, config = write_run(folder / "run-1", rows, **models), folder / "litellm.yaml"
    assert 0 == invoke(["tiers", str(run), "--guarantee", "1pp@95%", "--export", str(config)])
    return config


@contextmanager
def provider(folder: Path, *models: str) -> Iterator[str]:
    """Run `bench sim` for some models, with one accepted key."""
    port = free_port()
    command = [sys.executable, "-m", "gapbench.cli", "sim", "--port", str(port)]
    for model in models:
        command += ["--model", model]
    with running(command, f"http://127.0.0.1:{port}/sim/log", folder / "sim.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def litellm(folder: Path, config: Path) -> Iterator[str]:
    """Run the proxy with a configuration as it was written."""
    port = free_port()
    command = [str(LITELLM), "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--telemetry", "False"]  # fmt: skip
    with running(command, f"http://127.0.0.1:{port}/health/liveliness", folder / "litellm.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(command: list[str], ready: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends."""
    environment = {
        **os.environ,
        "OPENAI_API_KEY": KEY,
        "CLOSED_A_API_KEY": KEY,
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        wait_until_ready(process, ready, log)
        yield
    finally:
        stop(process)


def ask(proxy: str, model: str) -> str:
    """Return the text of an answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "What is 2 + 2?"}], "max_tokens": 16}
    request = urllib.request.Request(
        f"{proxy}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {MASTER_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        text: str = json.load(reply)["choices"][0]["message"]["content"]
    return text


def asked_models(provider_url: str) -> list[str]:
    """Return the models that the simulated provider answered for, in order."""
    with urllib.request.urlopen(f"{provider_url}/sim/log", timeout=10) as reply:
        rows: list[dict[str, Any]] = [json.loads(line) for line in reply.read().splitlines()]
    return [row["model"] for row in rows]


def test_each_category_reaches_its_model(tmp_path: Path) -> None:
    """Coding goes to the open model, through LiteLLM's `hosted_vllm`; reasoning and the closed model's own name to the closed."""
    with provider(tmp_path, "open-1", "closed-1") as url, litellm(tmp_path, export(tmp_path, url)) as proxy:
        texts = [ask(proxy, name) for name in ("coding", "reasoning", "closed-a")]

        assert all(texts)
        assert ["open-1", "closed-1", "closed-1"] == asked_models(url)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            ask(proxy, "cooking")


def test_an_open_model_that_is_gone_falls_back_to_the_closed_one(tmp_path: Path) -> None:
    """The provider knows the closed model alone."""
    with provider(tmp_path, "closed-1") as url, litellm(tmp_path, export(tmp_path, url)) as proxy:
        assert ask(proxy, "coding")
        assert "closed-1" == asked_models(url)[-1]
