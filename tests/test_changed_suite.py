"""A suite that changed between two sessions: what changed is said, and what still holds is not asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import invoke
from harness.store import read_attempts, read_manifest, read_payload
from harness.verify import verify

SUITE = """\
name: mine
models:
  - {{id: open, runner: sim, weights: open, sim: {{protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: {max_tokens}}}
"""


def write(count: int, max_tokens: int = 64, changed: int = 0) -> None:
    rows = [
        {"id": f"q{n}", "question": f"What is {n} + {1 + (n < changed)}?", "answer": n + 1 + (n < changed)}
        for n in range(count)
    ]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE.format(max_tokens=max_tokens))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of 20 questions."""
    monkeypatch.chdir(tmp_path)
    write(20)
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    return next((tmp_path / "results").iterdir())


def newest(old: Path) -> Path:
    return next(path for path in old.parent.iterdir() if path != old)


def asked(run: Path) -> int:
    """Return how many requests the provider of a run saw."""
    return sum(len(log.read_text().splitlines()) for log in run.glob("logs/*/times.jsonl"))


def test_what_changed_is_said_and_nothing_is_done(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --accept-changes, and nobody to ask."""
    write(25)

    assert 2 == invoke(["run", "--resume", old.name, "--yes"])
    assert "task sums changed since it began" in capsys.readouterr().err
    assert [old] == list(old.parent.iterdir())


def test_rows_that_still_hold_are_not_asked_again(old: Path) -> None:
    """Five questions are new and three have another text: eight are asked, 17 are kept; the old run stays."""
    write(25, changed=3)
    assert 0 == invoke(["run", "--resume", old.name, "--accept-changes", "--yes", "--quiet"])
    new = newest(old)
    rows = read_attempts([new])

    assert 8 == asked(new)
    assert 25 == rows["final"].sum() == rows["sample_id"].nunique() == len(read_payload([new]))
    assert {new.name} == set(rows["run_id"])
    assert ("complete", old.name) == (read_manifest(new)["state"], read_manifest(new)["continues"])
    assert [] == verify(new)
    assert 20 == len(read_attempts([old]))


def test_other_parameters_are_another_question(old: Path) -> None:
    """All 20 are asked again."""
    write(20, max_tokens=32)
    assert 0 == invoke(["run", "--resume", old.name, "--accept-changes", "--yes", "--quiet"])

    assert 20 == asked(newest(old))


def test_the_new_run_takes_the_options_of_this_call(old: Path) -> None:
    """Its answers are kept where --cache says."""
    write(22)

    assert 0 == invoke(
        ["run", "--resume", old.name, "--yes", "--quiet", "--accept-changes", "--cache", "kept"]
    )
    assert 2 == len(list(Path("kept").rglob("*.json")))
