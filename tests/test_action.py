"""The GitHub action: what GitHub takes, and every script of it run here as its steps would run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local_server import LocalServer, serve
from tests.nights import write_nights

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
BIN = Path(sys.executable).parent
SUITE = """\
name: small
models:
  - {{id: open, runner: sim, weights: open, sim: {{protocol: openai, skill: {skill}, ttft_s: 0.001, gap_s: 0}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: 64}}
"""
FAKE_BENCH = """\
#!/bin/sh
echo "$*" >> calls.txt
case "$1" in
run) mkdir -p out/small-20261101-000000-aaaa && echo '{}' > out/small-20261101-000000-aaaa/run.json && echo out/small-20261101-000000-aaaa ;;
baseline) [ "$2" != show ] ;;
esac
"""


def test_the_action_is_what_github_takes() -> None:
    """Against GitHub's published schema, which the tool carries with it, and without a finding of zizmor."""
    for command in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
        ["zizmor", "--offline", "--no-progress", "action.yml"],
    ):
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr


def test_nothing_foreign_gets_into_a_shell_and_actions_are_pinned() -> None:
    """Inputs reach scripts by environment only."""
    assert [] == [step for step in STEPS if "${{" in step.get("run", "")]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in STEPS if "uses" in step)


def test_every_input_is_used_and_every_output_is_written() -> None:
    """Finding 43: no option without effect."""
    text = json.dumps(ACTION["runs"])
    script = (ROOT / "scripts/action/gate.sh").read_text()
    written = re.findall(r'echo "([a-z-]+)=', script)

    assert [] == [name for name in ACTION["inputs"] if f"inputs.{name}" not in text]
    assert [] == [name for name in ACTION["outputs"] if name not in written]


@dataclass
class Job:
    """A job on a machine of GitHub: its files, and the steps of the action.

    Attributes:
        folder: The checkout.
        api: Address of GitHub's API.
    """

    folder: Path
    api: str = "http://127.0.0.1:9"

    def step(self, name: str, event: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script of a step, with its defaults as inputs."""
        (step,) = [step for step in STEPS if step.get("name") == name]
        defaults = {key: str(value.get("default", "")) for key, value in ACTION["inputs"].items()}
        given = {
            key: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: defaults[found[1]], value)
            for key, value in step.get("env", {}).items()
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=900,
            env={
                **os.environ, "PATH": f"{self.folder}:{BIN}:{os.environ['PATH']}",
                "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": "event.json",
                "GITHUB_OUTPUT": str(self.folder / "output.txt"), "GITHUB_PATH": str(self.folder / "path.txt"),
                "GITHUB_STEP_SUMMARY": str(self.folder / "job.md"), "GITHUB_REPOSITORY": "team/product",
                "GITHUB_API_URL": self.api, "GITHUB_TOKEN": "t0ken", "RUNNER_TEMP": str(self.folder),
                **given, **environment,
            },
        )  # fmt: skip

    def gate(self, event: str, **environment: str) -> dict[str, str]:
        """Run the gate and return its outputs."""
        (self.folder / "output.txt").write_text("")
        (self.folder / "job.md").write_text("")
        done = self.step("Run and compare", event, SUITE="suite.yaml", **environment)
        assert 0 == done.returncode, done.stdout + done.stderr
        lines = (self.folder / "output.txt").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def summary(self) -> str:
        """Return what the last gate added to the job's summary."""
        return (self.folder / "job.md").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(60)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE.format(skill=0.9))
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    return Job(tmp_path)


def test_the_first_run_becomes_the_baseline_and_a_worse_pull_request_is_red(job: Job) -> None:
    """On a push the run is kept; a pull request is compared and keeps nothing; the last step exits with the gate's code."""
    first = job.gate("push")
    assert ("first", "0", "true") == (first["verdict"], first["exit-code"], first["keep"])
    assert "This run is the baseline `main` now" in job.summary()

    same = job.gate("pull_request")
    assert ("pass", "0", "false") == (same["verdict"], same["exit-code"], same["keep"])
    assert "No regression" in job.summary()

    (job.folder / "suite.yaml").write_text(SUITE.format(skill=0.3))
    worse = job.gate("pull_request")
    assert ("regression", "3", "false") == (worse["verdict"], worse["exit-code"], worse["keep"])
    assert "Regression: open accuracy" in job.summary()
    assert 3 == job.step("Result", "pull_request", CODE=worse["exit-code"]).returncode
    assert 1 == len(list(job.folder.glob(".gapbench/*/run.json")))


def test_a_suite_that_cannot_run_is_an_error_with_its_words(job: Job) -> None:
    """Exit 2 and the message, as a block of code."""
    (job.folder / "suite.yaml").write_text("name: [")
    found = job.gate("push")

    assert ("error", "2", "false", "") == tuple(
        found[name] for name in ("verdict", "exit-code", "keep", "run")
    )
    assert "**The run did not start** (exit code 2)." in job.summary()
    assert "\n    " in job.summary()


