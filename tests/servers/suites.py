"""Run a suite of several models over the same questions, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from gapbench.store import read_attempts, read_payload

KEYS = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "none")


def run_models(
    folder: Path,
    items: Sequence[Mapping[str, str]],
    models: Sequence[Mapping[str, Any]],
    prompt: str = "{question}",
) -> pd.DataFrame:
    """Run a suite and return its final attempts with their replies.

    Args:
        folder: Where the suite and its results are written.
        items: Rows with ``id``, ``question`` and ``answer``.
        models: The suite's models.
        prompt: Template of the prompt.
    """
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    task = {
        "name": "items", "category": "reasoning", "data": "items.jsonl", "id": "{id}", "prompt": prompt,
        "target": "{answer}", "scorer": "exact",
    }  # fmt: skip
    suite = {
        "name": "servers",
        "params": {"temperature": 0, "max_tokens": 48},
        "models": [{"weights": "open", **model} for model in models],
        "tasks": [task],
        "loads": [{"concurrency": 2}],
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    command = [
        sys.executable,
        "-m",
        "gapbench.cli",
        "run",
        "suite.yaml",
        "--yes",
        "--quiet",
        "--out",
        "results",
    ]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **KEYS}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = folder / ended.stdout.strip().splitlines()[-1]
    rows = read_attempts([run])
    keys = ["cell_id", "sample_id", "repeat", "attempt"]
    texts = read_payload([run], [*keys, "reply", "error"])
    joined = rows.astype({"cell_id": str}).merge(texts.astype({"cell_id": str}), on=keys)
    finals: pd.DataFrame = joined[joined["final"]]
    return finals
