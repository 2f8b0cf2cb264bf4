"""Model servers of other projects for `make test-servers`; each runs once for all tests, on loopback and offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vllm.real import MODEL, ROOT, free_port, stop, wait_until_ready

FOLDER = ROOT / ".venv-servers"
PYTHON = FOLDER / "bin" / "python"
HERE = Path(__file__).parent
OFFLINE = {
    **os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    # A model this small gains nothing from threads, and waiting threads slow a busy machine down.
    "OMP_NUM_THREADS": "1",
}  # fmt: skip
ANSWERS = {f"What is {n} + {n}?": str(2 * n) for n in range(1, 21)}
"""Questions and answers that the mock servers are given."""


@contextmanager
def running(command: Sequence[object], url: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends; it is ready when ``url`` answers."""
    with log.open("wb") as file:
        process = subprocess.Popen([str(word) for word in command], stdout=file, stderr=file, env=OFFLINE)
    try:
        wait_until_ready(process, url, log)
        yield
    finally:
        stop(process)


@pytest.fixture(scope="session")
def transformers_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of Hugging Face's own server with the trained model; its name is its folder."""
    port, log = free_port(), tmp_path_factory.mktemp("transformers") / "server.log"
    command = [
        FOLDER / "bin" / "transformers", "serve", MODEL, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu",
    ]  # fmt: skip
    with running(command, f"http://127.0.0.1:{port}/health", log):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def llama_cpp_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of llama.cpp's server with the same weights as GGUF, under the name `tiny`."""
    folder, port = tmp_path_factory.mktemp("llama-cpp"), free_port()
    made = subprocess.run(
        [PYTHON, HERE / "make_gguf.py", MODEL, folder / "tiny.gguf"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    command = [PYTHON, HERE / "serve_gguf.py", folder / "tiny.gguf", str(port)]
    with running(command, f"http://127.0.0.1:{port}/health", folder / "server.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def aimock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of aimock, which answers the questions of ANSWERS."""
    program = FOLDER / "npm" / "node_modules" / ".bin" / "aimock"
    if not program.exists() or shutil.which("node") is None:
        pytest.skip("aimock needs node and npm, which this machine lacks")
    folder, port = tmp_path_factory.mktemp("aimock"), free_port()
    fixtures = [
        {"match": {"userMessage": question}, "response": {"content": answer}}
        for question, answer in ANSWERS.items()
    ]
    (folder / "answers.json").write_text(json.dumps({"fixtures": fixtures}))
    program = FOLDER / "npm" / "node_modules" / ".bin" / "llmock"
    command = [program, "-p", str(port), "-h", "127.0.0.1", "-f", folder / "answers.json", "--strict"]
    with running(command, f"http://127.0.0.1:{port}/health", folder / "server.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def llmock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of llmock, which repeats the prompt."""
    port, log = free_port(), tmp_path_factory.mktemp("llmock") / "server.log"
    command = [FOLDER / "bin" / "llmock", "serve", "--port", str(port), "--response-style", "echo"]
    with running(command, f"http://127.0.0.1:{port}/health", log):
        yield f"http://127.0.0.1:{port}"