def test_nights_are_kept_compared_and_followed(job: Job) -> None:
    """14 nights in the cache and one 14 points down: the trend is in the summary, drift fails if asked to, the oldest go."""
    kept = job.folder / ".gapbench"
    write_nights(kept, [88] * 14 + [74])
    (kept / "baselines.json").write_text(json.dumps({"main": {"run": "night-00", "suite": "unit"}}, indent=2))
    (job.folder / "bench").write_text(
        "#!/bin/sh\n"
        f'case "$1" in run) cp -r {kept}/night-14 {job.folder}/night-14; rm -r {kept}/night-14; echo night-14;;\n'
        f'*) exec {BIN}/bench "$@";; esac\n'
    )
    (job.folder / "bench").chmod(0o755)
    with serve(lambda *_: (200, "ok")) as server:
        found = job.gate(
            "schedule",
            RULES="accuracy<-30pp",
            KEEP="13",
            FAIL_ON_DRIFT="true",
            BENCH_WEBHOOK=server.url,
        )

    assert ("drift", "3", "true") == (found["verdict"], found["exit-code"], found["keep"])
    assert "quality fell from 2026-10-15 on" in job.summary().replace("\\", "")
    assert ["drift"] == [body["event"] for body in server.bodies]
    names = sorted(path.parent.name for path in kept.glob("*/run.json"))
    # Two of 15 are too many; the older one is the baseline.
    assert ["night-00", *(f"night-{night:02}" for night in range(2, 15))] == names


def test_options_reach_the_commands_as_single_words(job: Job) -> None:
    """Whatever an input holds, it is one argument and no command."""
    (job.folder / "bench").write_text(FAKE_BENCH)
    (job.folder / "bench").chmod(0o755)
    found = job.gate(
        "pull_request",
        OUT="out",
        LIMIT="5; touch evil",
        MAX_USD="2",
        ALLOW_CODE="true",
        BASELINE="$(touch evil)",
    )
    calls = (job.folder / "calls.txt").read_text().splitlines()

    assert "run suite.yaml --yes --quiet --out out --limit 5; touch evil --max-usd 2 --allow-code" == calls[0]
    assert "baseline show --name $(touch evil) --out .gapbench" == calls[1]
    assert "first" == found["verdict"]
    assert not (job.folder / "evil").exists()


def comment(
    job: Job, existing: list[Any], status: int = 200
) -> tuple[subprocess.CompletedProcess[str], LocalServer]:
    """Run the comment's step against a fake of GitHub's API that has ``existing`` comments."""
    (job.folder / "summary.md").write_text("## Regression")

    def answer(method: str, path: str, _: Any) -> tuple[int, Any]:
        page = int(path.rpartition("page=")[2]) if method == "GET" else 0
        return (status, {}) if method != "GET" else (200, existing[100 * (page - 1) : 100 * page])

    with serve(answer) as server:
        job.api = server.url
        done = job.step(
            "Comment on the pull request", "pull_request", SUMMARY="summary.md", TITLE="main", JOB_URL="https://x/1",
            GITHUB_TOKEN="t0ken",
        )  # fmt: skip
    return done, server


def test_the_first_comment_is_written(job: Job) -> None:
    """On the pull request of the event, with a mark, the summary, and a link to the log."""
    done, server = comment(job, [])
    method, path, body = server.received[-1]

    assert 0 == done.returncode, done.stderr
    assert ("POST", "/repos/team/product/issues/7/comments") == (method, path)
    assert "<!-- gapbench: main -->\n## Regression\n[Log of this run](https://x/1)\n" == body["body"]
    assert "t0ken" not in done.stdout + done.stderr


def test_a_later_comment_replaces_the_first(job: Job) -> None:
    """The bot's own one on the second page; a person's comment with the same mark is left alone."""
    mark = {"body": "<!-- gapbench: main -->\nold"}
    others = [{"id": k, "user": {"type": "User"}, **mark} for k in range(100)]
    other_title = {"id": 500, "user": {"type": "Bot"}, "body": "<!-- gapbench: nightly -->"}
    done, server = comment(job, [*others, other_title, {"id": 501, "user": {"type": "Bot"}, **mark}])

    assert 0 == done.returncode, done.stderr
    assert ("PATCH", "/repos/team/product/issues/comments/501") == server.received[-1][:2]


def test_a_token_that_may_not_comment_is_a_warning(job: Job) -> None:
    """Pull requests from forks have such a token."""
    done, _ = comment(job, [], status=403)

    assert 0 == done.returncode
    assert done.stdout.startswith("::warning::gapbench could not comment: HTTP 403.")


def test_install_uses_the_locked_packages_and_sets_the_path(job: Job) -> None:
    """The script of `make setup`, asked for what a run needs; the steps that follow find bench."""
    (job.folder / "fake-install").write_text(f'#!/bin/sh\necho "$@" > {job.folder}/asked.txt\n')
    (job.folder / "fake-install").chmod(0o755)
    done = job.step("Install gapbench", "push", INSTALL=str(job.folder / "fake-install"))

    assert 0 == done.returncode, done.stderr
    assert "run\n" == (job.folder / "asked.txt").read_text()
    assert f"{ROOT}/.venv/bin\n" == (job.folder / "path.txt").read_text()
