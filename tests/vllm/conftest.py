"""Real servers for `make test-vllm`: vLLM on the CPU with the trained model, and LiteLLM in front of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.real import (
    LADDER_MODEL,
    LITELLM,
    MODEL,
    SERVE_ARGS,
    SERVE_ENV,
    TOOL_MODEL,
    VISION_ARGS,
    VLLM_PYTHON,
    free_port,
    owned_server,
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
def vision_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the vision-language model, made anew."""
    folder = tmp_path_factory.mktemp("vision") / "model"
    script = Path(__file__).parent / "make_vision_model.py"
    command = [str(VLLM_PYTHON), str(script), "--out", str(folder)]
    made = subprocess.run(
        command, env={**os.environ, **SERVE_ENV}, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def vision_url(vision_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real vLLM with that model as `tiny`, started, owned and stopped by our runner."""
    with owned_server(vision_model, VISION_ARGS, tmp_path_factory.mktemp("vision-log")) as url:
        yield url


@pytest.fixture(scope="session")
def tools_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real vLLM with the tool model as `tiny`; `tool_parser` alone makes it read calls."""
    log = tmp_path_factory.mktemp("tools-log")
    with owned_server(TOOL_MODEL, SERVE_ARGS, log, tool_parser="hermes") as url:
        yield url


@pytest.fixture(scope="session")
def ladder_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real vLLM with the model that learnt the lowest rungs of a ladder, as `tiny`."""
    with owned_server(LADDER_MODEL, SERVE_ARGS, tmp_path_factory.mktemp("ladder-log")) as url:
        yield url


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
