"""The stub server, and the two ways to ask it: `bench run` and lm-eval's own command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.gapbench.suite.lm_eval.stub import Stub

TASKS = Path(__file__).parent / "tasks"
REPLIES: dict[str, list[str]] = json.loads((TASKS / "replies.json").read_text())

Bench = Callable[..., Path]


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A running server with the fixed replies."""
    with Stub(REPLIES) as server:
        yield server


@pytest.fixture
def bench(stub: Stub, tmp_path: Path) -> Bench:
    """Runs a suite of one open model and one lm-eval entry, and returns the run's folder."""

    def run(name: str, **changes: Any) -> Path:
        options = changes.pop("options", ())
        suite = tmp_path / "suite.yaml"
        entry = {"lm_eval": str(TASKS / f"{name}.yaml"), **changes.pop("entry", {})}
        model = {
            "id": "m",
            "runner": "vllm",
            "model": "stub",
            "weights": "open",
            "base_url": f"{stub.url}/v1",
        }
        document = {
            "name": "s",
            "models": [model],
            "tasks": [entry],
            "loads": [{"concurrency": 1}],
            **changes,
        }
        suite.write_text(json.dumps(document))
        code = invoke(["run", str(suite), "--yes", "--quiet", "--out", str(tmp_path / "results"), *options])

        assert code == 0
        (folder,) = {path.parent for path in (tmp_path / "results").glob("*/run.json")}
        return folder

    return run
