"""`bench sim` as a process, with a persona for each kind of reply and fault, for the vendors' own clients."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import yaml

from gapbench.values import GroundTruth, Image, Message, Text, prompt_sha256
from tests.gapbench_runners.sim_server.sdk import PNG, REFERENCE

QUICK = {"skill": 1.0, "ttft_s": 0.0, "ttft_sigma": 0, "gap_s": 0.0}
PERSONAS = {
    "gpt-4o": QUICK,
    "think-verbatim": {**QUICK, "reasoning": {"tokens": 20, "shown": "verbatim"}},
    "think-summary": {**QUICK, "reasoning": {"tokens": 20, "shown": "summary"}},
    "think-hidden": {**QUICK, "reasoning": {"tokens": 20, "shown": "hidden"}},
    "refuser": {**QUICK, "refuse": 1.0},
    "e429": {"faults": {"rate_limit": 1.0, "retry_after_s": 0.01}},
    "e500": {"faults": {"server_error": 1.0}},
    "eover": {"faults": {"overloaded": 1.0}},
    "ecut": {**QUICK, "faults": {"cut": 1.0}},
    "ehtml": {"faults": {"garbage": 1.0}},
    "cacher": {**QUICK, "cache": True},
}


def _user(*parts: Text | Image) -> Message:
    return Message("user", parts)


PROMPTS = (
    (_user(Text("What is 2+2?")),),
    (Message("system", (Text("Be terse."),)), _user(Text("What is 2+2?"))),
    (_user(Text("What colour?"), Image("image/png", PNG)),),
)


@pytest.fixture(scope="session")
def sim_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a `bench sim` that answers the prompts of the checks with the reference."""
    folder = tmp_path_factory.mktemp("sim")
    truths = [
        GroundTruth(prompt_sha256(prompt), "reasoning", REFERENCE, "The answer is 5.") for prompt in PROMPTS
    ]
    (folder / "truth.jsonl").write_bytes(
        b"".join(orjson.dumps(dataclasses.asdict(truth)) + b"\n" for truth in truths)
    )
    (folder / "persona.yaml").write_text(yaml.safe_dump(PERSONAS))
    with start_sim(folder, "--persona", "persona.yaml", "--truth", "truth.jsonl") as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().split()[1]
        process.terminate()
        process.wait()


def start_sim(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `bench sim` at a free port; its first line says its address."""
    command = [sys.executable, "-m", "gapbench.cli", "sim", "--port", "0", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
