"""Real servers for `make test-vllm`: vLLM on the CPU with the trained model, and LiteLLM in front of it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = Path(__file__).parent / "model"
VLLM_PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
LITELLM = ROOT / ".venv-litellm" / "bin" / "litellm"
READY_S = 240.0
SERVE_ARGS = (
    "--served-model-name", "tiny", "--max-model-len", "512", "--dtype", "float32", "--enforce-eager",
    "--enable-prompt-tokens-details",
)  # fmt: skip
SERVE_ENV = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            pass
        if process.poll() is not None:
            break
        # Polling a server of another's: it offers no other sign.
        time.sleep(0.25)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
    pytest.fail(f"{url} did not come up\n{tail}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
