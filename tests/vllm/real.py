"""Where the real servers are, and how they are waited for and stopped."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gapbench.values import Model, Session
from gapbench_runners.vllm.runner import VllmRunner

ROOT = Path(__file__).parents[2]
MODEL = Path(__file__).parent / "model"
TOOL_MODEL = Path(__file__).parent / "tool_model"
LADDER_MODEL = Path(__file__).parent / "ladder_model"
VLLM_PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
LITELLM = ROOT / ".venv-litellm" / "bin" / "litellm"
READY_S = 600.0
SERVE_ARGS = (
    "--served-model-name", "tiny", "--max-model-len", "512", "--dtype", "float32", "--enforce-eager",
    "--enable-prompt-tokens-details", "--enable-tokenizer-info-endpoint",
)  # fmt: skip
VISION_ARGS = (
    "--served-model-name", "tiny", "--max-model-len", "1024", "--dtype", "float32", "--enforce-eager",
)  # fmt: skip
SERVE_ENV = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


def bench_beside_vllm(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return `bench` as a command of vLLM's environment, and the variables that make it one.

    Users have both in one environment. Here they are two, and ours is put behind vLLM's, so that what both
    hold is vLLM's; `sitecustomize` does that for the engine's own processes too.

    Args:
        folder: Where `sitecustomize.py` is written.
    """
    packages = sysconfig.get_paths()["purelib"]
    (folder / "sitecustomize.py").write_text(f"import sys\n\nsys.path.append({packages!r})\n")
    path = os.pathsep.join([str(folder), str(ROOT / "harness"), str(ROOT / "runners")])
    environment = {**os.environ, **SERVE_ENV, "PYTHONPATH": path}
    return [str(VLLM_PYTHON), "-m", "gapbench.cli"], environment


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


@contextmanager
def owned_server(model: Path, args: Sequence[str], log: Path, **options: str) -> Iterator[str]:
    """Start a vLLM as our runner does, yield its address, and have the runner stop it."""
    serve = {"python": str(VLLM_PYTHON), "args": list(args), "env": SERVE_ENV, "ready_timeout_s": READY_S}
    owner = VllmRunner(Model("owned", "vllm", str(model), "open", options={"serve": serve, **options}))
    with asyncio.Runner() as loop:
        loop.run(owner.open(Session(log)))
        try:
            attached = owner.model_for_workers()
            assert attached is not None
            assert attached.base_url is not None
            yield attached.base_url.removesuffix("/v1")
        finally:
            loop.run(owner.close())
