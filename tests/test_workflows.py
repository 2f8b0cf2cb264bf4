"""The workflows are what GitHub takes, and the nightly script says no when it must."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
SUITE = """\
name: small
models:
  - {{id: open, runner: sim, weights: open, sim: {{protocol: openai, skill: {skill}, ttft_s: 0.001, gap_s: 0}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: 64}}
"""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_what_github_takes(path: Path) -> None:
    """Against GitHub's published schema, which the tool carries with it."""
    done = subprocess.run(
        [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    """Also within expressions and shell: injected text, credentials left behind, actions that are not pinned."""
    done = subprocess.run(
        [str(BIN / "zizmor"), "--offline", "--no-progress", *map(str, WORKFLOWS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_grants_little_and_puts_nothing_foreign_into_a_shell(path: Path) -> None:
    """Rights are read-only unless a job says otherwise; text from events reaches a script by environment only."""
    document = yaml.safe_load(path.read_text())
    steps = [step for job in document["jobs"].values() for step in job["steps"]]

    assert {"contents": "read"} == document["permissions"]
    assert all("timeout-minutes" in job for job in document["jobs"].values())
    assert not [step["run"] for step in steps if re.search(r"\$\{\{", step.get("run", ""))]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)


def test_every_script_that_a_workflow_runs_is_there() -> None:
    """And can be executed."""
    text = "".join(path.read_text() for path in WORKFLOWS)

    for name in (".ci/run", "scripts/audit.sh", "scripts/nightly.sh"):
        assert name in text
        assert os.access(ROOT / name, os.X_OK)


def nightly(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "scripts" / "nightly.sh")],
        cwd=checkout,
        env={
            **os.environ, "BENCH": str(BIN / "bench"), "SUITE": "suite.yaml",
            "RULES": "accuracy<-2pp\ncoverage<-1pp", **environment,
        },
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


def checked_out(folder: Path) -> None:
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "nightly.sh", folder / "scripts")


STUB = """\
#!/bin/sh
case "$1" in
run) mkdir -p out && echo '{}' > out/run.json && touch out/attempts-1.parquet && echo out && exit %d ;;
report) [ "$3" != --errors ] || cat hostile.txt ;;
baseline) [ "$2" = show ] || exit 1; [ -z "$BROKEN_BASELINES" ] || { cat hostile.txt >&2; exit 2; } ;;
compare) cat hostile.txt >&2; exit 2 ;;
esac
"""
HOSTILE = (
    "a model said:\n```\n# Passed\n<img src=x onerror=alert(1)>\n@everyone [click](http://x)\n~~~\n\n- no"
)


@pytest.mark.parametrize(
    ("code", "broken", "words"),
    [
        (130, "", "The run is broken (exit code 130)"),
        (0, "", "The comparison with `nightly` has an error (exit code 2)."),
        (0, "1", "The baselines cannot be read (exit code 2)."),
    ],
)
def test_what_others_said_is_text_in_the_summary(tmp_path: Path, code: int, broken: str, words: str) -> None:
    """Every line of it stands in a block of code, whatever it tries."""
    checked_out(tmp_path)
    stub = tmp_path / "bench"
    stub.write_text(STUB % code)
    stub.chmod(0o755)
    (tmp_path / "hostile.txt").write_text(HOSTILE)
    done = nightly(tmp_path, BENCH=str(stub), BROKEN_BASELINES=broken, GITHUB_STEP_SUMMARY="")
    first, *rest = (tmp_path / "nightly" / "summary.md").read_text().splitlines()

    assert (code or 2) == done.returncode, done.stdout + done.stderr
    assert first.startswith(words)
    assert "" == rest[0]
    assert HOSTILE.splitlines() == [line.removeprefix("    ") for line in rest if line.startswith("    ")]
    assert not [line for line in rest if line and not line.startswith("    ")]


def test_the_nightly_script_sets_a_baseline_passes_and_says_no(tmp_path: Path) -> None:
    """The first night sets the baseline, the second is as good, the third is 60 points down.

    A fourth of that kind is accepted, and a fifth cannot run.
    """
    checked_out(tmp_path)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(60)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite, summary = tmp_path / "suite.yaml", tmp_path / "job-summary.md"
    suite.write_text(SUITE.format(skill=0.9))
    first = nightly(tmp_path)
    assert 0 == first.returncode, first.stderr + first.stdout
    assert "this run becomes it" in (tmp_path / "nightly" / "summary.md").read_text()
    second = nightly(tmp_path)
    assert 0 == second.returncode, second.stderr + second.stdout
    assert (tmp_path / "nightly" / "report.html").exists()
    assert list((tmp_path / "nightly" / "run").glob("attempts-*.parquet"))
    suite.write_text(SUITE.format(skill=0.3))
    third = nightly(tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert 3 == third.returncode, third.stderr + third.stdout
    assert "Regression: open accuracy" in summary.read_text()
    assert "1" == ET.fromstring((tmp_path / "nightly" / "gate.xml").read_text()).get("failures")
    accepted = nightly(tmp_path, SET_BASELINE="1")
    assert 0 == accepted.returncode, accepted.stderr + accepted.stdout
    assert "the gate said no (exit code 3)" in (tmp_path / "nightly" / "summary.md").read_text()
    kept = json.loads((tmp_path / "results" / "baselines.json").read_text())["nightly"]["run"]
    assert max(path.name for path in (tmp_path / "results").glob("small-*")) == kept
    suite.write_text("name: [")
    last = nightly(tmp_path)
    assert 2 == last.returncode, last.stderr + last.stdout
    assert "The run did not start (exit code 2)" in (tmp_path / "nightly" / "summary.md").read_text()


DEAD = """\
name: small
retries: {attempts: 1}
models:
  - {id: dead, runner: openai, model: some-model, weights: closed, base_url: "http://127.0.0.1:9/v1", cost: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}
"""


def test_a_dead_endpoint_does_not_cost_the_night_of_the_others(tmp_path: Path) -> None:
    """The other model is asked all and compared, the summary names the dead one, and the exit code is that of a broken run.

    A night on which the other model is 60 points down as well is a regression.
    """
    checked_out(tmp_path)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(60)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite, summary = tmp_path / "suite.yaml", tmp_path / "nightly" / "summary.md"
    healthy = SUITE.format(skill=0.9)
    suite.write_text(healthy)
    assert 0 == nightly(tmp_path).returncode
    suite.write_text(healthy.replace("name: small\nmodels:\n", DEAD))
    broken = nightly(tmp_path, SET_BASELINE="1")
    assert 1 == broken.returncode, broken.stderr + broken.stdout
    assert "127.0.0.1:9 cannot be reached" in summary.read_text()
    assert "| open | accuracy\\<-2pp | " in summary.read_text()
    assert 1 == len(json.loads((tmp_path / "results" / "baselines.json").read_text()))
    suite.write_text(suite.read_text().replace("skill: 0.9", "skill: 0.3"))
    worse = nightly(tmp_path)
    assert 3 == worse.returncode, worse.stderr + worse.stdout
    assert "Regression: open accuracy" in summary.read_text()
