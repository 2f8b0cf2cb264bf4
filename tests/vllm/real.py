"""Where the real servers are, and how they are waited for and stopped."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = Path(__file__).parent / "model"
VLLM_PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
LITELLM = ROOT / ".venv-litellm" / "bin" / "litellm"
READY_S = 240.0
SERVE_ARGS = (
    "--served-model-name", "tiny", "--max-model-len", "512", "--dtype", "float32", "--enforce-eager",
    "--enable-prompt-tokens-details", "--enable-tokenizer-info-endpoint",
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
