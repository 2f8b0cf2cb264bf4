"""A suite of two simulated models over 30 sums, and `bench` asked in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke

SUITE = """\
name: mine
models:
  - {id: open, runner: sim, weights: open, cost: {gpu: H100-80GB, usd_per_gpu_hour: 2.95}, sim: {protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}}
  - {id: closed, runner: sim, weights: closed, cost: {input_usd_per_mtok: 5, output_usd_per_mtok: 25}, sim: {protocol: anthropic, skill: 0.9, ttft_s: 0.001, gap_s: 0}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric}
params: {max_tokens: 64}
"""


def write_suite(folder: Path) -> None:
    """Write the suite and its data into a folder."""
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(30)]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.yaml").write_text(SUITE)


def command_output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Return stdout of a command, or its one line on stderr where it is to fail."""
    assert code == invoke(list(arguments)), capsys.readouterr()
    output = capsys.readouterr()
    if code == 2:
        assert "" == output.out
        assert 1 == len(output.err.strip().splitlines()), output.err
        return output.err
    return output.out
