"""A suite that changed between two sessions: what changed is said, and what still holds is not asked again."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts, read_manifest, read_payload
from gapbench.store.verify import verify_run

SUITE = """\
name: mine
models:
  - {{id: open, runner: sim, weights: open, sim: {{protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: {max_tokens}}}
"""


def write(count: int, max_tokens: int = 64, changed: int = 0, replaced: tuple[str, str] = ("-", "-")) -> None:
    rows = [
        {"id": f"q{n}", "question": f"What is {n} + {1 + (n < changed)}?", "answer": n + 1 + (n < changed)}
        for n in range(count)
    ]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE.format(max_tokens=max_tokens).replace(*replaced))


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of 20 questions."""
    monkeypatch.chdir(tmp_path)
    write(20)
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    return next((tmp_path / "results").iterdir())


def newest(old: Path) -> Path:
    return next(path for path in old.parent.iterdir() if path != old)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def asked(run: Path) -> int:
    """Return how many requests the provider of a run saw."""
    return sum(len(log.read_text().splitlines()) for log in run.glob("logs/*/times.jsonl"))


def test_what_changed_is_said_and_nothing_is_done(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --accept-changes, and nobody to ask."""
    write(25)

    assert 2 == invoke(["run", "--resume", old.name, "--yes"])
    assert "task sums changed since it started" in capsys.readouterr().err
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
    assert ("complete", old.name) == (read_manifest(new).state, read_manifest(new).continues)
    assert [] == verify_run(new)
    assert 20 == len(read_attempts([old]))


def test_other_parameters_are_another_question(old: Path) -> None:
    """All 20 are asked again."""
    write(20, max_tokens=32)
    assert 0 == invoke(["run", "--resume", old.name, "--accept-changes", "--yes", "--quiet"])

    assert 20 == asked(newest(old))


def test_a_model_that_is_served_otherwise_is_asked_anew(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of two servers are not one model's; the keys that changed are named."""
    write(20, replaced=("skill", "seed: 3, skill"))
    assert 2 == invoke(["run", "--resume", old.name, "--yes"])
    assert "model open (sim) changed since it started" in capsys.readouterr().err

    assert 0 == invoke(["run", "--resume", old.name, "--accept-changes", "--yes", "--quiet"])
    assert 20 == asked(newest(old)) == len(read_attempts([newest(old)]))


def test_a_change_of_none_of_the_known_keys_is_said_too(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every row holds."""
    write(20, replaced=("params", "timeouts: {total_s: 50}\nparams"))

    assert 2 == invoke(["run", "--resume", old.name, "--yes"])
    assert "the suite's content (its params, retries, timeouts" in capsys.readouterr().err


def test_a_changed_load_is_named(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its label."""
    write(20, replaced=("params", "loads: [{concurrency: 8, warmup_requests: 1}]\nparams"))

    assert 2 == invoke(["run", "--resume", old.name, "--yes"])
    assert "the settings of load c8 changed since it started" in capsys.readouterr().err


def test_options_hold_for_the_new_run_too(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--cache and --metrics-port were dropped."""
    write(21)
    options = ["--cache", str(tmp_path / "kept"), "--metrics-port", str(free_port())]
    assert 0 == invoke(["run", "--resume", old.name, "--accept-changes", "--yes", *options])

    assert "metrics at http://127.0.0.1:" in capsys.readouterr().out
    assert list((tmp_path / "kept").rglob("*.json"))


def test_the_code_of_a_scorer_is_part_of_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edited function is a changed task; kept rows keep their score, and it is said how to score them anew."""
    monkeypatch.chdir(tmp_path)
    write(3, replaced=("scorer: numeric", 'scorer: {python: "mine_to_edit:judge"}'))
    code = Path("mine_to_edit.py")
    code.write_text("def judge(reply, row):\n    return 1\n")
    assert 0 == invoke(["run", "suite.yaml", "--allow-code", "--yes", "--quiet"])
    run = next((tmp_path / "results").iterdir())
    code.write_text("def judge(reply, row):\n    return 0\n")
    capsys.readouterr()

    assert 2 == invoke(["run", "--resume", run.name, "--yes", "--allow-code"])
    assert "task sums changed since it started" in capsys.readouterr().err
    assert 0 == invoke(["run", "--resume", run.name, "--accept-changes", "--yes", "--allow-code"])
    said = capsys.readouterr().out
    assert (
        f"kept rows have their old scores; score them again with\n  bench score results/{newest(run).name}"
        in said
    )
    assert 0 == asked(newest(run))
