"""Real servers for `make test-vllm`: vLLM on the CPU with the trained model, and LiteLLM in front of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.vllm.real import (
    LITELLM,
    MODEL,
    SERVE_ARGS,
    SERVE_ENV,
    VLLM_PYTHON,
    free_port,
    stop,
    wait_until_ready,
)


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real vLLM that serves the trained model under the name `tiny`."""
    port, log = free_port(), tmp_path_factory.mktemp("vllm") / "vllm.log"
    command = [
        str(VLLM_PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL),
        "--host", "127.0.0.1", "--port", str(port), *SERVE_ARGS,
    ]  # fmt: skip
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **SERVE_ENV})
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


@pytest.fixture(scope="session")
def litellm_url(vllm_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of LiteLLM, which speaks Gemini's protocol in front of the same vLLM."""
    folder = tmp_path_factory.mktemp("litellm")
    port, log, config = free_port(), folder / "litellm.log", folder / "litellm.yaml"
    config.write_text(
        "model_list:\n  - model_name: tiny\n    litellm_params:\n"
        f"      {{model: hosted_vllm/tiny, api_base: '{vllm_url}/v1', api_key: none}}\n"
        "general_settings: {master_key: sk-local}\nlitellm_settings: {telemetry: false}\n"
    )
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONDONTWRITEBYTECODE": ""}
    command = [str(LITELLM), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/health/liveliness", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
